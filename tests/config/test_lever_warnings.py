from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.config import lever_warnings
from otp_engine.config.policy_warnings import collect_warnings
from otp_engine.domain.models import Channel
from otp_engine.domain.policy.policy import PARSERS, Policy
from tests.support.settings import PRODUCTION

BLOCKED_IPV4 = (
    "blocked_networks has 0.0.0.0/0: no client with an IPv4 address can send or check"
)


def warnings(**texts):
    values = {name: PARSERS[name](text) for name, text in texts.items()}
    return lever_warnings.collect(Policy(**values), [Channel.SMS])


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"sending": "off"},
        {"sending": "on, +919445=off, key:shop=off"},
        {"sending": "off, IN=on"},
        {"allowed_countries": "*", "sending": "on, SN=off"},
        {"allowed_countries": "IN, SN", "sending": "on, IN=off"},
        {"sends_per_country": "9/1h, IN=5/1h", "sends_per_prefix": "+919445=5/1h"},
        {"allowed_countries": "US", "sends_per_prefix": "+1415=5/1h"},
        {"allowed_countries": "AX", "sends_per_country": "FI=5/1h"},
        {"blocked_networks": "203.0.113.0/24"},
    ],
)
def test_levers_with_their_usual_effect_have_no_warning(values):
    assert warnings(**values) == []


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        (
            {"sending": "off, IN=off"},
            "sending off, IN=off is off for every send",
        ),
        (
            {"sending": "on, channel:sms=off"},
            "sending has every channel off (channel:sms): no code is sent",
        ),
        (
            {"sending": "on, IN=off"},
            "sending has every allowed country off (IN): no code is sent",
        ),
        (
            {"sends_per_country": "9/1h, SN=5/1h"},
            "sends_per_country has SN, which allowed_countries excludes",
        ),
        (
            {"sends_per_prefix": "+919445=5/1h, +22177=5/1h, +1415=5/1h"},
            "sends_per_prefix has +1415, +22177, which allowed_countries excludes",
        ),
        (
            {"sending": "on, SN=off, +22177=off, key:shop=off"},
            "sending has SN, +22177, which allowed_countries excludes",
        ),
        (
            {"routes": "IN=sms:console, SN=sms:console, *=sms:console"},
            "routes has SN, which allowed_countries excludes",
        ),
        (
            {"blocked_networks": "0.0.0.0/0"},
            BLOCKED_IPV4,
        ),
    ],
)
def test_lever_with_no_effect_or_a_very_large_one_is_warned_of(values, warning):
    assert warnings(**values) == [warning]


@pytest.mark.parametrize(
    ("call_countries", "found"),
    [
        ("IN", []),
        ("*", []),
        ("IN, RU", ["call_countries has RU, which allowed_countries excludes"]),
    ],
)
def test_countries_of_calls_that_are_not_allowed_are_warned_of(call_countries, found):
    policy = Policy(call_countries=PARSERS["call_countries"](call_countries))

    assert lever_warnings.collect(policy, [Channel.SMS, Channel.CALL]) == found


def test_countries_of_calls_without_calls_have_no_warning():
    assert warnings(call_countries="RU") == []


def test_many_names_are_one_short_warning():
    text = ", ".join(f"+22177{n:03}=5/1h" for n in range(1_000))

    [warning] = warnings(sends_per_prefix=text)

    assert warning.endswith(
        "+22177004 and 995 others, which allowed_countries excludes"
    )


def test_many_windows_in_shadow_mode_are_counted():
    text = ", ".join(f"+91{n:03}=5/1h shadow" for n in range(700, 800))
    policy = Policy(sends_per_prefix=PARSERS["sends_per_prefix"](text))

    found = collect_warnings(policy)

    assert len(found) == 6
    assert found[-1] == "sends_per_prefix has 95 more windows in shadow mode"


def test_switch_of_an_unknown_key_is_warned_of():
    warning = "sending has key:shpo, but OTP_API_KEYS has no key of that name"
    known = config.load(PRODUCTION | {"OTP_SENDING": "on, key:shop=off"})
    unknown = config.load(PRODUCTION | {"OTP_SENDING": "on, key:shpo=off"})

    assert (known.warnings, unknown.warnings) == ((), (warning,))
