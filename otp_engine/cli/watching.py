"""`otp-engine events`: what happens, as it happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

import click

from otp_engine.cli.saying import JSON, Command, plan_on_redis, printable, warn
from otp_engine.domain import durations
from otp_engine.domain.events import Event, Happened
from otp_engine.domain.whom import shown
from otp_engine.errors import StoreUnavailable
from otp_engine.store.event_codec import EVENT_TYPES, flatten, type_name
from otp_engine.store.event_tail import EventTail
from otp_engine.store.events import RETENTION

_BETWEEN = 0.5  # seconds
_OF_NO_USE = ("service", "attempt", "code_length")  # to somebody who reads along


def _duration(_: click.Context, __: click.Parameter, text: str) -> timedelta:
    try:
        since = durations.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if since > RETENTION:
        raise click.BadParameter("a month is kept, 31d at most")
    return since


@click.command("events", cls=Command)
@click.option("-f", "--follow", is_flag=True, help="Go on as more happens.")
@click.option(
    "--since",
    callback=_duration,
    metavar="DURATION",
    default="1h",
    show_default=True,
    help="Begin so long ago; a month is kept at most.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(sorted(EVENT_TYPES)),
    help="Only these; may be given several times.",
)
@JSON
def watch(
    *, follow: bool, since: timedelta, kinds: tuple[str, ...], as_json: bool
) -> None:
    """Show what happened, and with -f what happens.

    Oldest first: codes that were sent, delivered, checked or approved, requests that
    were refused and by which limit, and changes of the policy. A number is shown by its
    beginning, and told from others by a digest. With --json each event is one line.
    """
    _, store = plan_on_redis()
    tail = store.events.tail(datetime.now(UTC) - since)
    show = _as_json if as_json else _as_text
    with suppress(KeyboardInterrupt):
        for happened in _all(tail, follow=follow):
            kind = type_name(happened.event)
            if not kinds or kind in kinds:
                click.echo(show(happened, kind))


def _all(tail: EventTail, *, follow: bool) -> Iterator[Happened]:
    while True:
        try:
            found = tail.read_next()
        except StoreUnavailable:
            if not follow:
                raise
            warn("Redis does not answer; going on")
            found = []
        yield from found
        if not found:
            if not follow:
                return
            sleep(_BETWEEN)


def _as_json(happened: Happened, kind: str) -> str:
    told = {"at": happened.at.isoformat(), "kind": kind, **_plain(happened.event)}
    return json.dumps(told)


def _as_text(happened: Happened, kind: str) -> str:
    told = _plain(happened.event)
    if prefix := told.pop("prefix", None):
        told["phone"] = f"{shown(prefix)} {told['phone']}"
    for name in _OF_NO_USE:
        told.pop(name, None)
    words = "  ".join(filter(None, map(_word, told, told.values())))
    return f"{happened.at:%Y-%m-%d %H:%M:%SZ}  {kind:<20}  {words}"


def _word(name: str, value: Any) -> str | None:  # noqa: ANN401 - whatever an event holds
    match value:
        case None | False:
            return None
        case True:
            return name
        case _:
            return f"{name}={printable(str(value))}"


def _plain(event: Event) -> dict[str, Any]:
    return {
        name: one.hex() if isinstance(one, bytes) else one
        for name, one in flatten(event).items()
    }
