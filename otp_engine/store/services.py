"""The services, one JSON text each: few, small, and changed by operators."""

from __future__ import annotations

from dataclasses import replace

from otp_engine.domain.services import Service
from otp_engine.store import keys
from otp_engine.store.json_codec import converter
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient


class RedisServiceStore:
    """Stores `otp:{services}`; implements `domain.ports.ServiceStore`."""

    def __init__(self, client: RedisClient, *, replicas: int = 0) -> None:
        """Store the services in Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge each write.
        """
        self._client = client
        self._compare_and_set = LuaScript(
            client, "compare_and_set_service", replicas=replicas
        )

    def get(self, sid: str) -> Service | None:
        """Return a service by its SID; None if there is none."""
        text = self._client.execute(
            lambda redis: redis.hget(keys.SERVICES, sid), keys.SERVICES
        )
        return converter.loads(text, Service) if text else None

    def list_services(self) -> list[Service]:
        """Return all services, newest first."""
        texts = self._client.execute(
            lambda redis: redis.hvals(keys.SERVICES), keys.SERVICES
        )
        return sorted(
            (converter.loads(text, Service) for text in texts),
            key=lambda service: (service.created_at, service.sid),
            reverse=True,
        )

    def compare_and_set(self, old: Service | None, new: Service | None) -> bool:
        """Replace *old* by *new* if *old* is still stored.

        Args:
            old: The service as it was read; None to add *new*.
            new: The service to store; None to delete *old*.

        Returns:
            Whether *new* is stored now.
        """
        service = new or old
        if service is None:
            return True
        version = old.version if old else 0
        text = (
            converter.dumps(replace(new, version=version + 1), sort_keys=True)
            if new
            else ""
        )
        reply = self._compare_and_set.run([keys.SERVICES], service.sid, version, text)
        return bool(reply)
