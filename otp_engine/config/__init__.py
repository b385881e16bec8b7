"""Settings: read from the environment once, validated and frozen."""

from otp_engine.config.loader import VARIABLES, load, load_for_command, load_prices
from otp_engine.config.secret_settings import remove as remove_secrets
from otp_engine.config.settings import Settings, TwilioSettings

__all__ = [
    "VARIABLES",
    "Settings",
    "TwilioSettings",
    "load",
    "load_for_command",
    "load_prices",
    "remove_secrets",
]
