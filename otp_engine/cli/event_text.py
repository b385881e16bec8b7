"""Events as text: one line of at most 100 columns, or JSON."""

from __future__ import annotations

import json

import click

from otp_engine.cli.terminal import printable
from otp_engine.domain.events import Event, RecordedEvent
from otp_engine.operations.event_fields import SHORT_HASH, to_json_object
from otp_engine.operations.event_text import RecipientText, Severity, describe
from otp_engine.store.events.codec import EVENT_KINDS

_MAX_WIDTH = 100
_KIND_WIDTH = max(map(len, EVENT_KINDS))
_PREFIX_WIDTH = 7
_COLORS = {
    Severity.GOOD: "green",
    Severity.WARNING: "yellow",
    Severity.BAD: "red",
    Severity.CHANGE: "cyan",
}

HEADER = (
    f"{'TIME (UTC)':14}   {'KIND':{_KIND_WIDTH}}  CC {'PREFIX':{_PREFIX_WIDTH}} "
    f"{'HASH':{SHORT_HASH}}  {'IP':{SHORT_HASH}}  DETAILS"
)
"""The names of the columns of `to_text`."""


def to_text(recorded: RecordedEvent) -> str:
    """Return an event as one line, with a color for its kind.

    A hash, an id or a text that is too long for the line is cut.
    """
    described = describe(recorded.event)
    label = f"{described.kind} (shadow)" if described.is_shadow else described.kind
    prefix = f"{recorded.occurred_at:%m-%d %H:%M:%SZ}  "
    text = described.details
    if described.recipient:
        text = f"{_recipient_text(described.recipient)}  {text}"
    text = printable(text).rstrip()
    room = _MAX_WIDTH - len(prefix) - _KIND_WIDTH - 2
    if len(text) > room:
        text = f"{text[: room - 1]}…"
    label = f"{label:{_KIND_WIDTH}}"
    if color := color_of(recorded.event):
        label = click.style(label, fg=color)
    return f"{prefix}{label}  {text}"


def color_of(event: Event) -> str | None:
    """Return the color of the kind of an event, if it has one."""
    severity = describe(event).severity
    return _COLORS[severity] if severity else None


def to_json(recorded: RecordedEvent) -> str:
    """Return an event as one line of JSON."""
    return json.dumps(to_json_object(recorded))


def _recipient_text(recipient: RecipientText) -> str:
    return (
        f"{recipient.country:2} {recipient.prefix:{_PREFIX_WIDTH}}"
        f" {recipient.phone_hash}  {recipient.ip_hash:{SHORT_HASH}}"
    )
