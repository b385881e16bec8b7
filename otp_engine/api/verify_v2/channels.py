"""The parameter `Channel`: the channels of Verify, and those that are offered here."""

from __future__ import annotations

from http import HTTPStatus

from otp_engine.api.verify_v2 import errors
from otp_engine.domain.models import Channel

_AUTO = "auto"
# Of Twilio's OpenAPI document and pages. `rbm` is the name of `rcs` in Attempts.
_VERIFY_CHANNELS = frozenset(
    {"call", "email", "push", "rbm", "rcs", "sms", "sna", "whatsapp"}
)
# The preferred channel is first.
_OFFERED = tuple(Channel)


def parse(text: str) -> Channel:
    """Parse a channel; `auto` is the preferred one. As in Verify, case matters.

    Raises:
        TwilioApiError: Verify has the channel, and it is not offered here.
        ValueError: Verify has no such channel.
    """
    if text == _AUTO:
        return _OFFERED[0]
    if text in _OFFERED:
        return Channel(text)
    if text in _VERIFY_CHANNELS:
        message = f"Delivery channel disabled: {text.upper()}"
        raise errors.TwilioApiError(60223, HTTPStatus.BAD_REQUEST, message)
    raise ValueError(f"must be a channel: {text!r}")
