"""The channels of the page: which ones it offers, and their texts."""

from __future__ import annotations

from collections.abc import Collection

from markupsafe import Markup

from otp_engine.domain.models import Channel
from otp_engine.domain.policy import switches
from otp_engine.domain.policy.switches import Switches
from otp_engine.errors import (
    ChannelNotAllowed,
    DeliveryFailed,
    NumberTypeNotAllowed,
    OTPError,
    ProviderUnavailable,
    RateLimited,
)
from otp_engine.web.translations import Translations

_APPS = {Channel.WHATSAPP: "WhatsApp", Channel.TELEGRAM: "Telegram"}
_NUMBER = Markup('<span class="number">{}</span>')
_LIMITS_OF_CALLS = "calls_"
# With these, a message of another channel can arrive. The pumping guard is not among
# them: it counts the messages of all channels.
_ERRORS_OF_A_CHANNEL = (
    ChannelNotAllowed,
    DeliveryFailed,
    NumberTypeNotAllowed,
    ProviderUnavailable,
)


def offered(channels: Collection[Channel], sending: Switches) -> list[Channel]:
    """Return the channels that the page offers.

    Args:
        channels: The channels of the providers that reach a phone, the usual one first.
        sending: The switches of the policy.
    """
    return [each for each in channels if not _is_off(each, sending)]


def is_limit_of_calls(error: OTPError) -> bool:
    """Return whether a limit of calls refused the send."""
    return isinstance(error, RateLimited) and error.limit.startswith(_LIMITS_OF_CALLS)


def can_use_another(error: OTPError) -> bool:
    """Return whether a send that failed with *error* can succeed on another channel."""
    return isinstance(error, _ERRORS_OF_A_CHANNEL) or is_limit_of_calls(error)


def app_name(channel: Channel | None) -> str:
    """Return the name of the app of *channel*; empty for a text message or a call."""
    return _APPS.get(channel, "") if channel else ""


def send_by(channel: Channel, translations: Translations) -> str:
    """Return the text of the button that sends a code by *channel*."""
    return translations.get(f"send_by_{_kind(channel)}", app=app_name(channel))


def sent_by(channel: Channel, masked: str, translations: Translations) -> Markup:
    """Return the sentence that a code was sent, as HTML.

    Args:
        channel: The channel of the last message.
        masked: The number, as the recipient sees it.
        translations: The texts.
    """
    return translations.markup(
        f"sent_{_kind(channel)}", app=app_name(channel), number=_NUMBER.format(masked)
    )


def consent(
    channels: Collection[Channel], brand: str, translations: Translations
) -> str:
    """Return what the recipient agrees to with a request.

    Args:
        channels: The channels that the page offers.
        brand: The name of the operator.
        translations: The texts.
    """
    if set(channels) <= {Channel.SMS}:
        key = "consent"
    else:
        key = "consent_call" if Channel.CALL in channels else "consent_message"
    return translations.get(key, brand=brand)


def _kind(channel: Channel) -> str:
    return "app" if channel in _APPS else channel


def _is_off(channel: Channel, sending: Switches) -> bool:
    name = f"{switches.CHANNEL}{channel}"
    off = sending.find_off_among(
        country="", prefixes=(), channel=channel, client_name=None
    )
    return off == name
