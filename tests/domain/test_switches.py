from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.policy.switches import DEFAULT, MAX_NAMES, Switches

SWITCH_NAMES = [
    *("IN", "SN", "+221", "+22177", "+919445", "channel:sms", "key:shop", "key:a.b"),
]
exceptions = st.dictionaries(st.sampled_from(SWITCH_NAMES), st.booleans(), max_size=6)


def word(is_on):
    return "on" if is_on else "off"


def find_off(text, country="SN", e164="+221771234567", client_name="shop"):
    return Switches.parse(text).find_off(
        country=country, e164=e164, channel="sms", client_name=client_name
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("on", None),
        ("off", DEFAULT),
        ("on, SN=off", "SN"),
        ("on, FR=off", None),
        ("on, +22177=off", "+22177"),
        ("on, +22178=off", None),
        ("on, channel:sms=off", "channel:sms"),
        ("on, key:shop=off", "key:shop"),
        ("on, key:other=off", None),
        ("off, SN=on", None),
        ("off, FR=on", DEFAULT),
        ("off, +22177=on", None),
        ("off, key:shop=on", None),
        ("on, SN=off, +22177=on", "SN"),
        ("on, SN=on, +22177=off", "+22177"),
        ("off, SN=on, key:shop=off", "key:shop"),
        ("on, +221=off, +22177=on", "+221"),
        ("on, +22177=off, SN=off, channel:sms=off, key:shop=off", "key:shop"),
        ("on, +22177=off, SN=off, channel:sms=off", "channel:sms"),
        ("on, +22177=off, SN=off", "SN"),
    ],
)
def test_send_is_off_by_the_first_matching_name_that_is_off(text, name):
    assert find_off(text) == name


def test_switch_of_a_key_does_not_hold_for_an_anonymous_client():
    assert find_off("on, key:shop=off", client_name=None) is None


@given(default=st.booleans(), by_name=exceptions)
def test_formatted_switches_are_parsed_to_the_same_value(default, by_name):
    written = [f"{name} = {word(is_on)}" for name, is_on in by_name.items()]

    switches = Switches.parse(",".join([word(default), *written]))

    assert dict(switches.by_name) == by_name
    assert Switches.parse(str(switches)) == switches


@given(default=st.booleans(), by_name=exceptions)
def test_send_is_on_only_without_a_matching_name_that_is_off(default, by_name):
    text = ", ".join(
        [word(default), *(f"{name}={word(is_on)}" for name, is_on in by_name.items())]
    )
    matching = {"SN", "+221", "+22177", "channel:sms", "key:shop"} & set(by_name)
    states = [by_name[name] for name in matching]

    is_on = all(states) and (default or any(states))

    assert (find_off(text) is None) is is_on
    assert not (Switches.parse(text).all_on and not is_on)


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("ON", "on"),
        ("on,key:shop=off,channel:SMS=off,+22177=off,sn=OFF", None),
    ],
)
def test_switches_are_formatted_by_kind_and_name(text, formatted):
    expected = formatted or "on, SN=off, +22177=off, channel:sms=off, key:shop=off"

    assert str(Switches.parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must be on or off"),
        ("maybe", "must be on or off"),
        ("SN=off", "must be on or off, and names"),
        ("on, off", "must be on or off, and names"),
        ("on, SN", "must be on or off, and names"),
        ("on, SN=maybe", "must be on or off: 'maybe'"),
        ("on, SN=off, SN=on", "must have each name once: 'SN'"),
        ("on, XX=off", "must be the ISO 3166 code"),
        ("on, AX=off", "must have FI in place of AX"),
        ("on, +221771234567=off", "must have prefixes that hide at least 4"),
        ("on, channel:fax=off", "must have the name of a channel"),
        ("on, key:a b=off", "must have the name of an API key"),
        ("on, user:bob=off", "must name a country, a prefix, channel:NAME or key:NAME"),
        ("on, =off", "must name a country, a prefix, channel:NAME or key:NAME"),
    ],
)
def test_malformed_switches_are_rejected(text, reason):
    with pytest.raises(ValueError, match=f"^{reason}"):
        Switches.parse(text)


def test_switches_with_too_many_names_are_rejected():
    names = ", ".join(f"key:k{n}=off" for n in range(MAX_NAMES + 1))

    with pytest.raises(ValueError, match="must have at most 10000 names: 10001"):
        Switches.parse(f"on, {names}")


@pytest.mark.parametrize(
    ("text", "is_any_on", "is_all_on"),
    [
        ("on", True, True),
        ("off", False, False),
        ("off, IN=on", True, False),
        ("off, IN=off", False, False),
        ("on, IN=off", True, False),
        ("on, IN=on", True, True),
    ],
)
def test_switches_know_whether_any_or_every_send_can_be_on(text, is_any_on, is_all_on):
    switches = Switches.parse(text)

    assert (bool(switches), switches.all_on) == (is_any_on, is_all_on)
