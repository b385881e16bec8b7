"""Kinds of names that limits apply to: countries, API keys and so on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from otp_engine.crypto import api_keys
from otp_engine.domain.phones import countries


@dataclass(frozen=True, slots=True)
class NameKind:
    """A kind of names.

    Attributes:
        parse: Returns the canonical form of a name, or raises a `ValueError`. Its
            message follows the name of a setting.
        example: A limit by names of this kind, for errors.
        has_default: Whether a limit can apply to all names that have no limit of their
            own.
    """

    parse: Callable[[str], str]
    example: str
    has_default: bool = True


def _parse_key(text: str) -> str:
    if not api_keys.NAME.fullmatch(text):
        raise ValueError(f"must have the name of an API key, such as shop: {text!r}")
    return text


def _parse_channel(text: str) -> str:
    # The help of the command line imports this module, and must not wait for the other.
    from otp_engine.domain.models import Channel  # noqa: PLC0415 - see above

    name = text.lower()
    if name not in set(Channel):
        channels = ", ".join(Channel)
        raise ValueError(f"must have the name of a channel ({channels}): {text!r}")
    return name


COUNTRY = NameKind(countries.parse_counted, "60/10m, SN=5/10m")
"""Countries that numbers count under."""

KEY = NameKind(_parse_key, "100/1h; shop=1000/1h")
"""API keys."""

CHANNEL = NameKind(_parse_channel, "100/10m, sms=60/10m")
"""Channels of messages."""
