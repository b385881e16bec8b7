"""`/v2/SafeList/Numbers`: numbers that are served whatever their country is."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.api.verify_v2 import errors, parameters, urls
from otp_engine.domain import phone
from otp_engine.domain.phone import PhoneNumber
from otp_engine.errors import InvalidPhone

bp = Blueprint("safe_list", __name__)


@bp.post("/SafeList/Numbers")
def create() -> ResponseReturnValue:
    """Serve a number whatever its country is."""
    number = _read(parameters.read(request).required("PhoneNumber"))
    if number is None:
        raise errors.invalid("PhoneNumber")
    if has(number):
        message = "Phone Number already exists"
        raise errors.Problem(60411, HTTPStatus.BAD_REQUEST, message)
    context.current().safe_list.add(_names(number)[0])
    return _shape(number), HTTPStatus.CREATED


@bp.get("/SafeList/Numbers/<text>")
def fetch(text: str) -> ResponseReturnValue:
    """Say that a number is on the list."""
    number = _read(text)
    if number is None or not has(number):
        raise errors.not_found()
    return _shape(number)


@bp.delete("/SafeList/Numbers/<text>")
def delete(text: str) -> ResponseReturnValue:
    """Take a number off the list."""
    number, safe_list = _read(text), context.current().safe_list
    if number is None or not sum(map(safe_list.remove, _names(number))):
        raise errors.not_found()
    return "", HTTPStatus.NO_CONTENT


def has(number: PhoneNumber) -> bool:
    """Whether a number is on the list.

    One that is found under the pepper before a rotation is added under the new one, so
    that it stays when the old one goes.
    """
    safe_list, (current, *previous) = context.current().safe_list, _names(number)
    if safe_list.has(current):
        return True
    found = any(safe_list.has(name) for name in previous)
    if found:
        safe_list.add(current)
    return found


def _names(number: PhoneNumber) -> list[str]:
    """What a number is called in the list, which keeps no number."""
    peppers = context.current().peppers
    return [pepper.pseudonymize("safe", number.e164) for pepper in peppers]


def _read(text: str) -> PhoneNumber | None:
    try:
        return phone.read(text, phone.NOWHERE)
    except InvalidPhone:
        return None


def _shape(number: PhoneNumber) -> dict[str, Any]:
    # A sid of the number's own, so that the same number always has the same.
    pepper = context.current().peppers[0]
    digest = pepper.code_mac("safe", verification=b"", number=number.e164)
    return {
        "sid": f"GN{digest[:16].hex()}",
        "phone_number": number.e164,
        "url": urls.of("SafeList", "Numbers", number.e164),
    }
