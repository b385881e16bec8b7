"""The store of challenges: each method runs one script, and decodes its reply."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from otp_engine.domain.factors import challenge_models
from otp_engine.domain.factors.challenge_models import ChallengeStatus
from otp_engine.domain.factors.challenge_store import StoredChallenge
from otp_engine.domain.factors.ports import EntityKey
from otp_engine.errors import (
    ChallengeAlreadyApproved,
    ChallengeExpired,
    ChallengeNotFound,
    EntityNotFound,
    FactorNotFound,
    FactorUnverified,
    OTPError,
    RateLimited,
)
from otp_engine.store import keys, lua_codec
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

_PAGE = 100
_ERRORS: dict[bytes, type[OTPError]] = {
    b"not_found": ChallengeNotFound,
    b"approved": ChallengeAlreadyApproved,
    b"expired": ChallengeExpired,
    b"entity_not_found": EntityNotFound,
    b"factor_not_found": FactorNotFound,
    b"unverified": FactorUnverified,
}


class RedisChallengeStore:
    """Stores challenges; implements `domain.factors.challenge_store.ChallengeStore`."""

    def __init__(self, client: RedisClient, *, replicas: int = 0) -> None:
        """Store the challenges in Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge each write.
        """
        self._client = client
        durable = partial(LuaScript, client, replicas=replicas)
        self._create = durable("create_challenge")
        self._read = LuaScript(client, "read_challenges")
        # A code can be checked even while the memory of Redis is full.
        self._reserve = durable("reserve_challenge_check", when_full=True)
        self._approve = durable("approve_challenge", when_full=True)

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
        """Create a challenge of a verified factor."""
        reply = self._create.run(
            [
                *(keys.entity(key), keys.challenge(key, id)),
                keys.challenges(key),
                keys.challenges_of_factor(key, factor_id),
            ],
            *(id, factor_id, lua_codec.encode_limit(challenge_models.PER_FACTOR)),
            lua_codec.to_epoch_ms(expires_at) if expires_at else 0,
            lua_codec.to_ms(challenge_models.LIFETIME),
            lua_codec.to_ms(challenge_models.MAX_LIFETIME),
            lua_codec.to_ms(challenge_models.STORED_FOR),
            *(idempotency_key, record),
        )
        match reply:
            case [b"created", at, *fields]:
                return _decode(id, fields, at)
            case _:
                raise _refusal(reply)

    def get_challenge(self, key: EntityKey, id: bytes) -> StoredChallenge | None:
        """Return a challenge; None without one."""
        return next(iter(self._get_all(key, [id])), None)

    def list_challenges(self, key: EntityKey) -> list[StoredChallenge]:
        """Return the challenges of an entity, oldest first."""
        found = [
            challenge
            for ids in self._list_ids(key)
            for challenge in self._get_all(key, ids)
        ]
        return sorted(found, key=lambda each: (each.created_at, each.id))

    def reserve_challenge_check(
        self, key: EntityKey, id: bytes, *, idempotency_key: bytes
    ) -> StoredChallenge:
        """Count one check of a pending challenge."""
        reply = self._reserve.run(
            [keys.entity(key), keys.challenge(key, id)],
            *(idempotency_key, challenge_models.MAX_CHECKS),
        )
        match reply:
            case [b"reserved", at, *fields]:
                return _decode(id, fields, at)
            case _:
                raise _refusal(reply)

    def approve_challenge(
        self, key: EntityKey, id: bytes, *, idempotency_key: bytes
    ) -> StoredChallenge | None:
        """Close a challenge for a reserved check with a right code."""
        at, *fields = self._approve.run(
            [keys.entity(key), keys.challenge(key, id)], idempotency_key
        )
        return _decode(id, fields, at) if at else None

    def delete_challenges(self, key: EntityKey, factor_ids: Sequence[bytes]) -> None:
        """Delete all challenges of an entity, which is about to be deleted.

        Args:
            key: The key of the entity.
            factor_ids: Ids of its factors, 16 bytes each.
        """
        index = keys.challenges(key)
        names = [index, *(keys.challenges_of_factor(key, each) for each in factor_ids)]
        for ids in self._list_ids(key):
            names += [keys.challenge(key, each) for each in ids]
        self._client.execute(lambda redis: redis.delete(*names), index)

    def _list_ids(self, key: EntityKey) -> list[list[bytes]]:
        """Return the ids of the challenges of an entity, in pages."""
        index = keys.challenges(key)
        ids = self._client.execute(lambda redis: redis.zrange(index, 0, -1), index)
        return [ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE)]

    def _get_all(self, key: EntityKey, ids: Sequence[bytes]) -> list[StoredChallenge]:
        names = [keys.challenge(key, each) for each in ids]
        at, *found = self._read.run([keys.entity(key), *names])
        return [
            _decode(each, fields, at)
            for each, fields in zip(ids, found, strict=True)
            if fields
        ]


def _refusal(reply: Sequence[Any]) -> OTPError:
    """Return the error for the *reply* of a script that refused a request."""
    match reply:
        case [reason]:
            return _ERRORS[reason]()
        case [reason, wait]:
            return RateLimited(
                reason.decode(), retry_after=timedelta(milliseconds=wait)
            )
        case _:
            raise AssertionError(reply)


def _decode(id: bytes, entries: Sequence[bytes], at: int) -> StoredChallenge:
    """Return the challenge with these fields, as it is at the time *at*."""
    fields = lua_codec.to_fields(entries)
    responded, expires = fields.get(b"responded_at"), int(fields[b"expires_at"])
    status = ChallengeStatus.PENDING
    if responded:
        status = ChallengeStatus.APPROVED
    elif expires <= at:
        status = ChallengeStatus.EXPIRED
    return StoredChallenge(
        id=id,
        entity_id=fields[b"entity"],
        factor_id=fields[b"factor"],
        record=fields[b"record"],
        status=status,
        created_at=lua_codec.from_epoch_ms(int(fields[b"created_at"])),
        updated_at=lua_codec.from_epoch_ms(int(fields[b"updated_at"])),
        responded_at=lua_codec.from_epoch_ms(int(responded)) if responded else None,
        expires_at=lua_codec.from_epoch_ms(expires),
    )
