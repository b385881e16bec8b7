"""Webhooks for the delivery reports of providers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from threading import BoundedSemaphore

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from otp_engine.api import context
from otp_engine.config.settings import TWILIO_WEBHOOK_PATH
from otp_engine.domain import events
from otp_engine.domain.messages.delivery_reports import DeliveryReport, ReportParser
from otp_engine.domain.phones import numbers
from otp_engine.errors import InvalidPhone, InvalidRequest, Overloaded, Unauthorized

_LONGEST_BODY = 4 * 1024
# Seconds that a report waits for a place: reports that come at once, with their bodies,
# free it sooner.
_PATIENCE = 0.05
# HMAC-SHA1 in base64: 20 bytes.
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{27}=", re.ASCII)


def blueprint(
    read: ReportParser, is_new: Callable[[str], bool], bodies: BoundedSemaphore
) -> Blueprint:
    """Build the view.

    Args:
        read: Parses a report.
        is_new: Returns whether it is the first report on a message; one can be
            repeated.
        bodies: Bounds the bodies that are read at a time. A client can send a body
            slowly, and holds a thread until it is complete.
    """
    bp = Blueprint("callbacks", __name__)

    @bp.post(TWILIO_WEBHOOK_PATH)
    def report() -> ResponseReturnValue:
        signature = _signature()
        receipt = read(_form(bodies), signature)
        if receipt and is_new(receipt.message_id):
            _tell(receipt)
        return "", HTTPStatus.NO_CONTENT

    return bp


def _signature() -> str:
    """Check what the headers show, before a body that may come slowly is read.

    The signature covers the body, so its value can only be checked afterwards.

    Returns:
        The signature.

    Raises:
        Unauthorized: There is none, or it cannot be Twilio's.
        RequestEntityTooLarge: The body is longer than any report.
        InvalidRequest: The body does not give its length, as Twilio's always does.
    """
    signature = request.headers.get("X-Twilio-Signature", "")
    if not _SIGNATURE.fullmatch(signature):
        raise Unauthorized
    if request.content_length is None:
        raise InvalidRequest("A form needs a Content-Length.")
    if request.content_length > _LONGEST_BODY:
        raise RequestEntityTooLarge
    return signature


def _form(bodies: BoundedSemaphore) -> Mapping[str, str]:
    """Read the body once one of the places in *bodies* is free.

    Raises:
        Saturated: No place becomes free; the body is not read. Twilio does not retry a
            status callback that was answered, so the report is lost.
    """
    if not bodies.acquire(timeout=_PATIENCE):
        raise Overloaded
    try:
        return request.form
    finally:
        bodies.release()


def _tell(receipt: DeliveryReport) -> None:
    engine = context.get_context().engines.live
    try:
        number = numbers.parse(receipt.to, numbers.UNKNOWN_REGION)
    except InvalidPhone:
        # Of another channel, and of no message of ours.
        return
    engine.emit(events.event_from_report(receipt, number, engine.peppers[0]))
