"""The parameter `Channel`: the channels of Verify, and those that are offered here."""

from __future__ import annotations

from http import HTTPStatus

from otp_engine.api import context
from otp_engine.api.verify_v2 import errors
from otp_engine.domain.models import Channel

_AUTO = "auto"
# Of Twilio's OpenAPI document and pages. `rbm` is the name of `rcs` in Attempts.
_VERIFY_CHANNELS = frozenset(
    {"call", "email", "push", "rbm", "rcs", "sms", "sna", "whatsapp"}
)


def parse(text: str) -> Channel | None:
    """Parse a channel. As in Verify, case matters.

    Returns:
        None for `auto`: the route decides.

    Raises:
        TwilioApiError: Verify or this service has the channel, and no configured
            provider has it.
        ValueError: Neither has such a channel.
    """
    if text == _AUTO:
        return None
    app = context.get_dependencies()
    if text in app.channels:
        return Channel(text)
    if text == Channel.EMAIL:
        message = "A Mailer must be associated with the service"
        raise errors.TwilioApiError(60217, HTTPStatus.BAD_REQUEST, message)
    if text in _VERIFY_CHANNELS or text in set(Channel):
        message = f"Delivery channel disabled: {text.upper()}"
        raise errors.TwilioApiError(60223, HTTPStatus.BAD_REQUEST, message)
    raise ValueError(f"must be a channel: {text!r}")
