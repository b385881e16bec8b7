"""The store of verifications: each method runs one script, and decodes its reply."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import Any

from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.models import (
    Approval,
    Channel,
    CheckReservation,
    HashParameters,
    PendingVerification,
    SendReservation,
)
from otp_engine.domain.phones.phone_keys import PhoneKey, PhoneState
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.provider_rejections import (
    ANY_SENDER,
    ProviderRejection,
    RejectionScopes,
)
from otp_engine.errors import (
    OTPError,
    RateLimited,
    TooManyAttempts,
    VerificationNotFound,
)
from otp_engine.store import keys, lua_codec
from otp_engine.store.destinations import RedisDestinations
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

# Long enough for a retry after a lost reply.
_APPROVAL_TTL = lua_codec.to_ms(timedelta(minutes=1))
# A proven phone passes the pumping guard.
_PROVEN_TTL = lua_codec.to_ms(timedelta(days=90))
_PROVEN_MESSAGES = 3


class RedisVerificationStore(RedisDestinations):
    """Stores verifications, the hits of limits, and the pumping guard.

    Implements `domain.ports.VerificationStore`.
    """

    def __init__(
        self,
        client: RedisClient,
        *,
        replicas: int = 0,
        shared_slots: int = 1,
    ) -> None:
        """Store the verifications in Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge a reservation, a commit
                or an approval. A release needs none.
            shared_slots: Number of Cluster slots of shared limits.
        """
        super().__init__(client, replicas=replicas, shared_slots=shared_slots)
        self._client = client
        script = partial(LuaScript, client)
        durable = partial(LuaScript, client, replicas=replicas)
        self._reserve_send = durable("reserve_send")
        self._commit_send = durable("commit_send")
        self._release_send = script("release_send")
        # A code that was sent can be checked even while the memory of Redis is full.
        self._mark_unreachable = script("mark_unreachable")
        self._reserve_check = durable("reserve_check", when_full=True)
        self._release_check = script("release_check", when_full=True)
        self._approve = durable("approve", when_full=True)
        self._cancel = durable("cancel")
        self._get_pending = script("get_pending")
        self._phone_state = script("phone_state")
        self._merge_failed_checks = durable("merge_failed_checks")

    def reserve_send(  # noqa: PLR0913 - the values of one send
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        hash_parameters: HashParameters | None,
        policy: Policy,
        scopes: RejectionScopes = ANY_SENDER,
        is_fallback: bool = False,
    ) -> SendReservation:
        """Reserve one send, and start a verification if there is no live one."""
        bound = phone.bound is not None
        names = keys.for_phone(phone)
        values = lua_codec.encode_policy(policy, bound=bound)
        reply = self._reserve_send.run(
            [
                *(names.verification, names.sends, names.failed_checks),
                *(names.shadow_sends, names.provider_rejections),
                *(names.consecutive_failures, names.proven),
                *([names.bound] if bound else []),
            ],
            idempotency_key,
            hash_parameters.verification_id if hash_parameters else b"",
            hash_parameters.argon2 if hash_parameters else b"",
            *(values.ttl, policy.max_sends, values.max_checks),
            "" if is_fallback else values.resend_cooldown,
            *(values.sends, values.failed_checks),
            *(values.shadow_sends, values.consecutive_failures),
            phone.namespace,
            *chain.from_iterable(scopes.items()),
        )
        match reply:
            case [b"reserved", *reserved]:
                return _decode_send(reserved, policy)
            case [b"provider_rejection", text]:
                raise ProviderRejection.parse(text.decode()).to_error()
            case _:
                raise _refusal(reply)

    def commit_send(  # noqa: PLR0913 - the values of one code
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        code_hash: bytes,
        code_expires_at: int,
        counted: bool = False,
        channel: Channel = Channel.SMS,
        is_later_step: bool = False,
    ) -> bool:
        """Store the hash of the code of a reserved send."""
        names = keys.for_phone(phone)
        return bool(
            self._commit_send.run(
                [names.verification],
                *(idempotency_key, code_hash, code_expires_at, int(counted)),
                "" if channel is Channel.SMS and not is_later_step else channel,
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
        names = keys.for_phone(phone)
        self._release_send.run(
            [
                *(names.verification, names.sends),
                *(names.shadow_sends, names.provider_rejections, names.proven),
            ],
            idempotency_key,
            str(rejection or ""),
            lua_codec.to_ms(rejection.ttl) if rejection else 0,
            sender,
        )

    def mark_channel_unreachable(
        self, phone: PhoneKey, channel: Channel, rejection: ProviderRejection
    ) -> None:
        """Store that a channel does not reach a phone."""
        self._mark_unreachable.run(
            [keys.for_phone(phone).provider_rejections],
            *(channel, str(rejection), lua_codec.to_ms(rejection.ttl)),
        )

    def reserve_check(
        self, phone: PhoneKey, *, idempotency_key: bytes, policy: Policy
    ) -> CheckReservation:
        """Reserve one check, and return the hashes that a code is compared with."""
        names = keys.for_phone(phone)
        values = lua_codec.encode_policy(policy, bound=phone.bound is not None)
        reply = self._reserve_check.run(
            [names.verification, names.failed_checks, names.consecutive_failures],
            idempotency_key,
            values.max_checks,
            values.failed_checks,
            values.consecutive_failures,
        )
        match reply:
            case [b"reserved", salt, argon2, remaining, expires_in, wait, *codes]:
                return CheckReservation(
                    hash_parameters=HashParameters(salt, argon2.decode()),
                    code_hashes=tuple(codes[::2]),
                    channels=tuple(map(lua_codec.decode_channel, codes[1::2])),
                    attempts_remaining=remaining,
                    expires_in=timedelta(milliseconds=expires_in),
                    retry_after=timedelta(milliseconds=wait),
                )
            case _:
                raise _refusal(reply)

    def release_check(self, phone: PhoneKey, *, idempotency_key: bytes) -> None:
        """Release a reserved check that compared no code."""
        names = keys.for_phone(phone)
        self._release_check.run(
            [names.verification, names.failed_checks, names.consecutive_failures],
            idempotency_key,
        )

    def approve(
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        verification_id: bytes,
        code_matched: bool = True,
        mark_proven: bool = True,
    ) -> Approval | None:
        """Close the verification; return None if another request did."""
        names = keys.for_phone(phone)
        approved_at, counted = self._approve.run(
            [
                *(names.verification, names.failed_checks),
                *(names.approval, names.consecutive_failures, names.proven),
            ],
            idempotency_key,
            verification_id,
            _APPROVAL_TTL,
            int(code_matched),
            *(_PROVEN_MESSAGES, _PROVEN_TTL if mark_proven else 0),
        )
        if not approved_at:
            return None
        at = lua_codec.from_epoch_ms(approved_at)
        return Approval(at=at, counted_messages=counted)

    def cancel(self, phone: PhoneKey, *, verification_id: bytes | None = None) -> bool:
        """Close the verification without an approval; return whether it was pending."""
        names = keys.for_phone(phone)
        return bool(self._cancel.run([names.verification], verification_id or b""))

    def get_pending(self, phone: PhoneKey) -> PendingVerification | None:
        """Return the pending verification, if there is one."""
        match self._get_pending.run([keys.for_phone(phone).verification]):
            case [b"pending", id, attempts, expires_in, channel]:
                return PendingVerification(
                    verification_id=id,
                    attempts_used=attempts,
                    expires_in=timedelta(milliseconds=expires_in),
                    channel=lua_codec.decode_channel(channel),
                )
            case _:
                return None

    def get_phone_state(self, phone: PhoneKey, policy: Policy) -> PhoneState:
        """Return whether this phone is in use under its pepper."""
        names = keys.for_phone(phone)
        live, consecutive_failures = self._phone_state.run(
            [names.verification, names.sends, names.consecutive_failures],
            lua_codec.to_ms(policy.ttl),
        )
        return PhoneState(live=bool(live), consecutive_failures=consecutive_failures)

    def move_failed_checks(self, old: PhoneKey, new: PhoneKey, policy: Policy) -> None:
        """Move the failed checks of one phone from one pepper's key to another's."""
        source, target = keys.for_phone(old), keys.for_phone(new)
        self._move(
            source.failed_checks, target.failed_checks, policy.failed_checks_per_phone
        )
        self._move(
            source.consecutive_failures,
            target.consecutive_failures,
            policy.consecutive_failures,
        )

    def _move(self, source: str, target: str, limit: Limit) -> None:
        entries = self._client.execute(
            lambda redis: redis.zrange(source, 0, -1, withscores=True), source
        )
        if not entries:
            return
        pairs = [part for member, at in entries for part in (round(at), member)]
        longest = max(window.period for window in limit.windows)
        self._merge_failed_checks.run([target], lua_codec.to_ms(longest), *pairs)
        members = [member for member, _ in entries]
        self._client.execute(lambda redis: redis.zrem(source, *members), source)


def _refusal(reply: Sequence[Any]) -> OTPError:
    """Return the error for the *reply* of a script that refused a request."""
    match reply:
        case [b"not_found"]:
            return VerificationNotFound()
        case [b"max_attempts_reached", wait, *at]:
            return TooManyAttempts(
                retry_after=timedelta(milliseconds=wait), refused_at=max(at, default=0)
            )
        case [reason, wait, *at]:
            return RateLimited(
                reason.decode(),
                retry_after=timedelta(milliseconds=wait),
                refused_at=max(at, default=0),
            )
        case _:
            raise AssertionError(reply)


def _decode_send(reply: Sequence[Any], policy: Policy) -> SendReservation:
    """Return the reservation of a send from the *reply* of its script."""
    salt, argon2, ends, resend, *usages, proven, unreachable = reply
    sends, over, shadow_sends = usages
    limit = policy.sends_per_phone
    return SendReservation(
        hash_parameters=HashParameters(salt, argon2.decode()),
        code_expires_at=ends,
        counted_at=ends - lua_codec.to_ms(policy.ttl),
        resend_after=timedelta(milliseconds=resend),
        limit_usage=[
            *lua_codec.decode_usage(
                LimitHit("sends_per_phone", "", limit.enforced), 0, sends
            ),
            *lua_codec.decode_usage(
                LimitHit("sends_per_phone", "", limit.shadow), over, shadow_sends
            ),
        ],
        proven=bool(proven),
        unreachable=frozenset(map(lua_codec.decode_channel, unreachable)),
    )
