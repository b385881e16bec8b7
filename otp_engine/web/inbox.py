"""`/dev/inbox`: the messages of dev mode, which no provider sends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from otp_engine.domain.models import Channel
from otp_engine.errors import InvalidRequest, OriginNotAllowed
from otp_engine.web import security_headers
from otp_engine.web.home import prefers_html

_JUST_NOW = timedelta(seconds=2)
_OUTCOMES = f"'outcome' must be one of {', '.join(SimulatedOutcome)}."
_CHANNELS = f"'channel' must be one of {', '.join(Channel)}, or empty for all."
_CHANNEL_TEXTS = {
    Channel.SMS: "text messages",
    Channel.WHATSAPP: "WhatsApp",
    Channel.CALL: "calls",
    Channel.EMAIL: "e-mails",
    Channel.TELEGRAM: "Telegram",
}
_CHANNEL_NAMES = {
    Channel.SMS: "Text message",
    Channel.WHATSAPP: "WhatsApp",
    Channel.CALL: "Call",
    Channel.EMAIL: "E-mail",
    Channel.TELEGRAM: "Telegram",
}
_OUTCOME_TEXTS = {
    SimulatedOutcome.ACCEPTED: "accepted",
    SimulatedOutcome.REJECTED: "rejected",
    SimulatedOutcome.UNCONFIRMED: "unconfirmed",
    SimulatedOutcome.UNDELIVERED: "undelivered",
    SimulatedOutcome.SLOW: "slow",
    SimulatedOutcome.NOT_ON_CHANNEL: "not on WhatsApp or Telegram",
}
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
        messages = _matching(store.list_messages(), now())
        url = own_url.of_request(public_url)
        outcomes = store.simulated_outcomes()
        return render_template(
            "inbox.html", verify=verify, url=url, **_values(messages, outcomes)
        )

    @bp.post("/dev/inbox")
    def clear_page() -> ResponseReturnValue:
        store.clear()
        return redirect(url_for(".page"), HTTPStatus.SEE_OTHER)

    @bp.post("/dev/inbox/provider")
    def simulate() -> ResponseReturnValue:
        outcome, channel = _requested_outcome(), _requested_channel()
        store.simulate(outcome, channel)
        if prefers_html():
            return redirect(url_for(".page"), HTTPStatus.SEE_OTHER)
        return {"outcome": outcome} | ({"channel": channel} if channel else {})

    @bp.get("/dev/inbox.json")
    def messages() -> ResponseReturnValue:
        return {"messages": _matching(store.list_messages(), now())}

    @bp.delete("/dev/inbox.json")
    def clear_messages() -> ResponseReturnValue:
        store.clear()
        return "", HTTPStatus.NO_CONTENT

    return bp


def _values(
    messages: list[dict[str, Any]], simulated: Mapping[Channel, SimulatedOutcome]
) -> dict[str, Any]:
    """Return the values of the page.

    Args:
        messages: The messages to show.
        simulated: The outcome of the next messages of each channel.
    """
    # The same outcome of every channel is that of the form.
    outcome = (
        next(iter(simulated.values())) if len(set(simulated.values())) == 1 else None
    )
    return {
        "messages": messages,
        # A search can hide the message that another one is the fallback of.
        "shown": {message["delivery"]: message for message in messages},
        "search": request.args.get("search") or request.args.get("to") or "",
        "channel_names": _CHANNEL_NAMES,
        "simulations": _by_outcome(simulated),
        "outcome": outcome,
        "outcomes": _OUTCOME_TEXTS,
        "channels": _CHANNEL_TEXTS,
    }


def _require_own_page() -> None:
    """Reject other sites, also by DNS rebinding: a foreign name resolves to us."""
    if not _is_local(request.host):
        raise NotFound
    if request.method in {"POST", "DELETE"} and not _is_same_origin():
        raise OriginNotAllowed


def _requested_outcome() -> SimulatedOutcome:
    try:
        return SimulatedOutcome(_field("outcome"))
    except ValueError:
        raise InvalidRequest(_OUTCOMES) from None


def _requested_channel() -> Channel | None:
    """Return the channel of the simulation; None for all."""
    name = _field("channel")
    try:
        return Channel(name) if name else None
    except ValueError:
        raise InvalidRequest(_CHANNELS) from None


def _field(name: str) -> str:
    """Return a field of a JSON object or of a form as text; empty without it."""
    fields = request.get_json(silent=True)
    value = (fields if isinstance(fields, dict) else request.form).get(name)
    return "" if value is None else str(value)


def _by_outcome(outcomes: Mapping[Channel, SimulatedOutcome]) -> dict[str, str]:
    """Return the texts of the simulated outcomes, with the names of their channels."""
    channels: dict[SimulatedOutcome, list[str]] = {}
    for channel, outcome in outcomes.items():
        if outcome is not SimulatedOutcome.ACCEPTED:
            channels.setdefault(outcome, []).append(_CHANNEL_TEXTS[channel])
    return {
        _OUTCOME_TEXTS[outcome]: (
            "all channels" if len(names) == len(outcomes) else ", ".join(names)
        )
        for outcome, names in channels.items()
    }


def _matching(messages: Iterable[InboxMessage], now: datetime) -> list[dict[str, Any]]:
    """Return the messages that the query of the request selects."""
    number, text = request.args.get("to"), request.args.get("search", "")
    messages = list(messages)
    return [
        _to_dict(message, now, _fallback_of(message, messages))
        for message in messages
        if _is_to(message, number) and _contains(message, text)
    ]


def _fallback_of(
    message: InboxMessage, messages: Sequence[InboxMessage]
) -> InboxMessage | None:
    """Return the message that *message* is the fallback of, the newest one before it.

    Args:
        message: A message.
        messages: All messages, newest first.
    """
    if not message.is_fallback:
        return None
    older = messages[messages.index(message) + 1 :]
    return next(
        (each for each in older if each.verification_id == message.verification_id),
        None,
    )


def _to_dict(
    message: InboxMessage, now: datetime, fallback_of: InboxMessage | None
) -> dict[str, Any]:
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
        "subject": message.subject,
        # Only text messages are billed by segment.
        "segments": segments.count(message.body)
        if message.channel is Channel.SMS
        else None,
        "step": f"{message.channel}:{message.provider}",
        "delivery": message.delivery_id,
        "delivery_status": message.delivery_status,
        "statuses": [
            {
                "status": each.status,
                "at": each.at.isoformat(),
                "after": _format_after(each.at - message.sent_at),
            }
            for each in message.statuses
        ],
        "fallback_of": fallback_of.delivery_id if fallback_of else None,
        "at": message.sent_at.isoformat(),
        "age": round(age.total_seconds()),
        "ago": _format_age(age),
        "expires_in": int(remaining.total_seconds()),
        "verification": message.verification_id.hex(),
        "state": status,
    }


def _is_to(message: InboxMessage, recipient: str | None) -> bool:
    """Return whether *message* is to a number or an e-mail address.

    A query decodes a `+` to a space.
    """
    if recipient is None:
        return True
    if "@" in recipient:
        return message.to == recipient.strip().replace(" ", "+").lower()
    return message.to == f"+{recipient.strip().removeprefix('+')}"


def _contains(message: InboxMessage, text: str) -> bool:
    """Return whether *text* is a part of the recipient or of the text of *message*."""
    # A national number starts with a 0 that the international form lacks.
    number = _PUNCTUATION.sub("", text).lstrip("0")
    parts = (message.to, message.subject or "", message.body)
    found = any(text.strip().casefold() in part.casefold() for part in parts)
    return found or number in message.to


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


def _format_after(time: timedelta) -> str:
    """Return the time of a status after the send, such as `+2.0 s`."""
    return f"+{max(0.0, time.total_seconds()):.1f} s"


def _format_age(age: timedelta) -> str:
    if age < _JUST_NOW:
        return "just now"
    seconds = int(age.total_seconds())
    hours, minutes = seconds // 3600, seconds // 60
    if hours:
        return f"{hours} h ago"
    return f"{minutes} min ago" if minutes else f"{seconds} s ago"
