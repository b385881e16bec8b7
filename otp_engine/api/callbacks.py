"""Where carriers report what became of messages."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.config.settings import TWILIO_CALLBACK
from otp_engine.domain import events, phone
from otp_engine.domain.receipts import ReadReceipt


def blueprint(read: ReadReceipt) -> Blueprint:
    """Build the view, which believes what *read* does."""
    bp = Blueprint("callbacks", __name__)

    @bp.post(TWILIO_CALLBACK)
    def report() -> ResponseReturnValue:
        signature = request.headers.get("X-Twilio-Signature", "")
        if receipt := read(request.form, signature):
            engine = context.current().engine.engine
            number = phone.read(receipt.to, phone.NOWHERE)
            engine.watch(events.reported(receipt, number, engine.peppers[0]))
        return "", HTTPStatus.NO_CONTENT

    return bp
