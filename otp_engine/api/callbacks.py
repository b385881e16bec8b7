"""Where carriers report what became of messages."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from otp_engine.api import context
from otp_engine.config.settings import TWILIO_CALLBACK
from otp_engine.domain import events, phone
from otp_engine.domain.receipts import ReadReceipt, Receipt
from otp_engine.errors import InvalidPhone, InvalidRequest, Unauthorized

_LONGEST_BODY = 4 * 1024


def blueprint(read: ReadReceipt, is_new: Callable[[str], bool]) -> Blueprint:
    """Build the view.

    Args:
        read: Says what a report is worth.
        is_new: Whether a message has not been heard of yet; a report may come twice.
    """
    bp = Blueprint("callbacks", __name__)

    @bp.post(TWILIO_CALLBACK)
    def report() -> ResponseReturnValue:
        signature = _signature()
        receipt = read(request.form, signature)
        if receipt and is_new(receipt.message):
            _tell(receipt)
        return "", HTTPStatus.NO_CONTENT

    return bp


def _signature() -> str:
    """Check what the headers show, before a body that may come slowly is read.

    The signature covers the body, so its value can only be checked afterwards.

    Returns:
        The signature.

    Raises:
        Unauthorized: There is none.
        RequestEntityTooLarge: The body is longer than any report.
        InvalidRequest: The body does not give its length, as Twilio's always does.
    """
    signature = request.headers.get("X-Twilio-Signature", "")
    if not signature:
        raise Unauthorized
    if request.content_length is None:
        raise InvalidRequest("A form needs a Content-Length.")
    if request.content_length > _LONGEST_BODY:
        raise RequestEntityTooLarge
    return signature


def _tell(receipt: Receipt) -> None:
    engine = context.current().engine.engine
    try:
        number = phone.read(receipt.to, phone.NOWHERE)
    except InvalidPhone:
        # Of another channel, and of no message of ours.
        return
    engine.watch(events.reported(receipt, number, engine.peppers[0]))
