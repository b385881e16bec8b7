"""Kinds of names that limits apply to: countries, prefixes, API keys and so on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from otp_engine.crypto import api_keys
from otp_engine.domain.channels import Channel
from otp_engine.domain.limits import networks
from otp_engine.domain.limits.networks import NetworkIndex
from otp_engine.domain.phones import countries
from otp_engine.domain.phones.prefixes import Prefix, PrefixIndex


class NameIndex(Protocol):
    """Finds the names that a value matches, where several can."""

    def matching(self, value: str, /) -> Sequence[object]:
        """Return the names that a number or a client IP matches."""


@dataclass(frozen=True, slots=True)
class NameKind:
    """A kind of names.

    Attributes:
        parse: Returns the canonical form of a name, or raises a `ValueError`. Its
            message follows the name of a setting.
        example: A limit by names of this kind, for errors.
        index: Returns the index of some names, for a kind of which a value can match
            several; each of them then has its limit, and there is no default.
    """

    parse: Callable[[str], str]
    example: str
    index: Callable[[Iterable[str]], NameIndex] | None = None


def _parse_prefix(text: str) -> str:
    return Prefix.parse(text).text


def _index_prefixes(names: Iterable[str]) -> PrefixIndex:
    return PrefixIndex(map(Prefix, names))


def _parse_key(text: str) -> str:
    if not api_keys.NAME.fullmatch(text):
        raise ValueError(f"must have the name of an API key, such as shop: {text!r}")
    return text


def _parse_channel(text: str) -> str:
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

PREFIX = NameKind(_parse_prefix, "+22177=5/10m", _index_prefixes)
"""Prefixes of numbers."""

NETWORK = NameKind(networks.parse, "203.0.113.0/24=5/10m", NetworkIndex)
"""Networks of client IPs."""
