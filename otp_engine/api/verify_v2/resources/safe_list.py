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
    if contains(number):
        message = "Phone Number already exists"
        raise errors.TwilioApiError(60411, HTTPStatus.BAD_REQUEST, message)
    context.get_dependencies().safe_list.add(_hashes(number)[0])
    return serialize(number), HTTPStatus.CREATED


@bp.get("/SafeList/Numbers/<text>")
def fetch(text: str) -> ResponseReturnValue:
    """Return a number of the list."""
    number = _parse(text)
    if number is None or not contains(number):
        raise errors.not_found()
    return serialize(number)


@bp.delete("/SafeList/Numbers/<text>")
def delete(text: str) -> ResponseReturnValue:
    """Remove a number."""
    number, safe_list = _parse(text), context.get_dependencies().safe_list
    if number is None or not sum(map(safe_list.remove, _hashes(number))):
        raise errors.not_found()
    return "", HTTPStatus.NO_CONTENT


def contains(number: PhoneNumber) -> bool:
    """Return whether a number is on the list.

    A number that was added under the previous pepper of a rotation is added under the
    current one, so that it stays when the previous pepper is removed.
    """
    safe_list, (current, *previous) = (
        context.get_dependencies().safe_list,
        _hashes(number),
    )
    if safe_list.contains(current):
        return True
    is_listed = any(safe_list.contains(hashed) for hashed in previous)
    if is_listed:
        safe_list.add(current)
    return is_listed


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


def _hashes(number: PhoneNumber) -> list[str]:
    """Return the stored form of a number under each pepper, the current one first."""
    peppers = context.get_dependencies().peppers
    return [pepper.pseudonymize("safe", number.e164) for pepper in peppers]


def _parse(text: str) -> PhoneNumber | None:
    try:
        return form_numbers.parse(text, _parse_number)
    except InvalidPhone:
        return None
