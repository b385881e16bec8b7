"""The usage of limits, for operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from otp_engine.domain.limits.limits import LimitHit, WindowUsage
from otp_engine.domain.models import Channel, PendingSends, ProvenPhone
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.store import keys, lua_codec
from otp_engine.store.connection import RedisCommands
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient
from otp_engine.store.shared_slots import SharedSlots

# The field of such a channel, as in lua/lib/verification.lua.
_UNREACHABLE = "channel:"


class RedisLimitUsageStore:
    """Reads the hits of limits, and deletes phones.

    Implements `domain.ports.LimitUsageStore`.
    """

    def __init__(self, client: RedisClient, *, shared_slots: int = 1) -> None:
        """Read the usage from Redis.

        Args:
            client: Executes the commands.
            shared_slots: Number of Cluster slots of shared limits.
        """
        self._slots = SharedSlots(shared_slots)
        self._client = client
        self._limit_usage = LuaScript(client, "limit_usage")
        self._pending_sends = LuaScript(client, "pending_sends")

    def phone_usage(self, phone: PhoneKey, policy: Policy) -> list[WindowUsage]:
        """Return the usage of the limits of this phone."""
        names = keys.for_phone(phone)
        sends = policy.sends_per_phone
        limits = [
            (names.sends, "sends_per_phone", sends.enforced),
            (names.shadow_sends, "sends_per_phone", sends.shadow),
            (
                names.failed_checks,
                "failed_checks_per_phone",
                policy.failed_checks_per_phone,
            ),
            (
                names.consecutive_failures,
                "max_consecutive_failures",
                policy.consecutive_failures,
            ),
        ]
        return self._usage(
            [LimitHit(name, "", limit) for _, name, limit in limits],
            [key for key, _, _ in limits],
        )

    def shared_usage(self, hits: Sequence[LimitHit]) -> list[WindowUsage]:
        """Return the usage of shared limits."""
        if self._slots.count > 1:
            return [usage for hit in hits for usage in self._sum_of_parts(hit)]
        logs = [keys.shared_limit(hit) for hit in hits]
        return self._usage(hits, [*logs, *[log + keys.PACKED for log in logs]])

    def _sum_of_parts(self, hit: LimitHit) -> list[WindowUsage]:
        by_part = []
        for share in self._slots.shares(hit):
            log = keys.shared_limit(hit, share.slot)
            by_part.append(self._usage([share.part], [log, log + keys.PACKED]))
        return [
            WindowUsage(
                limit_name=hit.limit_name,
                identifier=hit.identifier,
                window=window,
                used=sum(part.used for part in parts),
                resets_in=min(part.resets_in for part in parts),
            )
            for window, parts in zip(
                hit.limit.windows, zip(*by_part, strict=True), strict=True
            )
        ]

    def pending_sends(self, phone: PhoneKey) -> PendingSends:
        """Return the sends of the verification of this phone in its namespace."""
        names = keys.for_phone(phone)
        count, since = self._pending_sends.run([names.verification, names.sends])
        since_last = timedelta(milliseconds=since) if since >= 0 else None
        return PendingSends(count=count, since_last=since_last)

    def proven(self, phone: PhoneKey) -> ProvenPhone | None:
        """Return the state of a proven phone; None for another one."""
        key = keys.for_phone(phone).proven
        messages, expires_in = self._client.execute(
            lambda redis: (redis.get(key), redis.pttl(key)), key
        )
        if messages is None:
            return None
        return ProvenPhone(
            messages=max(0, int(messages)),
            expires_in=timedelta(milliseconds=max(0, expires_in)),
        )

    def bound_keys(self, phone: PhoneKey) -> list[PhoneKey]:
        """List the keys of this phone's bound verifications."""
        key = keys.for_phone(phone).bound
        namespaces = self._client.execute(lambda redis: redis.zrange(key, 0, -1), key)
        return [phone.in_namespace(name.decode()) for name in namespaces]

    def delete_deliveries(self, tag: str) -> None:
        """Delete the deliveries of one verification, with their fallbacks."""
        key = keys.deliveries(tag)
        self._client.execute(lambda redis: redis.delete(key), key)

    def delete_phone(self, phones: Sequence[PhoneKey]) -> int:
        """Delete one phone in all of these services; return the number of keys."""
        names = {name for phone in phones for name in keys.for_phone(phone)}
        # One DEL of keys in one slot is atomic, so no send or check leaves half of it.
        return self._client.execute(
            lambda redis: redis.delete(*names), keys.for_phone(phones[0]).sends
        )

    def unreachable(self, phone: PhoneKey) -> Mapping[Channel, timedelta]:
        """Return the channels that do not reach a phone, and for how long."""
        key = keys.for_phone(phone).provider_rejections
        fields = [f"{_UNREACHABLE}{channel}" for channel in Channel]
        stored, (seconds, micros) = self._client.execute(
            lambda redis: (redis.hmget(key, fields), redis.time()), key
        )
        now = seconds * 1000 + micros // 1000
        waits = {
            channel: timedelta(milliseconds=int(text.split()[0]) - now)
            for channel, text in zip(Channel, stored, strict=True)
            if text
        }
        return {each: wait for each, wait in waits.items() if wait > timedelta()}

    def delete_hits(self, hits: Sequence[LimitHit]) -> int:
        """Delete the hits of shared limits; return the number of keys."""
        logs = [
            keys.shared_limit(share.part, share.slot)
            for hit in hits
            for share in self._slots.shares(hit)
        ]
        return sum(
            self._client.execute(partial(_delete, name=name), name)
            for log in logs
            for name in (log, log + keys.PACKED)
        )

    def _usage(self, hits: Sequence[LimitHit], names: list[str]) -> list[WindowUsage]:
        if not hits:
            return []
        limits = [lua_codec.encode_limit(hit.limit) for hit in hits]
        usages = self._limit_usage.run(names, *limits)
        return [
            usage
            for hit, windows in zip(hits, usages, strict=True)
            for usage in lua_codec.decode_usage(hit, 0, windows)
        ]


def _delete(redis: RedisCommands, *, name: str) -> int:
    return int(redis.delete(name))
