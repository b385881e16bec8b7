"""The interface of the store of challenges.

Every method raises `StoreUnavailable` when the store does not answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from otp_engine.domain.factors.challenge_models import ChallengeStatus
from otp_engine.domain.factors.ports import EntityKey


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChallenge:
    """One challenge as the store has it; its times are of the store's clock.

    Attributes:
        id: Id of the challenge, 16 random bytes.
        entity_id: Id of the entity, 16 bytes.
        factor_id: Id of the factor, 16 bytes.
        record: The encrypted record.
        status: Its state when it was read.
        created_at: Time of the creation.
        updated_at: Time of the last change.
        responded_at: Time of the approval; None without one.
        expires_at: Time from which it accepts no code.
    """

    id: bytes
    entity_id: bytes
    factor_id: bytes
    record: bytes = field(repr=False)
    status: ChallengeStatus
    created_at: datetime
    updated_at: datetime
    responded_at: datetime | None
    expires_at: datetime


class ChallengeStore(Protocol):
    """Stores challenges, in the Cluster slot of their entity.

    An idempotency key identifies one check: a step that is repeated with the same key
    changes nothing and returns the same.
    """

    def create_challenge(  # noqa: PLR0913 - the values of one challenge
        self,
        key: EntityKey,
        *,
        id: bytes,
        factor_id: bytes,
        record: bytes,
        expires_at: datetime | None = None,
        idempotency_key: bytes = b"",
    ) -> StoredChallenge:
        """Create a challenge of a verified factor.

        Args:
            key: The key of the entity.
            id: Id of the challenge, 16 random bytes. A repetition with the same id
                changes nothing.
            factor_id: Id of the factor, 16 bytes.
            record: The encrypted record.
            expires_at: Time from which it accepts no code; None for the default.
            idempotency_key: Identifies the check that comes with the request, 8 bytes;
                empty without a code.

        Raises:
            EntityNotFound, FactorNotFound, FactorUnverified: The entity has no such
                verified factor.
            RateLimited: `challenges_per_factor` refused the challenge.
        """

    def get_challenge(self, key: EntityKey, id: bytes) -> StoredChallenge | None:
        """Return a challenge; None without one."""

    def list_challenges(self, key: EntityKey) -> list[StoredChallenge]:
        """Return the challenges of an entity, oldest first."""

    def reserve_challenge_check(
        self, key: EntityKey, id: bytes, *, idempotency_key: bytes
    ) -> StoredChallenge:
        """Reserve one check: count it before its code is compared.

        Args:
            key: The key of the entity.
            id: Id of the challenge, 16 bytes.
            idempotency_key: Identifies the check, 8 bytes.

        Raises:
            ChallengeNotFound: There is no such challenge.
            ChallengeAlreadyApproved: Another check has closed it.
            ChallengeExpired: It accepts no more codes.
            RateLimited: `max_challenge_checks` refused the check.
        """

    def approve_challenge(
        self, key: EntityKey, id: bytes, *, idempotency_key: bytes
    ) -> StoredChallenge | None:
        """Close a challenge for a reserved check with a right code.

        Returns:
            The challenge; None if another check has closed it, or if it is gone.
        """
