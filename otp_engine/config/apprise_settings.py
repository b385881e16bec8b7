"""Settings of the provider `apprise`, which needs the extra `otp-engine[apprise]`."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from otp_engine.config.env_reader import EnvReader
from otp_engine.domain.models import Channel

VARIABLES = ("OTP_APPRISE_URLS",)
"""Every variable that `load` reads."""

TO, DIGITS = "{to}", "{digits}"
"""The places in a URL for the number or the address, and for the number without +."""

_ENTRY = re.compile(r"(?:([a-z]+)=)?([a-z][a-z0-9+.-]*://[!-~]+)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseSettings:
    """Where Apprise sends messages to.

    Attributes:
        urls: The URL of each channel, with a place for the recipient.
    """

    urls: Mapping[Channel, str] = field(repr=False)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels, in the order of the setting."""
        return tuple(self.urls)


def load(
    env: EnvReader,
    *,
    is_used: bool,
    find_module: Callable[[str], object] = importlib.util.find_spec,
) -> AppriseSettings | None:
    """Load the settings.

    Args:
        env: The environment variables; collects the problems.
        is_used: Whether the provider is a sender.
        find_module: Returns None for a module that is not installed.

    Returns:
        The settings; None without the provider.
    """
    urls = env.get("OTP_APPRISE_URLS", _parse, {})
    if not is_used:
        return None
    env.require("OTP_APPRISE_URLS", why="the sender apprise needs it")
    if find_module("apprise") is None:
        env.problems.append(
            "OTP_SENDER has apprise, which is not installed: pip install"
            " otp-engine[apprise]"
        )
    return AppriseSettings(urls=urls)


def _parse(text: str) -> dict[Channel, str]:
    """Parse `CHANNEL=URL` entries separated by spaces; no channel means `sms`."""
    urls: dict[Channel, str] = {}
    for entry in text.split():
        match = _ENTRY.fullmatch(entry)
        if not match or (match[1] or Channel.SMS) not in list(Channel):
            raise ValueError("must be entries such as sms=clicksend://USER:KEY@{to}")
        channel, url = Channel(match[1] or Channel.SMS), match[2]
        if channel in urls:
            raise ValueError(f"must have one URL of {channel}")
        if TO not in url and DIGITS not in url:
            raise ValueError(f"must have {TO} or {DIGITS} in the URL of {channel}")
        if "verify=" in url.lower():
            raise ValueError("must not turn the verification of certificates off")
        urls[channel] = url
    return urls
