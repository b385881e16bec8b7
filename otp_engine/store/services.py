"""The services, one JSON text each: few, small, and changed by operators."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any

from otp_engine.domain.service import (
    Bucket,
    MessagingConfiguration,
    RateLimit,
    Service,
)
from otp_engine.store import keys
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient


class RedisServiceStore:
    """Stores `otp:{services}`; see `domain.ports.Services`."""

    def __init__(self, client: RedisClient, *, replicas: int = 0) -> None:
        """Store the services in Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge each write.
        """
        self._client = client
        self._compare_and_set = LuaScript(client, "compare_and_set", replicas=replicas)

    def find(self, sid: str) -> Service | None:
        """Return a service by its SID; None if there is none."""
        text = self._client.execute(
            lambda redis: redis.hget(keys.SERVICES, sid), keys.SERVICES
        )
        return _decode(text) if text else None

    def all(self) -> list[Service]:
        """Return all services, newest first."""
        texts = self._client.execute(
            lambda redis: redis.hvals(keys.SERVICES), keys.SERVICES
        )
        return sorted(
            map(_decode, texts),
            key=lambda service: (service.created, service.sid),
            reverse=True,
        )

    def swap(self, old: Service | None, new: Service | None) -> bool:
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
        text = _encode(replace(new, version=version + 1)) if new else ""
        reply = self._compare_and_set.run([keys.SERVICES], service.sid, version, text)
        return bool(reply)


def _encode(service: Service) -> str:
    return json.dumps(asdict(service), default=_to_json, sort_keys=True)


def _to_json(value: Any) -> str | float:  # noqa: ANN401 - json's signature
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case _:
            raise TypeError(type(value).__name__)


def _decode(text: bytes) -> Service:
    stored = json.loads(text)
    # Ignore fields written by a newer version.
    known = {field.name for field in fields(Service)}
    values = {name: value for name, value in stored.items() if name in known}
    limits, messaging = values.pop("rate_limits", ()), values.pop("messaging", ())
    return Service(
        **_with_times(values),
        rate_limits=tuple(map(_decode_limit, limits)),
        messaging=tuple(
            MessagingConfiguration(**_with_times(entry)) for entry in messaging
        ),
    )


def _decode_limit(entry: dict[str, Any]) -> RateLimit:
    buckets = entry.pop("buckets")
    return RateLimit(**_with_times(entry), buckets=tuple(map(_decode_bucket, buckets)))


def _decode_bucket(entry: dict[str, Any]) -> Bucket:
    interval = timedelta(seconds=entry.pop("interval"))
    return Bucket(**_with_times(entry), interval=interval)


def _with_times(entry: dict[str, Any]) -> dict[str, Any]:
    times = {
        name: datetime.fromisoformat(entry[name]) for name in ("created", "updated")
    }
    return entry | times
