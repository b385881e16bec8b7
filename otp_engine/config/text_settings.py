"""Settings of the texts of messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from otp_engine.config import own_texts
from otp_engine.config import setting_parsers as parsers
from otp_engine.config.env_reader import EnvReader
from otp_engine.domain.messages.contents import TextDefaults
from otp_engine.domain.messages.country_languages import BY_COUNTRY
from otp_engine.domain.messages.own_texts import NO_OWN_TEXTS
from otp_engine.domain.money.prices import Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSettings:
    """What the texts of messages and their prices depend on.

    Attributes:
        defaults: The brand, the languages of countries and the own texts.
        code_length: Digits of a code.
        ttl: Lifetime of a code.
        prices: What messages cost.
    """

    defaults: TextDefaults
    code_length: int
    ttl: timedelta
    prices: Prices


def load_defaults(env: EnvReader, brand: str) -> TextDefaults:
    """Load what decides the text of a message, besides its request.

    Args:
        env: The environment variables.
        brand: Name in messages.
    """
    return TextDefaults(
        brand=brand,
        by_country=env.get(
            "OTP_DEFAULT_LANGUAGES", parsers.default_languages, BY_COUNTRY
        ),
        own_texts=env.get("OTP_MESSAGES", own_texts.read, NO_OWN_TEXTS),
    )
