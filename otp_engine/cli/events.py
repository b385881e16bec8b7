"""Show the stored events, and follow new ones."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import sleep

import click

from otp_engine.cli import event_text
from otp_engine.cli.common import load_with_redis
from otp_engine.cli.event_counts import print_counts
from otp_engine.cli.identity import identity_hashes
from otp_engine.cli.phone import read_address
from otp_engine.cli.terminal import fail, success, warn
from otp_engine.config import Settings
from otp_engine.domain.events import RecordedEvent
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.prefixes import blocks_in
from otp_engine.errors import StoreUnavailable
from otp_engine.operations.phones import phone_hashes
from otp_engine.operations.times import format_time
from otp_engine.store.events.event_filter import EventFilter
from otp_engine.store.events.event_store import RETENTION
from otp_engine.store.events.tail import EventTail

_POLL_INTERVAL = 0.5  # seconds
_DEFAULT_AGE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """What to print of the events.

    Attributes:
        follow: Whether to continue with new events.
        since: Time of the oldest event; None for an hour ago, and for all events of one
            phone or identity.
        until: Time of the newest event; None for now.
        kinds: Kinds to print; empty for all.
        countries: ISO 3166 codes of recipients; empty for all.
        prefixes: First digits of recipients, with a plus; empty for all.
        limits: Names of the rules that refused; empty for all events.
        identity: Identity of an entity; `-` reads it from the standard input; None for
            all events.
        phone: First characters of a `phone_hash`; `-` reads a number from the standard
            input; None for all phones.
        count: The number of the newest events, or of the most frequent counts.
        by: What to count by; empty to print the events.
        as_json: Whether to print JSON.
    """

    follow: bool
    since: datetime | None
    until: datetime | None
    kinds: Collection[str]
    countries: Collection[str]
    prefixes: Collection[str]
    limits: Collection[str]
    identity: str | None
    phone: str | None
    count: int | None
    by: Sequence[str]
    as_json: bool


def events(query: EventQuery) -> None:
    """Print events, oldest first, or counts of them."""
    settings, store = load_with_redis()
    now = datetime.now(UTC)
    age = RETENTION if query.phone or query.identity else _DEFAULT_AGE
    since = query.since or now - age
    tail = store.events.tail(
        since,
        end=query.until,
        event_filter=EventFilter(
            kinds=query.kinds,
            countries=query.countries,
            prefixes=query.prefixes,
            block_hashes=_block_hashes(query.prefixes, settings),
            limits=query.limits,
            phone_hashes=_phone_hashes(query, settings),
            identity_hashes=identity_hashes(query.identity, settings, store)
            if query.identity
            else (),
        ),
    )
    with suppress(KeyboardInterrupt):
        if query.by:
            print_counts(
                stored_events(tail), query.by, count=query.count, as_json=query.as_json
            )
            return
        if not _print(tail, query) and not (query.as_json or query.follow):
            success(f"no event matches since {format_time(since)}")


def stored_events(tail: EventTail) -> Iterator[RecordedEvent]:
    """Yield the events that *tail* has now."""
    while recorded := tail.read_next():
        yield from recorded


def _print(tail: EventTail, query: EventQuery) -> int:
    """Print the events, and return how many there were at the start."""
    to_line = event_text.to_json if query.as_json else event_text.to_text
    if not query.as_json and sys.stdout and sys.stdout.isatty():
        click.echo(event_text.HEADER)
    stored = stored_events(tail)
    printed = 0
    for recorded in deque(stored, query.count) if query.count else stored:
        click.echo(to_line(recorded))
        printed += 1
    if query.follow:
        for recorded in _new_events(tail):
            click.echo(to_line(recorded))
    return printed


def _new_events(tail: EventTail) -> Iterator[RecordedEvent]:
    while True:
        try:
            yield from tail.read_next()
        except StoreUnavailable as error:
            warn(f"Redis {error.reason}; retrying")
        sleep(_POLL_INTERVAL)


def _block_hashes(prefixes: Collection[str], settings: Settings) -> frozenset[str]:
    """Return the hashes of the blocks in prefixes that are longer than events show."""
    longer = [text for text in prefixes if numbers.visible_part(text) != text]
    try:
        blocks = [block for text in longer for block in blocks_in(text)]
    except ValueError as error:
        fail(f"--prefix {error}")
    return frozenset(
        pepper.pseudonymize("block", block)
        for block in blocks
        for pepper in settings.peppers
    )


def _phone_hashes(query: EventQuery, settings: Settings) -> Sequence[str]:
    match query.phone:
        case None:
            return ()
        case "-":
            return phone_hashes(read_address("-", settings), settings)
        case phone_hash:
            return [phone_hash]
