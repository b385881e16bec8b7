"""`/dev/inbox`: the messages of dev mode, which no provider sends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from otp_engine.domain.messages import segments
from otp_engine.domain.messages.inbox import InboxMessage
from otp_engine.web import security_headers

_JUST_NOW = timedelta(seconds=2)


def blueprint(
    list_messages: Callable[[], list[InboxMessage]],
    now: Callable[[], datetime],
    *,
    verify: bool,
) -> Blueprint:
    """Build the page and its JSON form.

    Args:
        list_messages: Returns the messages of the inbox, newest first.
        now: Returns the current time in UTC.
        verify: Whether the verify page is enabled, so that the inbox links to it.

    Returns:
        The blueprint `inbox`.
    """
    bp = security_headers.blueprint("inbox")

    def matching_messages() -> list[dict[str, Any]]:
        number, current_time = request.args.get("to"), now()
        return [
            _to_dict(message, current_time)
            for message in list_messages()
            if number in {None, message.to}
        ]

    @bp.before_request
    def require_local_host() -> None:
        """Reject requests by DNS rebinding, where a foreign name resolves to us."""
        if not _is_local(request.host):
            raise NotFound

    @bp.get("/dev/inbox")
    def page() -> ResponseReturnValue:
        return render_template(
            "inbox.html", messages=matching_messages(), verify=verify
        )

    @bp.get("/dev/inbox.json")
    def messages() -> ResponseReturnValue:
        return {"messages": matching_messages()}

    return bp


def _to_dict(message: InboxMessage, now: datetime) -> dict[str, Any]:
    age = max(timedelta(), now - message.sent_at)
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
        "verification": message.verification_id.hex(),
        "state": message.status(now),
    }


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
