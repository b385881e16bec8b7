"""The policy versions, newest first, as signed texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from otp_engine.store import keys
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RedisPolicyVersionStore:
    """Stores `otp:{policy_versions}`; implements `domain.ports.PolicyVersionStore`."""

    def __init__(self, client: RedisClient, *, replicas: int = 0) -> None:
        """Store the versions in Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge each write.
        """
        self._client = client
        self._append = LuaScript(client, "append_policy_version", replicas=replicas)
        self._replace = LuaScript(
            client, "replace_policy_signatures", replicas=replicas
        )

    def latest(self) -> bytes | None:
        """Return the newest text; None if there is none."""
        return self._client.execute(
            lambda redis: redis.lindex(keys.POLICY_VERSIONS, 0), keys.POLICY_VERSIONS
        )

    def now(self) -> datetime:
        """Return the time of the server that holds the versions."""
        seconds, microseconds = self._client.execute(
            lambda redis: redis.time(), keys.POLICY_VERSIONS
        )
        return _EPOCH + timedelta(seconds=seconds, microseconds=microseconds)

    def history(self, count: int) -> list[bytes]:
        """Return at most *count* of the newest texts, newest first."""
        return self._client.execute(
            lambda redis: redis.lrange(keys.POLICY_VERSIONS, 0, count - 1),
            keys.POLICY_VERSIONS,
        )

    def add(self, text: str, *, after: bytes | None) -> bool:
        """Add *text* if *after* is the newest text.

        Returns:
            Whether *text* is the newest now.
        """
        return bool(self._append.run([keys.POLICY_VERSIONS], after or b"", text))

    def replace(self, old: bytes, new: str) -> bool:
        """Replace the text *old* by *new*.

        Returns:
            Whether *old* was stored.
        """
        return bool(self._replace.run([keys.POLICY_VERSIONS], old, new))
