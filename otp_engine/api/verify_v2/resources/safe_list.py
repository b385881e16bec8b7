"""`/v2/SafeList/Numbers`: numbers that are allowed in every country."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from otp_engine.api import context, form_numbers
from otp_engine.api.verify_v2 import errors, params, wire
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.errors import InvalidPhone

bp = Blueprint("safe_list", __name__)

# The safe list has no sandbox numbers: they are allowed in every country.
_parse_number = partial(numbers.parse, region=numbers.UNKNOWN_REGION)


@bp.post("/SafeList/Numbers")
def create() -> ResponseReturnValue:
    """Add a number."""
    number = _parse(params.parse(request).require("PhoneNumber"))
    if number is None:
        raise errors.invalid_parameter("PhoneNumber")
    safe_numbers = context.get_dependencies().safe_numbers
    if safe_numbers.contains(number):
        message = "Phone Number already exists"
        raise errors.TwilioApiError(60411, HTTPStatus.BAD_REQUEST, message)
    safe_numbers.add(number)
    return serialize(number), HTTPStatus.CREATED


@bp.get("/SafeList/Numbers/<text>")
def fetch(text: str) -> ResponseReturnValue:
    """Return a number of the list."""
    number = _parse(text)
    safe_numbers = context.get_dependencies().safe_numbers
    if number is None or not safe_numbers.contains(number):
        raise errors.not_found()
    return serialize(number)


@bp.delete("/SafeList/Numbers/<text>")
def delete(text: str) -> ResponseReturnValue:
    """Remove a number."""
    number, safe_numbers = _parse(text), context.get_dependencies().safe_numbers
    if number is None or not safe_numbers.remove(number):
        raise errors.not_found()
    return "", HTTPStatus.NO_CONTENT


def serialize(number: PhoneNumber) -> dict[str, Any]:
    """Return the body of a number."""
    # The SID is derived from the number, so the same number always has the same one.
    pepper = context.get_dependencies().peppers[0]
    digest = pepper.code_mac("safe", verification_id=b"", number=number.e164)
    return {
        "sid": f"GN{digest[:16].hex()}",
        "phone_number": number.e164,
        "url": wire.resource_url("SafeList", "Numbers", number.e164),
    }


def _parse(text: str) -> PhoneNumber | None:
    try:
        return form_numbers.parse(text, _parse_number)
    except InvalidPhone:
        return None
