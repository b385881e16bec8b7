"""The settings: read from the environment once, checked, and frozen."""

from otp_engine.config.environment import VARIABLES, read
from otp_engine.config.keys import ApiKey
from otp_engine.config.secret_settings import remove as remove_secrets
from otp_engine.config.settings import Settings, Twilio

__all__ = ["VARIABLES", "ApiKey", "Settings", "Twilio", "read", "remove_secrets"]
