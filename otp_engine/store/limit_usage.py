"""The usage of limits, for operators."""

from __future__ import annotations

from collections.abc import Sequence

from otp_engine.domain.limits.limits import LimitHit, WindowUsage
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.store import keys, lua_codec
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient


class RedisLimitUsageStore:
    """Reads the logs of limits, and deletes phones; see `domain.ports.Counts`."""

    def __init__(self, line: RedisClient) -> None:
        """Read them where *line* leads."""
        self._line = line
        self._usage = LuaScript(line, "limit_usage")

    def phone_usage(self, phone: PhoneKey, policy: Policy) -> list[WindowUsage]:
        """Return the usage of the limits of this phone."""
        sends, failed = policy.sends_per_phone, policy.failed_checks_per_phone
        consecutive = policy.consecutive_failures
        return self._uses(
            [
                (keys.sends(phone), LimitHit("sends_per_phone", "", sends.enforced)),
                (
                    keys.shadow_sends(phone),
                    LimitHit("sends_per_phone", "", sends.shadow),
                ),
                (
                    keys.failed_checks(phone),
                    LimitHit("failed_checks_per_phone", "", failed),
                ),
                (
                    keys.consecutive_failures(phone),
                    LimitHit("max_consecutive_failures", "", consecutive),
                ),
            ]
        )

    def shared_usage(self, hits: Sequence[LimitHit]) -> list[WindowUsage]:
        """Return the usage of shared limits."""
        return self._uses([(keys.shared_limit(charge), charge) for charge in hits])

    def bound_keys(self, phone: PhoneKey) -> list[PhoneKey]:
        """List the keys of this phone's bound verifications."""
        key = keys.bound(phone)
        scopes = self._line.execute(lambda client: client.zrange(key, 0, -1), key)
        return [phone.scoped(scope.decode()) for scope in scopes]

    def delete_phone(self, phones: Sequence[PhoneKey]) -> int:
        """Delete one phone in all of these services; return the number of keys."""
        phone = phones[0]
        named = [
            *(keys.sends(phone), keys.failed_checks(phone), keys.shadow_sends(phone)),
            *(
                keys.consecutive_failures(phone),
                keys.provider_rejections(phone),
                keys.bound(phone),
            ),
        ]
        for place in phones:
            named += [keys.verification(place), keys.approval(place)]
        # One DEL of keys in one slot is atomic, so no send or check leaves half of it.
        return int(self._line.execute(lambda client: client.delete(*named), named[0]))

    def _uses(self, logs: Sequence[tuple[str, LimitHit]]) -> list[WindowUsage]:
        if not logs:
            return []
        limits = [lua_codec.encode_limit(charge.limit) for _, charge in logs]
        said = self._usage.run([key for key, _ in logs], *limits)
        return [
            use
            for (_, charge), used in zip(logs, said, strict=True)
            for use in lua_codec.decode_usage(charge.limit_name, charge.limit, 0, used)
        ]
