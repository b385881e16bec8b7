"""Show the stored events, and follow new ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

import click

from otp_engine.cli.common import load_with_redis
from otp_engine.cli.terminal import printable, warn
from otp_engine.domain.events import Event, RecordedEvent
from otp_engine.domain.recipients import mask_after_prefix
from otp_engine.errors import StoreUnavailable
from otp_engine.store.events.codec import EVENT_KINDS, flatten, kind_of
from otp_engine.store.events.tail import EventTail

_POLL_INTERVAL = 0.5  # seconds
_OMITTED_FROM_TEXT = ("service", "send_id", "code_length")
_KIND_WIDTH = max(map(len, EVENT_KINDS))


def events(
    *, follow: bool, since: timedelta, kinds: tuple[str, ...], as_json: bool
) -> None:
    """Print the events of the service, oldest first.

    Args:
        follow: Whether to continue with new events.
        since: Age of the oldest event.
        kinds: The kinds to print; empty for all.
        as_json: Whether to print JSON.
    """
    _, store = load_with_redis()
    tail = store.events.tail(datetime.now(UTC) - since)
    to_line = _to_json if as_json else _to_text
    with suppress(KeyboardInterrupt):
        for recorded in _read(tail, follow=follow):
            kind = kind_of(recorded.event)
            if not kinds or kind in kinds:
                click.echo(to_line(recorded, kind))


def _read(tail: EventTail, *, follow: bool) -> Iterator[RecordedEvent]:
    while True:
        try:
            recorded = tail.read_next()
        except StoreUnavailable as error:
            if not follow:
                raise
            warn(f"Redis {error.reason}; retrying")
            recorded = []
        yield from recorded
        if not recorded:
            if not follow:
                return
            sleep(_POLL_INTERVAL)


def _to_json(recorded: RecordedEvent, kind: str) -> str:
    event = _to_dict(recorded.event)
    return json.dumps({"at": recorded.occurred_at.isoformat(), "kind": kind, **event})


def _to_text(recorded: RecordedEvent, kind: str) -> str:
    event = _to_dict(recorded.event)
    if prefix := event.pop("prefix", None):
        phone = f"{mask_after_prefix(prefix)} {event.pop('phone_hash')}"
        event = {"phone": phone, **event}
    for name in _OMITTED_FROM_TEXT:
        event.pop(name, None)
    columns = "  ".join(filter(None, map(_column, event, event.values())))
    return (
        f"{recorded.occurred_at:%Y-%m-%d %H:%M:%SZ}  {kind:<{_KIND_WIDTH}}  {columns}"
    )


def _column(name: str, value: Any) -> str | None:  # noqa: ANN401 - any field of an event
    match value:
        case None | False:
            return None
        case True:
            return name
        case _:
            return f"{name}={printable(str(value))}"


def _to_dict(event: Event) -> dict[str, Any]:
    return {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in flatten(event).items()
    }
