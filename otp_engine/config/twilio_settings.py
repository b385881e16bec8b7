"""Settings of the account at Twilio, and of the way to its API."""

from __future__ import annotations

import re

from otp_engine import parsing
from otp_engine.config import proxies, twilio_channels, urls
from otp_engine.config import setting_parsers as parsers
from otp_engine.config.env_reader import EnvReader
from otp_engine.config.settings import TwilioSettings

VARIABLES = (
    *("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"),
    *("TWILIO_API_KEY", "TWILIO_API_SECRET"),
    *("TWILIO_MESSAGING_SERVICE_SID", "TWILIO_FROM"),
    *twilio_channels.VARIABLES,
    "TWILIO_FEEDBACK",
    *("TWILIO_API_BASE_URL", "TWILIO_REGION", "TWILIO_EDGE"),
)
"""Every variable that `load` reads, without those of the proxy."""

_SENDERS = (
    *("TWILIO_MESSAGING_SERVICE_SID", "TWILIO_FROM"),
    *("TWILIO_WHATSAPP_FROM", "TWILIO_CALL_FROM"),
)
_API_URL = "https://api.twilio.com"
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_SHORT_CODE = re.compile(r"[0-9]{3,8}", re.ASCII)
# https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id
_SENDER_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}", re.ASCII)
_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)


def has_sender(env: EnvReader) -> bool:
    """Return whether there is anything that messages or calls can be sent from."""
    return any(map(env.has, _SENDERS))


def load(env: EnvReader) -> TwilioSettings | None:
    """Load the settings.

    Args:
        env: The environment variables; collects the problems.

    Returns:
        The settings; None without an account.
    """
    account = env.get("TWILIO_ACCOUNT_SID", parsers.sid("AC"), "")
    key = env.get("TWILIO_API_KEY", parsers.sid("SK"), "")
    token = env.get("TWILIO_AUTH_TOKEN", parsers.secret, "")
    secret = env.get("TWILIO_API_SECRET", parsers.secret, "")
    base_url = env.get("TWILIO_API_BASE_URL", urls.base_url, None)
    service = env.get("TWILIO_MESSAGING_SERVICE_SID", parsers.sid("MG"), None)
    from_ = env.get("TWILIO_FROM", parse_from, None)
    twilio = TwilioSettings(
        account_sid=account,
        username=key or account,
        password=secret if key else token,
        service=service,
        from_=from_,
        whatsapp=twilio_channels.load_whatsapp(env, service),
        calls=twilio_channels.load_calls(env),
        feedback=env.get("TWILIO_FEEDBACK", parsers.boolean, default=True),
        base_url=base_url,
        token=token or None,
        region=env.get("TWILIO_REGION", _host_label, None),
        edge=env.get("TWILIO_EDGE", _host_label, None),
        proxy=proxies.find(base_url or _API_URL, env) if account else None,
    )
    return twilio if account else None


def parse_from(text: str) -> str:
    """Parse what messages are sent from: a number, a short code or a sender ID.

    Raises:
        ValueError: The text has another form.
    """
    if not any(
        form.fullmatch(text) and text == text.strip()
        for form in (_E164, _SHORT_CODE, _SENDER_ID)
    ):
        if parsing.is_sid(text, "MG"):
            raise ValueError("is a Messaging Service: use TWILIO_MESSAGING_SERVICE_SID")
        raise ValueError(
            "must be a number such as +15005550006, a short code of 3 to 8 digits, or a"
            " sender ID of up to 11 characters with a letter"
        )
    return text


def _host_label(text: str) -> str:
    label = text.lower()
    if not _HOST_LABEL.fullmatch(label):
        raise ValueError(f"must be a part of a host name, such as ie1: {text!r}")
    return label
