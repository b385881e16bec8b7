"""The interfaces of the stores that factors need.

Every method raises `StoreUnavailable` when the store does not answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from otp_engine.domain.policy.policy import Policy


class EntityKey(NamedTuple):
    """What identifies an entity in the store.

    Attributes:
        digest: The pseudonym of the service and the identity.
        service: SID of the service, which lists its entities.
    """

    digest: str
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFactor:
    """One factor as the store has it.

    Attributes:
        id: Id of the factor, 16 random bytes.
        record: The encrypted record.
        created_at: Time of the creation, by the store's clock as all of its times.
        updated_at: Time of the last change.
        verified_at: Time of the first right code; None before.
        step: Start of the last accepted time step, in seconds since 1970; 0 before the
            first. It grows also when the length of a step changes.
        recovery_codes_left: Number of recovery codes that can still be used.
        failed_at: Times of the failed checks that count, oldest first.
        recovery_failed_at: Those of its recovery codes.
    """

    id: bytes
    record: bytes = field(repr=False)
    created_at: datetime
    updated_at: datetime
    verified_at: datetime | None = None
    step: int = 0
    recovery_codes_left: int = 0
    failed_at: tuple[datetime, ...] = ()
    recovery_failed_at: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntity:
    """One entity as the store has it.

    Attributes:
        id: Id of the entity, 16 random bytes.
        record: The encrypted record.
        created_at: Time of the creation, by the store's clock as all of its times.
        updated_at: Time of the last change of the entity or of a factor.
        factors: Its factors, oldest first.
        authenticator: Id of the factor that `/auth` activated last; None without one.
        enrolling: Id of the unverified factor that `/auth` created; None without one.
    """

    id: bytes
    record: bytes = field(repr=False)
    created_at: datetime
    updated_at: datetime
    factors: tuple[StoredFactor, ...] = ()
    authenticator: bytes | None = None
    enrolling: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorReservation:
    """A check of a factor that the store has reserved.

    Attributes:
        factor: The factor.
        entity_id: Id of its entity, 16 bytes.
        at: Time of the check by the store's clock, which selects the time step.
        attempts_remaining: Checks left after this one, if its code is wrong.
        retry_after: With no checks left, the time until another one is allowed.
    """

    factor: StoredFactor
    entity_id: bytes
    at: datetime
    attempts_remaining: int
    retry_after: timedelta


class FactorStore(Protocol):
    """Stores entities and factors.

    An idempotency key identifies one request: a step that is repeated with the same key
    changes nothing and returns the same.
    """

    def create_entity(
        self, key: EntityKey, *, id: bytes, record: bytes
    ) -> StoredEntity:
        """Create an entity without factors, which has no expiry.

        Args:
            key: The key of the entity.
            id: Id of the entity, 16 random bytes. A repetition with the same id
                returns the entity again.
            record: The encrypted record.

        Raises:
            EntityExists: Another entity has the key.
        """

    def get_entity(self, key: EntityKey) -> StoredEntity | None:
        """Return an entity with its factors; None without one."""

    def list_entities(self, service: str) -> Iterator[StoredEntity]:
        """Yield the entities of a service, newest first.

        Entities that are deleted in the meantime are left out.

        Args:
            service: SID of the service.
        """

    def delete_entity(self, key: EntityKey) -> bool:
        """Delete an entity with its factors and challenges; return if it existed."""

    def put_factor(  # noqa: PLR0913 - the values of one factor
        self,
        key: EntityKey,
        *,
        entity_id: bytes,
        entity_record: bytes,
        factor_id: bytes,
        record: bytes,
        is_authenticator: bool = False,
        recovery: bytes = b"",
        compared: Sequence[bytes] | None = None,
    ) -> StoredEntity | None:
        """Add an unverified factor.

        Args:
            key: The key of the entity.
            entity_id: Id of the entity, 16 random bytes, if it is missing.
            entity_record: The encrypted record of the entity, if it is missing.
            factor_id: Id of the factor, 16 random bytes. A repetition with the same id
                changes nothing.
            record: The encrypted record of the factor.
            is_authenticator: Whether the factor replaces the unverified one that
                `/auth` created before.
            recovery: The stored recovery codes of the factor; empty without any.
            compared: Ids of the factors that the caller has compared with this one;
                None if it can be added to any others.

        Returns:
            The entity with the factor. None if the entity has a factor that is not in
            *compared*; nothing is stored then.

        Raises:
            TooManyFactors: The entity has 100 factors.
            RateLimited: `factors_per_entity`: the entity had 100 new ones in 24 hours.
        """

    def replace_factor(
        self, key: EntityKey, factor_id: bytes, *, old: bytes, new: bytes
    ) -> bool:
        """Replace the record of a factor, if *old* is still stored.

        Returns:
            Whether *old* was still stored.
        """

    def delete_factor(self, key: EntityKey, factor_id: bytes) -> bool:
        """Delete a factor; return whether it existed."""

    def reserve_check(
        self,
        key: EntityKey,
        factor_id: bytes | None,
        *,
        idempotency_key: bytes,
        policy: Policy,
        activates: bool,
    ) -> FactorReservation:
        """Reserve one check: count it as failed before its code is compared.

        A verified factor has the budget `failed_checks_per_factor` and the maximum of
        consecutive failures. An unverified one has five checks in all.

        Args:
            key: The key of the entity.
            factor_id: Id of the factor. None selects the authenticator, or with
                *activates* the factor that `/auth` enrolled.
            idempotency_key: Identifies the check, 8 bytes.
            policy: The current policy.
            activates: Whether a right code verifies the factor.

        Raises:
            FactorNotFound: The entity or the factor does not exist.
            FactorUnverified: The factor is unverified, and the check does not activate.
            FactorAlreadyVerified: The factor is verified, and the check activates.
            RateLimited: `failed_checks_per_factor`, `max_consecutive_failures` or
                `max_factor_tries` refused the check.
        """

    def accept_step(  # noqa: PLR0913 - the values of one acceptance
        self,
        key: EntityKey,
        factor_id: bytes,
        *,
        idempotency_key: bytes,
        step: int,
        activates: bool,
        is_authenticator: bool,
    ) -> datetime | None:
        """Accept a time step, which no later check can use again.

        The failed checks of the factor are deleted.

        Args:
            key: The key of the entity.
            factor_id: Id of the factor.
            idempotency_key: Identifies the check, 8 bytes.
            step: Start of the time step of the right code, in seconds since 1970.
            activates: Whether the factor becomes verified.
            is_authenticator: Whether the factor becomes the authenticator of the
                entity. The earlier one is deleted in the same step.

        Returns:
            The time of the approval. None if that step or a later one was accepted
            before, or if the factor is gone.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEntity:
    """All stored fields of an entity.

    Attributes:
        digest: The digest of its key.
        fields: The fields by their names.
        expires: Whether it expires because none of its factors is verified.
    """

    digest: str
    fields: Mapping[bytes, bytes] = field(repr=False)
    expires: bool


class MergeOutcome(StrEnum):
    """What became of an archived entity."""

    CREATED = "created"
    UPDATED = "updated"
    KEPT = "kept"
    OTHER = "other"


class EntityArchiveStore(Protocol):
    """Reads whole entities for an archive, and stores those of one."""

    def read(self, service: str) -> Iterator[RawEntity]:
        """Yield the entities of a service, each as it is at one time.

        Args:
            service: SID of the service.
        """

    def merge(
        self, key: EntityKey, fields: Mapping[bytes, bytes], *, expires: bool
    ) -> MergeOutcome:
        """Store an archived entity, unless the stored state is newer.

        A time step never goes back, a recovery code that either state has used stays
        used, and counted failed checks stay counted.

        Args:
            key: The key of the entity.
            fields: All of its fields.
            expires: Whether the entity expires because none of its factors is verified.

        Returns:
            `CREATED` if there was no such entity, `UPDATED` if the archived state was
            newer, `KEPT` if it was not, and `OTHER` if another entity has the key.
        """


class DataKeyStore(Protocol):
    """Stores the encrypted data key."""

    def get(self) -> bytes | None:
        """Return the encrypted data key; None if there never was one.

        Raises:
            DataKeyLost: The store has its fingerprint only.
        """

    def add(self, encrypted: bytes, fingerprint: bytes) -> bytes:
        """Store the first data key; return the one that is stored now.

        Raises:
            DataKeyLost: The store has the fingerprint of another data key only.
        """

    def replace(self, old: bytes, new: bytes) -> bool:
        """Replace *old* by *new*, if *old* is still stored.

        Returns:
            Whether *old* was still stored.
        """
