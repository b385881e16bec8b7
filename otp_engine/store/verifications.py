"""The engine's store: each method runs one script, and returns its reply as a value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from otp_engine.domain import refusals
from otp_engine.domain.homes import PhoneKey, Standing
from otp_engine.domain.limits import Charge, Limit, Use
from otp_engine.domain.policy import Policy
from otp_engine.domain.refusals import ProviderRefusal
from otp_engine.domain.verification import Binding, Claim, Opened, Waiting
from otp_engine.errors import (
    RateLimited,
    Refused,
    TooManyAttempts,
    VerificationNotFound,
)
from otp_engine.store import keys, lua_codec
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

# Long enough for a retry after a lost reply.
_APPROVAL_REMEMBERED = timedelta(minutes=1)


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

    def open(
        self,
        phone: PhoneKey,
        *,
        token: bytes,
        binding: Binding | None,
        policy: Policy,
        sender: str = "",
    ) -> Opened:
        """Reserve one send, and start a verification if there is no live one."""
        limit, failed = policy.sends_per_phone, policy.failed_checks_per_phone
        bound = phone.bound is not None
        reply = self._open.run(
            _of_open(phone),
            token,
            binding.id if binding else b"",
            binding.cost if binding else b"",
            lua_codec.to_ms(policy.ttl),
            policy.max_sends,
            policy.checks(bound=bound),
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
                raise ProviderRefusal.parse(text.decode()).error()
            case [b"reserved", id, cost, resend, used, over, shadow]:
                name = "sends_per_phone"
                return Opened(
                    binding=Binding(id, cost.decode()),
                    resend_after=lua_codec.from_ms(resend),
                    uses=[
                        *lua_codec.decode_usage(name, limit.enforced, 0, used),
                        *lua_codec.decode_usage(name, limit.shadow, over, shadow),
                    ],
                )
            case [reason, wait]:
                raise _refusal(reason, wait)
            case _:
                raise AssertionError(reply)

    def arm(self, phone: PhoneKey, *, token: bytes, tag: bytes, policy: Policy) -> bool:
        """Store the hash of the code of a reserved send."""
        return bool(
            self._arm.run(
                [keys.verification(phone)], token, tag, lua_codec.to_ms(policy.ttl)
            )
        )

    def withdraw(
        self,
        phone: PhoneKey,
        *,
        token: bytes,
        refusal: ProviderRefusal | None = None,
        sender: str = "",
    ) -> None:
        """Release a reserved send, with its code if that was stored."""
        self._withdraw.run(
            [*_of_sends(phone), keys.sends_in_shadow(phone), keys.refusal(phone)],
            token,
            str(refusal or ""),
            lua_codec.to_ms(refusals.REMEMBERED),
            sender,
        )

    def claim(self, phone: PhoneKey, *, token: bytes, policy: Policy) -> Claim:
        """Reserve one check, and return the hashes that a code is compared with."""
        bound = phone.bound is not None
        reply = self._claim.run(
            [keys.verification(phone), *_of_failures(phone)],
            token,
            policy.checks(bound=bound),
            "" if bound else lua_codec.encode_limit(policy.failed_checks_per_phone),
            lua_codec.encode_limit(policy.consecutive_failures),
        )
        match reply:
            case [b"reserved", id, cost, left, ends_in, *tags]:
                return Claim(
                    binding=Binding(id, cost.decode()),
                    tags=tuple(tags),
                    attempts_left=left,
                    expires_in=lua_codec.from_ms(ends_in),
                )
            case [b"not_found"]:
                raise VerificationNotFound
            case [reason, wait]:
                raise _refusal(reason, wait)
            case _:
                raise AssertionError(reply)

    def unclaim(self, phone: PhoneKey, *, token: bytes) -> None:
        """Release a reserved check whose code was not compared."""
        self._unclaim.run([keys.verification(phone), *_of_failures(phone)], token)

    def approve(
        self, phone: PhoneKey, *, token: bytes, id: bytes, guessed: bool = True
    ) -> datetime | None:
        """Close the verification, and return when; None if another request did."""
        wrong, failures = _of_failures(phone)
        named = [keys.verification(phone), wrong, keys.approved(phone), failures]
        args = (token, id, lua_codec.to_ms(_APPROVAL_REMEMBERED), int(guessed))
        at = self._approve.run(named, *args)
        return lua_codec.from_timestamp(at) if at else None

    def cancel(self, phone: PhoneKey, *, id: bytes | None = None) -> bool:
        """Close the verification without an approval; return whether it was pending."""
        return bool(self._cancel.run([keys.verification(phone)], id or b""))

    def look(self, phone: PhoneKey) -> Waiting | None:
        """Return the pending verification, if there is one."""
        match self._look.run([keys.verification(phone)]):
            case [b"pending", id, guesses, ends_in]:
                return Waiting(
                    id=id, guesses=guesses, expires_in=lua_codec.from_ms(ends_in)
                )
            case _:
                return None

    def take(self, charges: Sequence[Charge], *, token: bytes) -> list[Use]:
        """Count one event against all of the shared limits, or against none."""
        if not charges:
            return []
        limits = list(map(lua_codec.encode_hit, charges))
        match self._take.run(list(map(keys.shared, charges)), token, *limits):
            case [b"acquired", *said]:
                return [
                    use
                    for charge, (over, *used) in zip(charges, said, strict=True)
                    for use in lua_codec.decode_usage(
                        charge.limit_name, charge.limit, over, used
                    )
                ]
            case [b"rejected", n, wait]:
                name = charges[n - 1].limit_name
                raise RateLimited(name, retry_after=lua_codec.from_ms(wait))
            case reply:
                raise AssertionError(reply)

    def refund(self, charges: Sequence[Charge], *, token: bytes) -> None:
        """Release what `take` counted."""
        if charges:
            self._refund.run(list(map(keys.shared, charges)), token)

    def standing(self, phone: PhoneKey, policy: Policy) -> Standing:
        """Return whether this phone is in use under its pepper."""
        live, failures = self._standing.run(
            [*_of_sends(phone), keys.failures(phone)], lua_codec.to_ms(policy.ttl)
        )
        return Standing(live=bool(live), failures=failures)

    def move_failures(self, old: PhoneKey, new: PhoneKey, policy: Policy) -> None:
        """Move the failed checks of one phone from one pepper's key to another's."""
        budget = policy.failed_checks_per_phone
        self._move(keys.wrong(old), keys.wrong(new), budget)
        consecutive = policy.consecutive_failures
        self._move(keys.failures(old), keys.failures(new), consecutive)

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
        keys.wrong(phone),
        keys.sends_in_shadow(phone),
        keys.refusal(phone),
        keys.failures(phone),
        *([keys.bound(phone)] if phone.bound is not None else []),
    ]


def _of_failures(phone: PhoneKey) -> list[str]:
    return [keys.wrong(phone), keys.failures(phone)]


def _of_sends(phone: PhoneKey) -> list[str]:
    return [keys.verification(phone), keys.sends(phone)]


def _refusal(reason: bytes, wait: int) -> Refused:
    if reason == b"max_attempts_reached":
        return TooManyAttempts(retry_after=lua_codec.from_ms(wait))
    return RateLimited(reason.decode(), retry_after=lua_codec.from_ms(wait))
