from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.models import Channel
from otp_engine.domain.phones.numbers import parse
from otp_engine.domain.routing.routes import Routes
from otp_engine.domain.routing.steps import Step, default_steps

ROUTES = Routes.parse(
    "IN=whatsapp:twilio>sms:msg91, +9194=sms:one, +91944=sms:two, GB=call:twilio,"
    " *=sms:twilio>call:twilio"
)
CHANNELS = {
    "twilio": (Channel.SMS, Channel.CALL),
    "mail": (Channel.EMAIL,),
    "app": (Channel.TELEGRAM, Channel.WHATSAPP),
}


def steps_for(number: str) -> list[str]:
    return [str(step) for step in ROUTES.steps_for(parse(number, "IN"))]


@pytest.mark.parametrize(
    ("number", "steps"),
    [
        ("+919945012345", ["whatsapp:twilio", "sms:msg91"]),
        ("+919425012345", ["sms:one"]),
        ("+919445012345", ["sms:two"]),
        ("+447400123456", ["call:twilio"]),
        ("+14155550123", ["sms:twilio", "call:twilio"]),
    ],
)
def test_longest_prefix_counts_before_country_and_wildcard(number, steps):
    assert steps_for(number) == steps


def test_number_without_a_route_has_no_steps():
    routes = Routes.parse("GB=call:twilio")

    assert routes.steps_for(parse("+919445012345", "IN")) == ()


def test_routes_are_printed_in_the_form_that_is_parsed():
    text = " * = sms:twilio > call:twilio ,gb=call:twilio,+4477=sms:a "

    routes = Routes.parse(text)

    assert str(routes) == "GB=call:twilio, +4477=sms:a, *=sms:twilio>call:twilio"
    assert Routes.parse(str(routes)) == routes


@pytest.mark.parametrize("text", ["off", " OFF "])
def test_off_has_no_routes(text):
    assert Routes.parse(text) == Routes()
    assert str(Routes()) == "off"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be routes such as"),
        ("sms:twilio", "must be routes such as"),
        ("=sms:twilio", "has no destination"),
        ("IN=", "must have at least one step for IN"),
        ("IN=sms:twilio>", "must have steps such as sms:twilio: ''"),
        ("IN=sms", "must have steps such as sms:twilio: 'sms'"),
        ("IN=sms:", "must have steps such as"),
        ("IN=sms:Twilio!", "must have steps such as"),
        ("IN=fax:twilio", "must have steps with a channel"),
        ("IN=email:smtp", "a channel of a phone, and not email"),
        ("IN=sms:a>sms:a", "must have each step once for IN"),
        ("IN=sms:a, in=sms:b", "must have each destination once: 'IN'"),
        ("+0=sms:a", "must have prefixes such as"),
        ("+919445012345=sms:a", "hide at least 4 digits"),
        ("XX=sms:a", "ISO 3166"),
        ("IN=" + ">".join(f"sms:p{n}" for n in range(11)), "at most 10 steps"),
    ],
)
def test_malformed_routes_are_rejected_as_a_whole(text, problem):
    with pytest.raises(ValueError, match=problem):
        Routes.parse(f"*=sms:twilio, {text}" if text else text)


def test_steps_that_no_provider_can_take_are_problems():
    routes = Routes.parse("IN=sms:twilio>sms:msg91, *=whatsapp:twilio>sms:msg91")

    assert routes.find_problems(CHANNELS) == [
        "has sms:msg91, and OTP_SENDER has no msg91 (twilio, mail, app)",
        "has whatsapp:twilio, and twilio sends sms, call only",
    ]


def test_default_steps_are_text_messages_of_each_provider():
    channels = {"a": (Channel.CALL, Channel.SMS), **CHANNELS}

    assert default_steps(channels) == (
        Step(Channel.SMS, "a"),
        Step(Channel.SMS, "twilio"),
    )


def test_default_steps_without_text_messages_are_the_usual_channels_of_a_phone():
    channels = {name: CHANNELS[name] for name in ("mail", "app")}

    assert default_steps(channels) == (Step(Channel.TELEGRAM, "app"),)


DESTINATIONS = st.sampled_from(["IN", "GB", "US", "+4477", "+91944", "+1415", "*"])
STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(sorted(set(Channel) - {Channel.EMAIL})),
        st.sampled_from(["twilio", "msg91", "my-hook", "a_b"]),
    ),
    min_size=1,
    max_size=10,
    unique=True,
)


@given(st.dictionaries(DESTINATIONS, STEPS))
def test_any_routes_survive_their_text(routes):
    text = ",".join(
        f"{key}={'>'.join(map(str, steps))}" for key, steps in routes.items()
    )

    parsed = Routes.parse(text or "off")

    assert Routes.parse(str(parsed)) == parsed
    assert dict(parsed.by_destination) == {k: tuple(v) for k, v in routes.items()}
