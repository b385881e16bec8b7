"""The store of entities and factors: each method runs one script on one entity."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from otp_engine.domain.factors.lockouts import MAX_TRIES
from otp_engine.domain.factors.ports import (
    EntityKey,
    FactorReservation,
    StoredEntity,
    StoredFactor,
)
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.policy.policy import Policy
from otp_engine.errors import (
    EntityExists,
    FactorAlreadyVerified,
    FactorNotFound,
    FactorUnverified,
    OTPError,
    RateLimited,
    TooManyFactors,
    TooManyTries,
)
from otp_engine.store import keys, lua_codec
from otp_engine.store.challenges import RedisChallengeStore
from otp_engine.store.entity_index import EntityIndex
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

# Twilio's limits of TOTP factors (errors 60315 and 60326).
_MAX_FACTORS = 100
_FACTORS_PER_ENTITY = Limit.parse("100/24h")
# Longer than any enrollment takes, also one that a client resumes after days.
UNVERIFIED_TTL = timedelta(days=7)
"""Time until an entity without a verified factor expires, and an enrollment ends."""

# A member without an entity is one that was just added, one that a failed call has
# left, or an entity that has expired.
_STALE_AFTER = timedelta(days=1)

_ID_BYTES = 16
_HASH_BYTES = 32
_FAILURE_BYTES = 21
_KEY_BYTES = 8

_Fields = Mapping[bytes, bytes]


class RedisFactorStore:
    """Stores `otp:{<entity>}:entity`; implements `domain.factors.ports.FactorStore`."""

    def __init__(
        self,
        client: RedisClient,
        challenges: RedisChallengeStore,
        *,
        replicas: int = 0,
        utcnow: Callable[[], datetime] = lambda: datetime.now(UTC),
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Store the entities in Redis.

        Args:
            client: Executes the commands.
            challenges: Deletes the challenges of a deleted entity.
            replicas: Number of replicas that must acknowledge each write.
            utcnow: Returns the time, by which the index is cleaned.
            random_bytes: Returns a number of unpredictable bytes.
        """
        self._client = client
        self._random_bytes = random_bytes
        self._challenges = challenges
        self._utcnow = utcnow
        self._index = EntityIndex(client, replicas=replicas, utcnow=utcnow)
        durable = partial(LuaScript, client, replicas=replicas)
        self._create_entity = durable("create_entity")
        self._put_factor = durable("put_factor")
        self._replace_record = durable("replace_factor_record")
        self._delete_factor = durable("delete_factor")
        self._delete_entity = durable("delete_entity")
        # A factor can be checked even while the memory of Redis is full.
        self._reserve_check = durable("reserve_factor_check", when_full=True)
        self._accept_step = durable("accept_factor_step", when_full=True)

    def create_entity(
        self, key: EntityKey, *, id: bytes, record: bytes
    ) -> StoredEntity:
        """Store an entity without factors.

        Raises:
            EntityExists: There is one with that key.
        """
        self._index.add(key, id)
        if not self._create_entity.run([keys.entity(key)], id, record):
            self._index.remove(key, id)
            raise EntityExists
        return self._require(key)

    def get_entity(self, key: EntityKey) -> StoredEntity | None:
        """Return an entity with its factors; None if there is none."""
        return self._get(keys.entity(key))

    def list_entities(self, service: str) -> Iterator[StoredEntity]:
        """Yield the entities of a service, newest first.

        Members of the index without an entity are deleted after a day.

        Args:
            service: SID of the service.
        """
        for key, entity_id, created_at in self._index.members(service):
            entity = self.get_entity(key)
            if entity and entity.id == entity_id:
                yield entity
            elif created_at + _STALE_AFTER < self._utcnow():
                self._unlist(key, entity_id)

    def delete_entity(self, key: EntityKey) -> bool:
        """Delete an entity with its factors and challenges.

        The challenges are first, so that a request that fails can be repeated.

        Returns:
            Whether there was one. Of two deletions at once, both return this: the reply
            to the script does not distinguish another request from a repeated one.
        """
        entity = self.get_entity(key)
        if entity is None:
            return False
        factor_ids = [factor.id for factor in entity.factors]
        self._challenges.delete_challenges(key, factor_ids)
        entity_id = self._delete_entity.run(
            [keys.entity(key), keys.created_factors(key)]
        )
        self._unlist(key, entity_id or entity.id)
        return True

    def put_factor(  # noqa: PLR0913 - the values of a factor
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
        """Add an unverified factor to an entity, and create the entity if missing.

        Args:
            key: The key of the entity.
            entity_id: Id of a new entity, 16 bytes.
            entity_record: Encrypted record of a new entity.
            factor_id: Id of the factor, 16 bytes.
            record: Encrypted record of the factor.
            is_authenticator: Whether the factor is being enrolled as the authenticator.
                It replaces an earlier one that was not activated.
            recovery: Argon2id parameters, a line feed, and the hashes of its recovery
                codes, 32 bytes each; empty without any.
            compared: Ids of the factors that the caller has compared with this one;
                None if it can be added to any others.

        Returns:
            The entity with the factor. None if the entity has a factor that is not in
            *compared*; nothing is stored then.

        Raises:
            TooManyFactors: The entity has 100 factors.
            RateLimited: The entity had 100 new factors in 24 hours.
        """
        self._index.add(key, entity_id)
        reply = self._put_factor.run(
            [keys.entity(key), keys.created_factors(key)],
            *(entity_id, entity_record, factor_id, record, recovery),
            *(int(is_authenticator), _MAX_FACTORS),
            lua_codec.encode_limit(_FACTORS_PER_ENTITY),
            lua_codec.to_ms(UNVERIFIED_TTL),
            b"*" if compared is None else b"".join(compared),
        )
        entity = None
        if reply[0] == b"created":
            entity = _decode_entity(lua_codec.to_fields(reply[1]))
        if entity is None or entity.id != entity_id:
            self._index.remove(key, entity_id)
        if entity is None and reply != [b"changed"]:
            raise _refusal(reply)
        return entity

    def replace_factor(
        self, key: EntityKey, factor_id: bytes, *, old: bytes, new: bytes
    ) -> bool:
        """Replace the encrypted record of a factor if it is still *old*.

        Returns:
            Whether *new* is stored now.
        """
        return bool(self._replace_record.run([keys.entity(key)], factor_id, old, new))

    def delete_factor(self, key: EntityKey, factor_id: bytes) -> bool:
        """Delete a factor; return whether there was one."""
        idempotency_key = self._random_bytes(_KEY_BYTES)
        return bool(
            self._delete_factor.run([keys.entity(key)], factor_id, idempotency_key)
        )

    def reserve_check(
        self,
        key: EntityKey,
        factor_id: bytes | None,
        *,
        idempotency_key: bytes,
        policy: Policy,
        activates: bool,
    ) -> FactorReservation:
        """Count one check of a factor as failed, and return the factor.

        Args:
            key: The key of the entity.
            factor_id: Id of the factor; None for the authenticator, or with *activates*
                for the factor that is being enrolled.
            idempotency_key: Identifies the check, 8 bytes.
            policy: The current policy.
            activates: Whether the check verifies the factor.

        Raises:
            FactorNotFound, FactorUnverified, FactorAlreadyVerified: No such factor can
                be checked; nothing was counted.
            RateLimited: The factor has had too many failed checks.
        """
        reply = self._reserve_check.run(
            [keys.entity(key)],
            *(factor_id or b"", idempotency_key, int(activates)),
            lua_codec.encode_limit(policy.failed_checks_per_factor),
            lua_codec.encode_limit(policy.consecutive_failures),
            MAX_TRIES,
            lua_codec.to_ms(UNVERIFIED_TTL),
        )
        return decode_reservation(reply)

    def accept_step(  # noqa: PLR0913 - the values of one check
        self,
        key: EntityKey,
        factor_id: bytes,
        *,
        idempotency_key: bytes,
        step: int,
        activates: bool,
        is_authenticator: bool,
    ) -> datetime | None:
        """Accept a time step of a factor, and clear its failed checks.

        Args:
            key: The key of the entity.
            factor_id: Id of the factor.
            idempotency_key: Identifies the check, 8 bytes.
            step: The time step (RFC 6238, section 4.2).
            activates: Whether the check verifies the factor.
            is_authenticator: Whether the factor then replaces the authenticator.

        Returns:
            When, by the clock of Redis; None if that step or a later one was accepted
            before, or the factor is gone.
        """
        at = self._accept_step.run(
            [keys.entity(key)],
            *(factor_id, idempotency_key, step),
            *(int(activates), int(is_authenticator)),
        )
        return lua_codec.from_epoch_ms(at) if at else None

    def _require(self, key: EntityKey) -> StoredEntity:
        entity = self.get_entity(key)
        if entity is None:
            # Another request has deleted it meanwhile.
            raise FactorNotFound
        return entity

    def _unlist(self, key: EntityKey, entity_id: bytes) -> None:
        """Remove an entity that is gone from the index."""
        self._index.remove(key, entity_id)
        entity = self.get_entity(key)
        if entity and entity.id == entity_id:
            # An import has created it again in the meantime.
            created_at = lua_codec.to_epoch_ms(entity.created_at)
            self._index.add_created(key, entity_id, created_at=created_at)

    def _get(self, name: str) -> StoredEntity | None:
        fields = self._client.execute(lambda redis: redis.hgetall(name), name)
        return _decode_entity(fields) if fields else None


def decode_reservation(reply: Sequence[Any]) -> FactorReservation:
    """Return the reserved check from the *reply* of its script.

    Raises:
        OTPError: The script refused the check.
    """
    match reply:
        case [b"reserved", at, remaining, wait, entity_id, factor_id, *pairs]:
            fields = lua_codec.to_fields(pairs)
            return FactorReservation(
                factor=_decode_factor(factor_id, fields),
                entity_id=entity_id,
                at=lua_codec.from_epoch_ms(at),
                attempts_remaining=remaining,
                retry_after=timedelta(milliseconds=wait),
            )
        case _:
            raise _refusal(reply)


def _refusal(reply: Sequence[Any]) -> OTPError:
    """Return the error for the *reply* of a script that refused a request."""
    match reply:
        case [b"not_found"]:
            return FactorNotFound()
        case [b"unverified"]:
            return FactorUnverified()
        case [b"verified"]:
            return FactorAlreadyVerified()
        case [b"too_many_factors"]:
            return TooManyFactors()
        case [b"max_factor_tries", _]:
            return TooManyTries()
        case [reason, wait]:
            retry_after = timedelta(milliseconds=wait)
            return RateLimited(reason.decode(), retry_after=retry_after)
        case _:
            raise AssertionError(reply)


def _decode_entity(fields: _Fields) -> StoredEntity:
    by_factor: dict[bytes, dict[bytes, bytes]] = {}
    for field, value in fields.items():
        if field[_ID_BYTES : _ID_BYTES + 1] == b":":
            factor_id, name = field[:_ID_BYTES], field[_ID_BYTES + 1 :]
            by_factor.setdefault(factor_id, {})[name] = value
    factors = [_decode_factor(found, values) for found, values in by_factor.items()]
    return StoredEntity(
        id=fields[b"id"],
        record=fields[b"record"],
        created_at=_decode_time(fields[b"created_at"]),
        updated_at=_decode_time(fields[b"updated_at"]),
        factors=tuple(
            sorted(factors, key=lambda factor: (factor.created_at, factor.id))
        ),
        authenticator=fields.get(b"authenticator"),
        enrolling=fields.get(b"enrolling"),
    )


def _decode_factor(id: bytes, fields: _Fields) -> StoredFactor:
    verified_at = fields.get(b"verified_at")
    _, _, hashes = fields.get(b"recovery", b"").partition(b"\n")
    return StoredFactor(
        id=id,
        record=fields[b"record"],
        created_at=_decode_time(fields[b"created_at"]),
        updated_at=_decode_time(fields[b"updated_at"]),
        verified_at=_decode_time(verified_at) if verified_at else None,
        step=int(fields.get(b"step", 0)),
        recovery_codes_left=len(hashes) // _HASH_BYTES,
        failed_at=_decode_failures(fields.get(b"failures", b"")),
        recovery_failed_at=_decode_failures(fields.get(b"recovery_failures", b"")),
    )


def _decode_failures(text: bytes) -> tuple[datetime, ...]:
    starts = range(0, len(text), _FAILURE_BYTES)
    return tuple(
        _decode_time(text[start + _KEY_BYTES : start + _FAILURE_BYTES])
        for start in starts
    )


def _decode_time(milliseconds: bytes) -> datetime:
    return lua_codec.from_epoch_ms(int(milliseconds))
