"""What operators see of an attack: the events that report it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from otp_engine.store import keys
from tests.fault_injection.drill.deployment import FIRST_DAY

KINDS = {b"suspended", b"pressure", b"limit_near", b"budget"}


@dataclass(frozen=True, slots=True)
class Notice:
    """An event that operators watch.

    Attributes:
        at: Seconds since the start of the first day.
        kind: The kind of the event.
        country: ISO 3166 code; empty if the event is about no country.
    """

    at: float
    kind: str
    country: str


def notices(client: Any, since: float) -> list[Notice]:
    """Return the notices since a time, oldest first.

    Args:
        client: A client of the Redis of the service.
        since: Seconds since the start of the first day.
    """
    first = round((FIRST_DAY + since) * 1_000)
    found = []
    for entry, fields in client.xrange(keys.EVENTS, first):
        if fields[b"kind"] in KINDS:
            at = int(entry.partition(b"-")[0]) / 1_000 - FIRST_DAY
            country = json.loads(fields[b"event"]).get("country") or ""
            found.append(Notice(at, fields[b"kind"].decode(), country))
    return found


def first_of(found: list[Notice], countries: Collection[str]) -> Notice | None:
    """Return the first notice about one of *countries*, or about no country."""
    about = {"", *countries}
    return next((notice for notice in found if notice.country in about), None)
