"""Warnings about the channels of Twilio that are allowed and not useful."""

from __future__ import annotations

from otp_engine.config.settings import Settings

_SANDBOX = "+14155238886"


def collect(settings: Settings) -> list[str]:
    """Return a sentence for each channel of Twilio that reaches few recipients.

    Args:
        settings: All settings.
    """
    whatsapp = settings.twilio.whatsapp if settings.twilio else None
    if settings.dev or not (whatsapp and whatsapp.from_ == _SANDBOX):
        return []
    warning = (
        "TWILIO_WHATSAPP_FROM is the sandbox of Twilio: it reaches only numbers that"
        " have joined it within three days"
    )
    return [warning]
