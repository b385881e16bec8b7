"""`/dev/inbox`: the messages that did not leave, as a phone would show them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from otp_engine.domain import segments
from otp_engine.domain.inbox import Letter
from otp_engine.web import pages

_JUST_NOW = timedelta(seconds=2)


def blueprint(
    letters: Callable[[], list[Letter]], now: Callable[[], datetime], *, verify: bool
) -> Blueprint:
    """Build the pages.

    Args:
        letters: What is in the inbox, newest first.
        now: The time of day, in UTC.
        verify: Whether there is a page to verify a number on.
    """
    bp = pages.blueprint("inbox")

    def told() -> list[dict[str, Any]]:
        wanted, moment = request.args.get("to"), now()
        return [
            _plain(letter, moment)
            for letter in letters()
            if wanted in {None, letter.to}
        ]

    @bp.before_request
    def expect_this_machine() -> None:
        """Refuse another site that has its name lead here, to read with a browser."""
        if not _is_local(request.host):
            raise NotFound

    @bp.get("/dev/inbox")
    def page() -> ResponseReturnValue:
        return render_template("inbox.html", letters=told(), verify=verify)

    @bp.get("/dev/inbox.json")
    def plain() -> ResponseReturnValue:
        return {"messages": told()}

    return bp


def _plain(letter: Letter, now: datetime) -> dict[str, Any]:
    age = max(timedelta(), now - letter.at)
    return {
        "to": letter.to,
        "channel": letter.channel,
        "locale": letter.locale,
        "body": letter.body,
        "code": letter.code,
        "segments": segments.count(letter.body),
        "at": letter.at.isoformat(),
        "age": round(age.total_seconds()),
        "ago": _ago(age),
        "verification": letter.verification.hex(),
        "state": letter.state(now),
    }


def _is_local(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(".localhost")
    return True


def _ago(age: timedelta) -> str:
    if age < _JUST_NOW:
        return "just now"
    seconds = int(age.total_seconds())
    hours, minutes = seconds // 3600, seconds // 60
    if hours:
        return f"{hours} h ago"
    return f"{minutes} min ago" if minutes else f"{seconds} s ago"
