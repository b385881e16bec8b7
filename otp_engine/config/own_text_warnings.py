"""Warnings about own texts that cost more than one segment."""

from __future__ import annotations

from otp_engine.config.settings import Settings
from otp_engine.domain.messages import contents, segments
from otp_engine.domain.messages.options import DEFAULT_OPTIONS
from otp_engine.domain.messages.own_texts import OwnText
from otp_engine.domain.models import Channel
from otp_engine.domain.money import amounts
from otp_engine.domain.money.prices import Prices

_MAX_CHARACTERS = 5


def collect(settings: Settings) -> list[str]:
    """Return a sentence for each own text of several segments, with its price."""
    policy, service = settings.policy, settings.service
    variables = contents.variables(
        code="0" * (service.code_length or policy.code_length),
        brand=settings.brand,
        ttl=policy.ttl,
    )
    warnings = []
    for own in settings.text_defaults.own_texts.entries:
        if own.channel is not Channel.SMS or own.text is None:
            continue
        text = own.render(variables, DEFAULT_OPTIONS)
        count = segments.count(text)
        if count > 1:
            price = _price(own, settings.prices, count)
            warnings.append(
                f"OTP_MESSAGES {own.place}: the text has {count} segments, so {price}"
                f"{_cause(text)}"
            )
    return warnings


def _cause(text: str) -> str:
    """Return which few characters need UCS-2, such as a curly apostrophe.

    A text in another script has many of them, and no other spelling.
    """
    characters = segments.outside_gsm_7(text)
    if not 0 < len(characters) <= _MAX_CHARACTERS:
        return ""
    names = ", ".join(f"{char} (U+{ord(char):04X})" for char in characters)
    return f". GSM-7, with 160 characters in a segment, lacks {names}"


def _price(own: OwnText, prices: Prices, count: int) -> str:
    """Return what a message with an own text costs."""
    if own.country is None:
        return f"each message costs as much as {count}"
    each = prices.price(own.country, Channel.SMS)
    amount, single = map(amounts.format_amount, (count * each, each))
    return (
        f"a message to {own.country} costs {amount} {prices.currency} instead of"
        f" {single}"
    )
