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

BELOW_A_PATH = "below_a_path"
"""The name of the view at the path of `OTP_CALLBACK_URL`."""

_MAX_BYTES = 4 * 1024
# Reports that arrive at once, with their bodies, release their slots sooner.
_SLOT_TIMEOUT = 0.05  # seconds
# HMAC-SHA1 in base64: 20 bytes.
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{27}=", re.ASCII)


def blueprint(
    path: str,
    parse_report: ReportParser,
    mark_seen: Callable[[str], bool],
    slots: BoundedSemaphore,
) -> Blueprint:
    """Build the view.

    Args:
        path: The path that the provider posts to. A proxy may remove the part before
            `TWILIO_WEBHOOK_PATH`, or keep it.
        parse_report: Verifies and parses a report.
        mark_seen: Stores that a report on a message was received, and returns whether
            it is the first one; providers can repeat a report.
        slots: Limits the bodies that are read at once. A client can send a body slowly,
            and holds a thread until it is complete.

    Returns:
        The blueprint `callbacks`.
    """
    bp = Blueprint("callbacks", __name__)

    def receive_report() -> ResponseReturnValue:
        signature = _signature()
        report = parse_report(_read_form(slots), signature)
        if report and mark_seen(report.message_id):
            _emit(report)
        return "", HTTPStatus.NO_CONTENT

    bp.add_url_rule(TWILIO_WEBHOOK_PATH, view_func=receive_report, methods=["POST"])
    if path != TWILIO_WEBHOOK_PATH:
        bp.add_url_rule(path, BELOW_A_PATH, view_func=receive_report, methods=["POST"])
    return bp


def _signature() -> str:
    """Check the headers before the body is read, because a body can arrive slowly.

    The signature covers the body, so its value can only be checked afterwards.

    Returns:
        The signature.

    Raises:
        Unauthorized: There is no signature, or its format is not Twilio's.
        RequestEntityTooLarge: The body is longer than any report.
        InvalidRequest: The request has no Content-Length; Twilio's always has one.
    """
    signature = request.headers.get("X-Twilio-Signature", "")
    if not _SIGNATURE.fullmatch(signature):
        raise Unauthorized
    if request.content_length is None:
        raise InvalidRequest("A form needs a Content-Length.")
    if request.content_length > _MAX_BYTES:
        raise RequestEntityTooLarge
    return signature


def _read_form(slots: BoundedSemaphore) -> Mapping[str, str]:
    """Read the body once one of *slots* is free.

    Raises:
        Overloaded: No slot becomes free, and the body is not read. Twilio does not
            retry a status callback that has a response, so the report is lost.
    """
    if not slots.acquire(timeout=_SLOT_TIMEOUT):
        raise Overloaded
    try:
        return request.form
    finally:
        slots.release()


def _emit(report: DeliveryReport) -> None:
    engine = context.get_dependencies().engines.production
    try:
        number = numbers.parse(report.to, numbers.UNKNOWN_REGION)
    except InvalidPhone:
        # The message was sent through another channel, and not by this service.
        return
    engine.emit(events.event_from_report(report, number, engine.peppers[0]))
