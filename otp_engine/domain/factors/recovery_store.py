"""The interface of the store that recovery codes need."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from otp_engine.domain.factors.ports import EntityKey, FactorReservation
from otp_engine.domain.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class RecoveryReservation:
    """A check of a recovery code that the store has reserved.

    Attributes:
        check: The check, with the authenticator.
        recovery: The stored recovery codes of the authenticator; empty without any.
    """

    check: FactorReservation
    recovery: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryUse:
    """The use of a recovery code.

    Attributes:
        at: Time of the use, by the store's clock.
        codes_left: Recovery codes that can still be used.
    """

    at: datetime
    codes_left: int


class RecoveryCodeStore(Protocol):
    """Checks the recovery codes that `FactorStore.put_factor` has stored.

    Every method raises `StoreUnavailable` when the store does not answer. A method that
    is repeated with the same idempotency key changes nothing and returns the same.
    """

    def reserve_recovery_check(
        self, key: EntityKey, *, idempotency_key: bytes, policy: Policy
    ) -> RecoveryReservation:
        """Reserve one check: count it as failed before its code is compared.

        The budget is as large as that of codes, and apart from it.

        Args:
            key: The key of the entity.
            idempotency_key: Identifies the check, 8 bytes.
            policy: The current policy.

        Raises:
            FactorNotFound: The entity has no authenticator.
            RateLimited: `failed_checks_per_factor` or `max_consecutive_failures`
                refused the check.
        """

    def release_recovery_check(
        self, key: EntityKey, factor_id: bytes, *, idempotency_key: bytes
    ) -> None:
        """Release a reserved check that compared no code.

        Args:
            key: The key of the entity.
            factor_id: Id of the factor.
            idempotency_key: Identifies the check, 8 bytes.
        """

    def use_recovery_code(
        self,
        key: EntityKey,
        factor_id: bytes,
        *,
        idempotency_key: bytes,
        code_hash: bytes,
    ) -> RecoveryUse | None:
        """Delete a recovery code, and the failed checks of recovery codes.

        Args:
            key: The key of the entity.
            factor_id: Id of the factor.
            idempotency_key: Identifies the check, 8 bytes.
            code_hash: The stored hash that equals that of the code, 32 bytes.

        Returns:
            The use; None if another request has used the code, or the factor is gone.
        """
