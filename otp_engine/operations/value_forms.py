"""How values of the policy are written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.limits.networks import NetworkSet
from otp_engine.domain.money.budget import Budget
from otp_engine.domain.phones.destination_sets import DestinationSet
from otp_engine.domain.policy.by_country import ByCountry
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.switches import Switches
from otp_engine.domain.pumping_guard.rules import GuardMode
from otp_engine.domain.routing.routes import Routes

FORMS = {
    "NUMBER": "a whole number: 6",
    "DURATION": "a number and a unit of s, m, h or d: 30s, 10m, 24h",
    "LIMIT": """\
a count in a duration, or several: 5/10m, "5/10m, 10/24h"; or off.
A window in shadow mode refuses nothing, and reports what it
would refuse: "20/10m, 5/10m shadow\"""",
    "LIMITS": """\
a LIMIT for each country, channel or API key, and others by name:
"60/10m, SN=5/10m, 20/1h". For named prefixes and networks only:
"+22177=5/10m", "203.0.113.0/24=20/10m\"""",
    "SWITCHES": """\
on or off, and exceptions for a country, a prefix, a channel or an
API key: "on, SN=off, +22177=off, channel:sms=off, key:shop=off".
A send that matches any name with off is off. "off, IN=on"
sends to India only""",
    "COUNTRIES": """\
countries, or * for all: "IN, SN". The default is the country of
OTP_DEFAULT_REGION, and * in dev mode""",
    "NETWORKS": """\
networks of client IPs, or none: "203.0.113.0/24, 2001:db8::/32\"""",
    "GUARD": 'on, shadow or off, and others by country: "on, IN=shadow"',
    "NUMBERS": """\
a number, and others by country: "40, ID=80". guard_pressure and
guard_wide can be off: "40, IN=off\"""",
    "PLACES": 'countries and prefixes, or off: "SN, +22177"',
    "ROUTES": """\
a destination and its steps, and others, or off:
"IN=whatsapp:twilio>sms:twilio, *=sms:aws\"""",
    "MONEY": 'an amount for 24 hours: 480/24h, "480.50 USD/24h shadow"; or off',
}
"""How values of each form are written, in lines of a terminal."""

_FORM_OF_KIND: tuple[tuple[type, str], ...] = (
    (Switches, "SWITCHES"),
    (frozenset, "COUNTRIES"),
    (NetworkSet, "NETWORKS"),
    (timedelta, "DURATION"),
    (Limit, "LIMIT"),
    (LimitByName, "LIMITS"),
    (DestinationSet, "PLACES"),
    (Budget, "MONEY"),
    (Routes, "ROUTES"),
)


def form_of(name: str) -> str:
    """Return the name of the form of a value.

    Args:
        name: The name of the value.
    """
    value: Any = getattr(Policy(), name)
    if isinstance(value, ByCountry):
        return "GUARD" if isinstance(value.default, GuardMode) else "NUMBERS"
    forms = (form for kind, form in _FORM_OF_KIND if isinstance(value, kind))
    return next(forms, "NUMBER")


def hint(name: str) -> str:
    """Return how a value is written, in one line.

    Args:
        name: The name of the value.
    """
    return " ".join(FORMS[form_of(name)].split())
