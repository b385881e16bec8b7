"""The channels of the page: which ones it offers, and their texts."""

from __future__ import annotations

from collections.abc import Collection

from markupsafe import Markup

from otp_engine.domain import addresses
from otp_engine.domain.models import Channel
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.policy import switches
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.switches import Switches
from otp_engine.errors import (
    ChannelNotAllowed,
    CountryNotAllowed,
    DeliveryFailed,
    NumberTypeNotAllowed,
    OTPError,
    ProviderUnavailable,
    RateLimited,
)
from otp_engine.web.translations import Translations

_APPS = {Channel.WHATSAPP: "WhatsApp", Channel.TELEGRAM: "Telegram"}
_NUMBER = Markup('<span class="number">{}</span>')
_LIMITS_OF_CALLS, _COUNTRIES_OF_CALLS = "calls_", "call_countries"
# With these, a message of another channel can arrive. The pumping guard is not among
# them: it counts the messages of all channels.
_ERRORS_OF_A_CHANNEL = (
    ChannelNotAllowed,
    DeliveryFailed,
    NumberTypeNotAllowed,
    ProviderUnavailable,
)


def offered(
    channels: Collection[Channel], policy: Policy, number: PhoneNumber | None = None
) -> list[Channel]:
    """Return the channels that the page offers.

    Args:
        channels: The channels of the providers that reach a phone, the usual one first.
        policy: The policy, which can turn channels off.
        number: The number, if it is known: calls are made to some countries only, and
            a landline has no other channel.
    """
    callable_numbers = AllowedDestinations(policy.call_countries)
    has_calls = number is None or callable_numbers.includes(number)
    return [
        each
        for each in channels
        if not _is_off(each, policy.sending)
        and (has_calls or each is not Channel.CALL)
        and (number is None or addresses.can_receive(number, each))
    ]


def is_limit_of_calls(error: OTPError) -> bool:
    """Return whether a limit of calls refused the send."""
    return isinstance(error, RateLimited) and error.limit.startswith(_LIMITS_OF_CALLS)


def is_country_of_calls(error: OTPError) -> bool:
    """Return whether no call is made to the country of the number."""
    return isinstance(error, CountryNotAllowed) and error.rule == _COUNTRIES_OF_CALLS


def can_use_another(error: OTPError) -> bool:
    """Return whether a send that failed with *error* can succeed on another channel."""
    is_of_calls = is_limit_of_calls(error) or is_country_of_calls(error)
    return is_of_calls or isinstance(error, _ERRORS_OF_A_CHANNEL)


def app_name(channel: Channel | None) -> str:
    """Return the name of the app of *channel*; empty for a text message or a call."""
    return _APPS.get(channel, "") if channel else ""


def send_by(channel: Channel, translations: Translations) -> str:
    """Return the text of the button that sends a code by *channel*."""
    return translations.get(f"send_by_{_kind(channel)}", app=app_name(channel))


def show_number(number: PhoneNumber) -> Markup:
    """Return *number* as HTML, masked as its recipient sees it."""
    return _NUMBER.format(number.shown_to_recipient)


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
