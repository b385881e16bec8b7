"""`/console/phone`: what is stored about one phone or e-mail address.

The address is in the body of a request, and in no URL, page, log line or event.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine.console.console import Console
from otp_engine.domain.addresses import Address
from otp_engine.errors import InvalidRequest
from otp_engine.operations import phones
from otp_engine.operations.phones import InspectedPhone, Source
from otp_engine.operations.timeline import with_times, words

_MAX_LENGTH = 254  # of an e-mail address


def add_to(bp: Blueprint, console: Console) -> None:
    """Add the views to the blueprint of the console."""

    @bp.get("/phone")
    def phone() -> ResponseReturnValue:
        return console.render("phone.html")

    @bp.post("/phone")
    def inspect_phone() -> ResponseReturnValue:
        return _with_address(console, lambda address: _inspect(console, address))

    @bp.post("/phone/delete")
    def delete_phone() -> ResponseReturnValue:
        if request.form.get("confirmed") != "yes":
            return _rejected(console, "Confirm the deletion: nothing was deleted.")
        return _with_address(console, lambda address: _delete(console, address))


def _with_address(
    console: Console, show: Callable[[Address], str]
) -> ResponseReturnValue:
    """Return a page about the address of the form, or the form with a problem."""
    text = request.form.get("address", "")[:_MAX_LENGTH]
    try:
        address = phones.parse_address(text, console.context.settings)
    except InvalidRequest as error:
        return _rejected(console, error.message)
    g.phone = address.masked
    return show(address)


def _rejected(console: Console, problem: str) -> ResponseReturnValue:
    return console.render("phone.html", problem=problem), HTTPStatus.BAD_REQUEST


def _inspect(console: Console, address: Address) -> str:
    found = phones.inspect(
        console.context, address, operator=console.operator, source=Source.CONSOLE
    )
    return console.render("phone.html", phone=found, **_values(found))


def _delete(console: Console, address: Address) -> str:
    is_deleted = phones.delete(
        console.context, address, operator=console.operator, source=Source.CONSOLE
    )
    result = "The data of {} is deleted." if is_deleted else "No data of {}."
    return console.render("phone.html", done=result.format(address.masked))


def _values(phone: InspectedPhone) -> dict[str, object]:
    """Return what the page shows of a phone."""
    verifications = [
        {
            "service": verification.namespace.partition("+")[0],
            "is_bound": verification.is_bound,
            "channel": verification.pending.channel,
            "expires_in": _duration(verification.pending.expires_in),
            "attempts": phone.attempts(verification),
            "sends": phone.sends_remaining(verification),
            "next_send": phone.next_send(verification),
        }
        for verification in phone.report.pending
    ]
    timeline = [
        {
            "at": recorded.occurred_at,
            "since": None if since is None else f"+{_duration(since)}",
            "text": words(recorded.event),
        }
        for recorded, since in with_times(phone.events)
    ]
    return {
        "verifications": verifications,
        "timeline": timeline,
        "next_send": phone.next_send(),
        "duration": _duration,
    }


def _duration(duration: timedelta) -> str:
    return str(timedelta(seconds=round(duration.total_seconds())))
