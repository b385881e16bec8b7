"""`/console/events`: the newest events, which a script continues with new ones."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from otp_engine.console.console import Console
from otp_engine.domain.phones import numbers
from otp_engine.errors import InvalidRequest
from otp_engine.operations.event_text import describe
from otp_engine.operations.events import EventPage, newest_events, read_events
from otp_engine.store.events.codec import EVENT_KINDS
from otp_engine.store.events.event_filter import EventFilter
from otp_engine.store.events.event_store import RETENTION

_COUNT = 100
_PERIODS = {
    "1h": ("last hour", timedelta(hours=1)),
    "24h": ("last 24 hours", timedelta(hours=24)),
    "31d": ("last 31 days", RETENTION),
}
_DEFAULT_PERIOD = "1h"
# A page that was hidden for longer continues with the newest events.
_MAX_GAP = timedelta(minutes=10)
# As `Pepper.pseudonymize` writes it. Digits alone could be a number.
_HASH = re.compile(r"(?![0-9]+\Z)[A-Za-z0-9_-]{4,64}", re.ASCII)


def add_to(bp: Blueprint, console: Console) -> None:
    """Add the views to the blueprint of the console."""
    context = console.context

    @bp.get("/events")
    def events() -> ResponseReturnValue:
        event_filter, problem = EventFilter(), None
        try:
            event_filter = _read_filter()
        except InvalidRequest as error:
            problem = error.message
        name = request.args.get("period", _DEFAULT_PERIOD)
        name = name if name in _PERIODS else _DEFAULT_PERIOD
        since = _PERIODS[name][1]
        page = newest_events(
            context, count=_COUNT, since=since, event_filter=event_filter
        )
        return console.render(
            "events.html",
            rows=_rows(page),
            page=page,
            problem=problem,
            period=name,
            periods={key: label for key, (label, _) in _PERIODS.items()},
            kinds=sorted(EVENT_KINDS),
        )

    @bp.get("/events/new")
    def new_events() -> ResponseReturnValue:
        cursor = request.args.get("cursor")
        page = read_events(
            context, cursor, count=_COUNT, since=_MAX_GAP, event_filter=_read_filter()
        )
        rows = render_template("console/event_rows.html", rows=_rows(page))
        return {
            "cursor": page.cursor,
            "count": len(page.events),
            "omitted": page.omitted,
            "rows": rows,
        }


def _rows(page: EventPage) -> list[dict[str, object]]:
    """Return the events in words, newest first."""
    return [
        {"at": recorded.occurred_at, "event": describe(recorded.event)}
        for recorded in reversed(page.events)
    ]


def _read_filter() -> EventFilter:
    """Return the filter of the query.

    Raises:
        InvalidRequest: A value is not valid. A number is none: it would be in the URL.
    """
    kind, country = _argument("kind"), _argument("country").upper()
    prefix, limit = _argument("prefix"), _argument("limit")
    phone_hash, identity_hash = _argument("phone_hash"), _argument("identity_hash")
    if prefix and not (
        re.fullmatch(r"\+[0-9]{1,7}", prefix) and numbers.visible_part(prefix) == prefix
    ):
        raise InvalidRequest(
            "A prefix is a plus, the calling code and three digits at most, as events"
            " show it. The page Phone takes a number."
        )
    for name, text in (("A phone", phone_hash), ("An identity", identity_hash)):
        if text and not _HASH.fullmatch(text):
            raise InvalidRequest(
                f"{name} hash has letters and digits, at least four characters."
            )
    return EventFilter(
        kinds=[kind] if kind in EVENT_KINDS else [],
        countries=[country] if country else [],
        prefixes=[prefix] if prefix else [],
        limits=[limit] if limit else [],
        phone_hashes=[phone_hash] if phone_hash else [],
        identity_hashes=[identity_hash] if identity_hash else [],
    )


def _argument(name: str) -> str:
    return request.args.get(name, "").strip()
