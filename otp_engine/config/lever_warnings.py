"""Warnings about limits and switches by name that do more or less than they seem."""

from __future__ import annotations

from collections.abc import Iterable

from otp_engine.domain.models import Channel
from otp_engine.domain.phones import countries, prefixes
from otp_engine.domain.phones.numbers import COUNTRY_WILDCARD
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.switches import CHANNEL, KEY

_ALL_CLIENTS = {"0.0.0.0/0": "IPv4", "::/0": "IPv6"}
_MAX_SHOWN = 5


def collect(policy: Policy, channels: Iterable[Channel]) -> list[str]:
    """Return a sentence for each lever that has no effect, or a very large one.

    Args:
        policy: The policy.
        channels: The channels that the configured providers have.
    """
    return [
        *_sending_warnings(policy, channels),
        *_destination_warnings(policy, channels),
        *(
            f"blocked_networks has {name}: no client with an {family} address can send"
            " or check"
            for name, family in _ALL_CLIENTS.items()
            if name in policy.blocked_networks.names
        ),
    ]


def _sending_warnings(policy: Policy, channels: Iterable[Channel]) -> list[str]:
    """Return where `sending` turns off everything by its names."""
    sending = policy.sending
    states = dict(sending.by_name)
    if not sending and states:
        return [f"sending {_shown([str(sending)])} is off for every send"]
    names = [f"{CHANNEL}{channel}" for channel in channels]
    if all(states.get(name) is False for name in names):
        return [f"sending has every channel off ({_shown(names)}): no code is sent"]
    allowed = countries.counted(policy.allowed_countries)
    is_all = COUNTRY_WILDCARD in policy.allowed_countries
    if allowed and not is_all and all(states.get(name) is False for name in allowed):
        shown = _shown(sorted(allowed))
        return [f"sending has every allowed country off ({shown}): no code is sent"]
    return []


def _destination_warnings(policy: Policy, channels: Iterable[Channel]) -> list[str]:
    """Return which names are of countries that get no messages anyway."""
    if COUNTRY_WILDCARD in policy.allowed_countries:
        return []
    allowed = countries.counted(policy.allowed_countries)
    named = {
        "sends_per_country": [name for name, _ in policy.sends_per_country.by_name],
        "sends_per_prefix": [name for name, _ in policy.sends_per_prefix.by_name],
        "sending": [
            name
            for name, _ in policy.sending.by_name
            if not name.startswith((CHANNEL, KEY))
        ],
        "routes": [name for name, _ in policy.routes.by_destination if name != "*"],
    }
    if Channel.CALL in channels:
        # A territory that shares the numbers of an allowed country has an effect.
        named["call_countries"] = [
            name
            for name in sorted(policy.call_countries)
            if name != COUNTRY_WILDCARD
            and countries.counted({name}).isdisjoint(allowed)
        ]
        named["calls_per_country"] = [
            name for name, _ in policy.calls_per_country.by_name
        ]
    return [
        f"{value} has {_shown(unused)}, which allowed_countries excludes"
        for value, names in named.items()
        if (unused := [name for name in names if not _is_allowed(name, allowed)])
    ]


def _is_allowed(name: str, allowed: Iterable[str]) -> bool:
    if not name.startswith("+"):
        return name in allowed
    return not prefixes.regions(name).isdisjoint(allowed)


def _shown(names: list[str]) -> str:
    others = len(names) - _MAX_SHOWN
    shown = ", ".join(names[:_MAX_SHOWN])
    return f"{shown} and {others} others" if others > 0 else shown
