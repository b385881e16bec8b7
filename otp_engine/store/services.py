"""The services, one JSON text each: few, small, and changed by hand."""

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
from otp_engine.store.line import Line
from otp_engine.store.scripts import Script


class Services:
    """Keeps `otp:{services}`; see `domain.ports.Services`."""

    def __init__(self, line: Line, *, replicas: int = 0) -> None:
        """Keep them where *line* leads, and on so many *replicas* as well."""
        self._line = line
        self._swap = Script(line, "compare_and_set", replicas=replicas)

    def find(self, sid: str) -> Service | None:
        """Find one by its sid."""
        text = self._line.ask(
            lambda client: client.hget(keys.SERVICES, sid), keys.SERVICES
        )
        return _read(text) if text else None

    def all(self) -> list[Service]:
        """All of them, newest first."""
        texts = self._line.ask(
            lambda client: client.hvals(keys.SERVICES), keys.SERVICES
        )
        found = map(_read, texts)
        return sorted(found, key=lambda one: (one.created, one.sid), reverse=True)

    def swap(self, old: Service | None, new: Service | None) -> bool:
        """Put *new* in the place of *old*, and say whether *old* was still there."""
        one = new or old
        if one is None:
            return True
        version = old.version if old else 0
        text = _written(replace(new, version=version + 1)) if new else ""
        return bool(self._swap.run([keys.SERVICES], one.sid, version, text))


def _written(service: Service) -> str:
    return json.dumps(asdict(service), default=_plain, sort_keys=True)


def _plain(value: Any) -> str | float:  # noqa: ANN401 - json's signature
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case _:
            raise TypeError(type(value).__name__)


def _read(text: bytes) -> Service:
    given = json.loads(text)
    # What a later release has added is none of this one's.
    known = {field.name for field in fields(Service)}
    values = {name: value for name, value in given.items() if name in known}
    limits, messaging = values.pop("rate_limits", ()), values.pop("messaging", ())
    return Service(
        **_dated(values),
        rate_limits=tuple(map(_limit, limits)),
        messaging=tuple(MessagingConfiguration(**_dated(one)) for one in messaging),
    )


def _limit(given: dict[str, Any]) -> RateLimit:
    buckets = given.pop("buckets")
    return RateLimit(**_dated(given), buckets=tuple(map(_bucket, buckets)))


def _bucket(given: dict[str, Any]) -> Bucket:
    interval = timedelta(seconds=given.pop("interval"))
    return Bucket(**_dated(given), interval=interval)


def _dated(given: dict[str, Any]) -> dict[str, Any]:
    dates = {
        name: datetime.fromisoformat(given[name]) for name in ("created", "updated")
    }
    return given | dates
