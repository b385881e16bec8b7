"""Settings: read from the environment once, validated and frozen."""

from otp_engine.config.loader import (
    VARIABLES,
    load,
    load_for_command,
    load_prices,
    load_texts,
)
from otp_engine.config.secret_settings import remove as remove_secrets
from otp_engine.config.settings import Settings, TwilioSettings
from otp_engine.config.text_settings import TextSettings

__all__ = [
    "VARIABLES",
    "Settings",
    "TextSettings",
    "TwilioSettings",
    "load",
    "load_for_command",
    "load_prices",
    "load_texts",
    "remove_secrets",
]
