"""`/dev/inbox`: the messages of dev mode, which no provider sends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from otp_engine.api import own_url
from otp_engine.domain.messages import segments
from otp_engine.domain.messages.inbox import (
    CodeStatus,
    InboxMessage,
    InboxStore,
    SimulatedOutcome,
)
from otp_engine.errors import InvalidRequest, OriginNotAllowed
from otp_engine.web import security_headers
from otp_engine.web.home import prefers_html

_JUST_NOW = timedelta(seconds=2)
_OUTCOMES = f"'outcome' must be one of {', '.join(SimulatedOutcome)}."
_PUNCTUATION = re.compile(r"[\s()./-]+")


def blueprint(
    store: InboxStore,
    now: Callable[[], datetime],
    *,
    public_url: str | None,
    verify: bool,
) -> Blueprint:
    """Build the page and its JSON form.

    Args:
        store: The messages.
        now: Returns the current time in UTC.
        public_url: The URL of this service; None takes the URL of the request.
        verify: Whether the verify page is enabled, so that the inbox links to it.
    """
    bp = security_headers.blueprint("inbox")

    bp.before_request(_require_own_page)

    @bp.get("/dev/inbox", strict_slashes=False)
    def page() -> ResponseReturnValue:
        return render_template(
            "inbox.html",
            messages=_matching(store.list_messages(), now()),
            search=request.args.get("search") or request.args.get("to") or "",
            url=own_url.of_request(public_url),
            verify=verify,
            outcome=store.simulated_outcome(),
            outcomes=SimulatedOutcome,
        )

    @bp.post("/dev/inbox")
    def clear_page() -> ResponseReturnValue:
        store.clear()
        return redirect(url_for(".page"), HTTPStatus.SEE_OTHER)

    @bp.post("/dev/inbox/provider")
    def simulate() -> ResponseReturnValue:
        store.simulate(outcome := _requested_outcome())
        if prefers_html():
            return redirect(url_for(".page"), HTTPStatus.SEE_OTHER)
        return {"outcome": outcome}

    @bp.get("/dev/inbox.json")
    def messages() -> ResponseReturnValue:
        return {"messages": _matching(store.list_messages(), now())}

    @bp.delete("/dev/inbox.json")
    def clear_messages() -> ResponseReturnValue:
        store.clear()
        return "", HTTPStatus.NO_CONTENT

    return bp


def _require_own_page() -> None:
    """Reject other sites, also by DNS rebinding: a foreign name resolves to us."""
    if not _is_local(request.host):
        raise NotFound
    if request.method in {"POST", "DELETE"} and not _is_same_origin():
        raise OriginNotAllowed


def _requested_outcome() -> SimulatedOutcome:
    try:
        return SimulatedOutcome(request.form.get("outcome", ""))
    except ValueError:
        raise InvalidRequest(_OUTCOMES) from None


def _matching(messages: Iterable[InboxMessage], now: datetime) -> list[dict[str, Any]]:
    """Return the messages that the query of the request selects."""
    number, text = request.args.get("to"), request.args.get("search", "")
    return [
        _to_dict(message, now)
        for message in messages
        if _is_to(message, number) and _contains(message, text)
    ]


def _to_dict(message: InboxMessage, now: datetime) -> dict[str, Any]:
    age = max(timedelta(), now - message.sent_at)
    status = message.status(now)
    is_live = status in {CodeStatus.PENDING, CodeStatus.UNDELIVERED}
    remaining = max(timedelta(), message.expires_at - now) if is_live else timedelta()
    return {
        "to": message.to,
        "channel": message.channel,
        "locale": message.locale,
        "body": message.body,
        "code": message.code,
        "segments": segments.count(message.body),
        "at": message.sent_at.isoformat(),
        "age": round(age.total_seconds()),
        "ago": _format_age(age),
        "expires_in": int(remaining.total_seconds()),
        "verification": message.verification_id.hex(),
        "state": status,
    }


def _is_to(message: InboxMessage, number: str | None) -> bool:
    """Return whether *message* is to *number*; a query decodes its `+` to a space."""
    return number is None or message.to == f"+{number.strip().removeprefix('+')}"


def _contains(message: InboxMessage, text: str) -> bool:
    """Return whether *text* is a part of the number or of the text of *message*."""
    # A national number starts with a 0 that the international form lacks.
    number = _PUNCTUATION.sub("", text).lstrip("0")
    return number in message.to or text.strip().casefold() in message.body.casefold()


def _is_same_origin() -> bool:
    """Return whether no page of another origin sent the request, by its browser."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    # Without parsing: a browser writes both in the same form, and others can write any.
    own = origin is None or origin.partition("://")[2] == request.host
    return own and site in {"same-origin", "none"}


def _is_local(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(".localhost")
    return True


def _format_age(age: timedelta) -> str:
    if age < _JUST_NOW:
        return "just now"
    seconds = int(age.total_seconds())
    hours, minutes = seconds // 3600, seconds // 60
    if hours:
        return f"{hours} h ago"
    return f"{minutes} min ago" if minutes else f"{seconds} s ago"
