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
    if not context.current().safe_list.add(name(number)):
        message = "Phone Number already exists"
        raise errors.Problem(60411, HTTPStatus.BAD_REQUEST, message)
    return _shape(number), HTTPStatus.CREATED


@bp.get("/SafeList/Numbers/<text>")
def fetch(text: str) -> ResponseReturnValue:
    """Say that a number is on the list."""
    number = _read(text)
    if number is None or not context.current().safe_list.has(name(number)):
        raise errors.not_found()
    return _shape(number)


@bp.delete("/SafeList/Numbers/<text>")
def delete(text: str) -> ResponseReturnValue:
    """Take a number off the list."""
    number = _read(text)
    if number is None or not context.current().safe_list.remove(name(number)):
        raise errors.not_found()
    return "", HTTPStatus.NO_CONTENT


def name(number: PhoneNumber) -> str:
    """What a number is called in the list, which keeps no number."""
    return context.current().peppers[0].digest("safe", number.e164)


def _read(text: str) -> PhoneNumber | None:
    try:
        return phone.read(text, phone.NOWHERE)
    except InvalidPhone:
        return None


def _shape(number: PhoneNumber) -> dict[str, Any]:
    # A sid of the number's own, so that the same number always has the same.
    digest = (
        context.current().peppers[0].bind("safe", verification=b"", number=number.e164)
    )
    return {
        "sid": f"GN{digest[:16].hex()}",
        "phone_number": number.e164,
        "url": urls.of("SafeList", "Numbers", number.e164),
    }
