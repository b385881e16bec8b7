"""Settings of the provider `telegram`: the Telegram Gateway."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from otp_engine.config import proxies, urls
from otp_engine.config import setting_parsers as parsers
from otp_engine.config.env_reader import EnvReader
from otp_engine.config.proxies import Proxy

VARIABLES = (
    *("TELEGRAM_GATEWAY_TOKEN", "TELEGRAM_GATEWAY_SENDER"),
    "TELEGRAM_GATEWAY_URL",
)
"""Every variable that `load` reads."""

_URL = "https://gatewayapi.telegram.org"
_USERNAME = re.compile(r"@?([A-Za-z][A-Za-z0-9_]{3,31})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramSettings:
    """How to send through the Telegram Gateway.

    Attributes:
        token: The access token of the account, which also signs delivery reports.
        sender_username: The verified channel that messages come from; None for
            Telegram's own.
        url: Base URL of the API, without a trailing slash.
        proxy: The proxy for the requests; None for direct connections.
    """

    token: str = field(repr=False)
    sender_username: str | None = None
    url: str = _URL
    proxy: Proxy | None = None


def load(env: EnvReader, *, is_used: bool) -> TelegramSettings | None:
    """Load the settings.

    Args:
        env: The environment variables; collects the problems.
        is_used: Whether `OTP_SENDER` has the provider.

    Returns:
        The settings; None if the provider is not used.
    """
    if not is_used:
        return None
    env.require("TELEGRAM_GATEWAY_TOKEN", why="the provider telegram needs it")
    url = env.get("TELEGRAM_GATEWAY_URL", urls.base_url, _URL)
    return TelegramSettings(
        token=env.get("TELEGRAM_GATEWAY_TOKEN", parsers.secret, ""),
        sender_username=env.get("TELEGRAM_GATEWAY_SENDER", _parse_username, None),
        url=url,
        proxy=proxies.find(url, env),
    )


def _parse_username(text: str) -> str:
    if not (match := _USERNAME.fullmatch(text)):
        raise ValueError(f"must be the user name of a channel of Telegram: {text!r}")
    return match[1]
