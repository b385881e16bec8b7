"""The engine's store: each method runs one script, and returns its reply as a value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from otp_engine.domain import provider_rejections
from otp_engine.domain.limits.limits import Limit, LimitHit, WindowUsage
from otp_engine.domain.models import (
    CheckReservation,
    HashParameters,
    PendingVerification,
    SendReservation,
)
from otp_engine.domain.phones.phone_keys import PhoneKey, PhoneState
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.provider_rejections import ProviderRejection
from otp_engine.errors import (
    LimitExceeded,
    RateLimited,
    TooManyAttempts,
    VerificationNotFound,
)
from otp_engine.store import keys, lua_codec
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

# Long enough for a retry after a lost reply.
_APPROVAL_TTL = timedelta(minutes=1)


class RedisVerificationStore:
    """Stores verifications and what limits have counted; see `domain.ports.Store`."""

    def __init__(self, client: RedisClient, *, replicas: int = 0) -> None:
        """Store the verifications in Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge a reservation, a commit
                or an approval. A release needs none.
        """
        self._line = client
        kept = partial(LuaScript, client, replicas=replicas)
        self._open = kept("reserve_send")
        self._take = kept("acquire_limits")
        self._arm = kept("commit_send")
        # Codes that are out can be checked even by a Redis that is full.
        self._claim = kept("reserve_check", when_full=True)
        self._approve = kept("approve", when_full=True)
        self._cancel = kept("cancel")
        self._look = LuaScript(client, "get_pending")
        self._unclaim = LuaScript(client, "release_check", when_full=True)
        self._withdraw = LuaScript(client, "release_send")
        self._refund = LuaScript(client, "release_limits")
        self._standing = LuaScript(client, "phone_state")
        self._add_failures = kept("add_failed_checks")

    def reserve_send(
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        hash_parameters: HashParameters | None,
        policy: Policy,
        sender: str = "",
    ) -> SendReservation:
        """Reserve one send, and start a verification if there is no live one."""
        limit, failed = policy.sends_per_phone, policy.failed_checks_per_phone
        bound = phone.bound is not None
        reply = self._open.run(
            _of_open(phone),
            idempotency_key,
            hash_parameters.salt if hash_parameters else b"",
            hash_parameters.argon2 if hash_parameters else b"",
            lua_codec.to_ms(policy.ttl),
            policy.max_sends,
            policy.checks_allowed(bound=bound),
            lua_codec.to_ms(policy.resend_cooldown),
            lua_codec.encode_limit(limit.enforced),
            "" if bound else lua_codec.encode_limit(failed),
            lua_codec.encode_limit(limit.shadow),
            lua_codec.encode_limit(policy.consecutive_failures),
            phone.scope,
            sender,
        )
        match reply:
            case [b"not_found"]:
                raise VerificationNotFound
            case [b"provider_rejection", text]:
                raise ProviderRejection.parse(text.decode()).to_error()
            case [b"reserved", id, cost, resend, used, over, shadow]:
                name = "sends_per_phone"
                return SendReservation(
                    hash_parameters=HashParameters(id, cost.decode()),
                    resend_after=lua_codec.from_ms(resend),
                    limit_usage=[
                        *lua_codec.decode_usage(name, limit.enforced, 0, used),
                        *lua_codec.decode_usage(name, limit.shadow, over, shadow),
                    ],
                )
            case [reason, wait]:
                raise _limit_error(reason, wait)
            case _:
                raise AssertionError(reply)

    def commit_send(
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        code_hash: bytes,
        policy: Policy,
    ) -> bool:
        """Store the hash of the code of a reserved send."""
        return bool(
            self._arm.run(
                [keys.verification(phone)],
                idempotency_key,
                code_hash,
                lua_codec.to_ms(policy.ttl),
            )
        )

    def release_send(
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        rejection: ProviderRejection | None = None,
        sender: str = "",
    ) -> None:
        """Release a reserved send, with its code if that was stored."""
        self._withdraw.run(
            [
                *_of_sends(phone),
                keys.shadow_sends(phone),
                keys.provider_rejections(phone),
            ],
            idempotency_key,
            str(rejection or ""),
            lua_codec.to_ms(provider_rejections.TTL),
            sender,
        )

    def reserve_check(
        self, phone: PhoneKey, *, idempotency_key: bytes, policy: Policy
    ) -> CheckReservation:
        """Reserve one check, and return the hashes that a code is compared with."""
        bound = phone.bound is not None
        reply = self._claim.run(
            [keys.verification(phone), *_of_failures(phone)],
            idempotency_key,
            policy.checks_allowed(bound=bound),
            "" if bound else lua_codec.encode_limit(policy.failed_checks_per_phone),
            lua_codec.encode_limit(policy.consecutive_failures),
        )
        match reply:
            case [b"reserved", id, cost, left, ends_in, *tags]:
                return CheckReservation(
                    hash_parameters=HashParameters(id, cost.decode()),
                    code_hashes=tuple(tags),
                    attempts_remaining=left,
                    expires_in=lua_codec.from_ms(ends_in),
                )
            case [b"not_found"]:
                raise VerificationNotFound
            case [reason, wait]:
                raise _limit_error(reason, wait)
            case _:
                raise AssertionError(reply)

    def release_check(self, phone: PhoneKey, *, idempotency_key: bytes) -> None:
        """Release a reserved check whose code was not compared."""
        self._unclaim.run(
            [keys.verification(phone), *_of_failures(phone)], idempotency_key
        )

    def approve(
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        verification_id: bytes,
        code_matched: bool = True,
    ) -> datetime | None:
        """Close the verification, and return when; None if another request did."""
        wrong, failures = _of_failures(phone)
        named = [keys.verification(phone), wrong, keys.approval(phone), failures]
        args = (
            idempotency_key,
            verification_id,
            lua_codec.to_ms(_APPROVAL_TTL),
            int(code_matched),
        )
        at = self._approve.run(named, *args)
        return lua_codec.from_timestamp(at) if at else None

    def cancel(self, phone: PhoneKey, *, verification_id: bytes | None = None) -> bool:
        """Close the verification without an approval; return whether it was pending."""
        return bool(
            self._cancel.run([keys.verification(phone)], verification_id or b"")
        )

    def get_pending(self, phone: PhoneKey) -> PendingVerification | None:
        """Return the pending verification, if there is one."""
        match self._look.run([keys.verification(phone)]):
            case [b"pending", id, guesses, ends_in]:
                return PendingVerification(
                    verification_id=id,
                    attempts_used=guesses,
                    expires_in=lua_codec.from_ms(ends_in),
                )
            case _:
                return None

    def acquire_limits(
        self, hits: Sequence[LimitHit], *, idempotency_key: bytes
    ) -> list[WindowUsage]:
        """Count one event against all of the shared limits, or against none."""
        if not hits:
            return []
        limits = list(map(lua_codec.encode_hit, hits))
        match self._take.run(
            list(map(keys.shared_limit, hits)), idempotency_key, *limits
        ):
            case [b"acquired", *said]:
                return [
                    use
                    for charge, (over, *used) in zip(hits, said, strict=True)
                    for use in lua_codec.decode_usage(
                        charge.limit_name, charge.limit, over, used
                    )
                ]
            case [b"rejected", n, wait]:
                name = hits[n - 1].limit_name
                raise RateLimited(name, retry_after=lua_codec.from_ms(wait))
            case reply:
                raise AssertionError(reply)

    def release_limits(
        self, hits: Sequence[LimitHit], *, idempotency_key: bytes
    ) -> None:
        """Release what `take` counted."""
        if hits:
            self._refund.run(list(map(keys.shared_limit, hits)), idempotency_key)

    def get_phone_state(self, phone: PhoneKey, policy: Policy) -> PhoneState:
        """Return whether this phone is in use under its pepper."""
        live, failures = self._standing.run(
            [*_of_sends(phone), keys.consecutive_failures(phone)],
            lua_codec.to_ms(policy.ttl),
        )
        return PhoneState(live=bool(live), failed_checks=failures)

    def move_failed_checks(self, old: PhoneKey, new: PhoneKey, policy: Policy) -> None:
        """Move the failed checks of one phone from one pepper's key to another's."""
        budget = policy.failed_checks_per_phone
        self._move(keys.failed_checks(old), keys.failed_checks(new), budget)
        consecutive = policy.consecutive_failures
        self._move(
            keys.consecutive_failures(old), keys.consecutive_failures(new), consecutive
        )

    def _move(self, source: str, target: str, limit: Limit) -> None:
        found = self._line.execute(
            lambda client: client.zrange(source, 0, -1, withscores=True), source
        )
        if not found:
            return
        pairs = [part for token, at in found for part in (round(at), token)]
        longest = max(window.period for window in limit.windows)
        self._add_failures.run([target], lua_codec.to_ms(longest), *pairs)
        tokens = [token for token, _ in found]
        self._line.execute(lambda client: client.zrem(source, *tokens), source)


def _of_open(phone: PhoneKey) -> list[str]:
    return [
        *_of_sends(phone),
        keys.failed_checks(phone),
        keys.shadow_sends(phone),
        keys.provider_rejections(phone),
        keys.consecutive_failures(phone),
        *([keys.bound(phone)] if phone.bound is not None else []),
    ]


def _of_failures(phone: PhoneKey) -> list[str]:
    return [keys.failed_checks(phone), keys.consecutive_failures(phone)]


def _of_sends(phone: PhoneKey) -> list[str]:
    return [keys.verification(phone), keys.sends(phone)]


def _limit_error(reason: bytes, wait: int) -> LimitExceeded:
    if reason == b"max_attempts_reached":
        return TooManyAttempts(retry_after=lua_codec.from_ms(wait))
    return RateLimited(reason.decode(), retry_after=lua_codec.from_ms(wait))
