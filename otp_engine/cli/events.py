"""`otp-engine events`: show the stored events, and follow new ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

import click

from otp_engine.cli.common import (
    RedisCommand,
    json_option,
    load_with_redis,
    printable,
    warn,
)
from otp_engine.domain.events import Event, RecordedEvent
from otp_engine.domain.limits import durations
from otp_engine.domain.recipients import mask_after_prefix
from otp_engine.errors import StoreUnavailable
from otp_engine.store.events.codec import EVENT_KINDS, flatten, kind_of
from otp_engine.store.events.event_store import RETENTION
from otp_engine.store.events.tail import EventTail

_POLL_INTERVAL = 0.5  # seconds
_OMITTED_FROM_TEXT = ("service", "send_id", "code_length")
_KIND_WIDTH = max(map(len, EVENT_KINDS))


def _parse_since(_: click.Context, __: click.Parameter, text: str) -> timedelta:
    try:
        since = durations.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if since > RETENTION:
        raise click.BadParameter("events are stored for a month: 31d at most")
    return since


@click.command(cls=RedisCommand)
@click.option("-f", "--follow", is_flag=True, help="Continue with new events.")
@click.option(
    "--since",
    callback=_parse_since,
    metavar="DURATION",
    default="1h",
    show_default=True,
    help="Age of the oldest event; at most 31d.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(sorted(EVENT_KINDS)),
    help="Show only this kind; can be repeated.",
)
@json_option
def events(
    *, follow: bool, since: timedelta, kinds: tuple[str, ...], as_json: bool
) -> None:
    """Show the events of the service, oldest first.

    Events are sends, delivery reports, checks, approvals, refused requests with the
    limit that refused them, and changes of the policy. A phone number is shown as its
    prefix and a keyed hash. With --json each event is one line.
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
        except StoreUnavailable:
            if not follow:
                raise
            warn("Redis does not answer; retrying")
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
