"""Limits of calls, and the countries that calls are made to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.domain.inspection import PhoneInspector
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import Channel
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.policy.policy import PARSERS, Policy
from otp_engine.domain.routing.routes import Routes
from otp_engine.errors import (
    CountryNotAllowed,
    NumberTypeNotAllowed,
    ProviderUnavailable,
    RateLimited,
)
from tests.support.fakes import FakeSender, by_name
from tests.support.time_travel import age
from tests.support.tuning import with_policy

BOTH = (Channel.SMS, Channel.CALL)


@pytest.fixture
def provider():
    return FakeSender(name="provider", channels=BOTH)


@pytest.fixture
def calling(engine, provider):
    def build(**texts):
        values = {name: PARSERS[name](text) for name, text in texts.items()}
        return with_policy(replace(engine, senders=by_name(provider)), **values)

    return build


@pytest.fixture
def call(alice):
    return replace(alice, channel=Channel.CALL)


BOB = numbers.parse("+919445067890", "IN")


def refusal(engine, request) -> str:
    with pytest.raises(RateLimited) as raised:
        engine.send(request)
    return raised.value.limit


def test_default_limits_of_calls_are_low():
    policy = Policy()

    assert str(policy.calls_per_phone) == "2/10m, 5/1d"
    assert str(policy.calls_per_country) == "20/1h"
    assert str(policy.calls_total) == "1/1s, 100/1h"
    assert policy.call_countries == {"IN"}


@pytest.mark.parametrize(
    ("limit", "text", "other"),
    [
        ("calls_per_phone", "1/1h", BOB),
        ("calls_per_country", "off, IN=1/1h", None),
        ("calls_per_country", "1/1h, GB=9/1h", None),
        ("calls_total", "1/1h", None),
    ],
)
def test_call_over_its_limit_is_refused(calling, call, provider, limit, text, other):
    engine = calling(**{limit: text})
    engine.send(call)

    assert refusal(engine, call) == limit
    if other:
        engine.send(replace(call, address=other))
    else:
        assert refusal(engine, replace(call, address=BOB)) == limit


@pytest.mark.parametrize(
    "limit", ["calls_per_phone", "calls_per_country", "calls_total"]
)
def test_text_messages_count_for_no_limit_of_calls(calling, alice, call, limit):
    engine = calling(**{limit: "1/1h"})

    engine.send(alice)
    engine.send(alice)

    assert engine.send(call).channel is Channel.CALL


def test_call_counts_as_a_message_of_the_phone(calling, alice, call):
    engine = calling(sends_per_phone="1/1h")
    engine.send(call)

    assert refusal(engine, alice) == "sends_per_phone"


def test_refused_call_leaves_no_count(calling, alice, call, redis):
    engine = calling(calls_per_phone="1/1h", sends_per_phone="3/1h", sends_total="3/1h")
    engine.send(call)

    for _ in range(5):
        assert refusal(engine, call) == "calls_per_phone"

    engine.send(alice)
    engine.send(alice)
    assert refusal(engine, alice) == "sends_per_phone"


def test_failed_call_leaves_no_count(calling, call, provider):
    engine = calling(calls_per_phone="1/1h", calls_total="1/1h")
    provider.error = ProviderUnavailable()
    for _ in range(3):
        with pytest.raises(ProviderUnavailable):
            engine.send(call)
    provider.error = None

    engine.send(call)

    assert refusal(engine, call) == "calls_per_phone"


def test_call_rate_of_a_second_is_kept(calling, call, redis):
    engine = calling(calls_total="1/1s")
    engine.send(call)
    assert refusal(engine, call) == "calls_total"
    age(redis, timedelta(seconds=1))

    engine.send(call)


def test_call_to_a_country_without_calls_is_refused_before_a_count(
    calling, call, redis
):
    engine = calling(call_countries="GB")

    with pytest.raises(CountryNotAllowed) as raised:
        engine.send(call)

    assert (raised.value.country, raised.value.rule) == ("IN", "call_countries")
    assert redis.dbsize() == 0


def test_step_of_a_call_to_a_country_without_calls_is_skipped(calling, alice):
    engine = calling(call_countries="GB", routes="IN=call:provider>sms:provider")

    assert engine.send(alice).channel is Channel.SMS


def test_later_step_over_a_limit_of_calls_raises_the_error_of_the_provider(
    calling, alice, engine
):
    first = FakeSender(name="first", error=ProviderUnavailable())
    second = FakeSender(name="second", channels=BOTH)
    routed = with_policy(
        replace(engine, senders=by_name(first, second)),
        routes=Routes.parse("IN=sms:first>call:second"),
        calls_per_phone=Limit.parse("1/1h"),
    )
    routed.send(alice)

    with pytest.raises(ProviderUnavailable):
        routed.send(alice)

    assert len(second.messages) == 1


def test_deleted_phone_has_no_calls(calling, call, store, redis):
    engine = calling(calls_per_phone="1/1h, 2/2h shadow")
    engine.send(call)
    inspector = PhoneInspector(
        store, store.limit_usage, store.guard, engine.peppers, engine.policy, BOTH
    )
    shown = inspector.inspect(call.address, [""]).limit_usage
    assert [each.used for each in shown if each.limit_name == "calls_per_phone"] == [
        1,
        1,
    ]

    assert inspector.delete(call.address, [""])

    assert not redis.keys("*:calls_per_phone*")
    engine.send(call)


LANDLINE = numbers.parse("+912224935555", "IN")


@pytest.mark.parametrize("channel", [None, Channel.CALL])
def test_landline_is_called(calling, alice, provider, check_request, channel):
    engine = calling(routes="IN=sms:provider>whatsapp:provider>call:provider")

    result = engine.send(replace(alice, address=LANDLINE, channel=channel))

    assert result.channel is Channel.CALL
    check = replace(check_request(provider.code), address=LANDLINE)
    assert engine.check(check).approved


@pytest.mark.parametrize(
    ("routes", "channel"),
    [
        ("IN=sms:provider>call:provider", Channel.SMS),
        ("IN=sms:provider>call:provider", Channel.WHATSAPP),
        ("IN=sms:provider", None),
        ("off", None),
    ],
)
def test_landline_without_a_step_of_a_call_is_refused_before_a_count(
    calling, alice, provider, redis, routes, channel
):
    provider.channels = (*BOTH, Channel.WHATSAPP)
    engine = calling(routes=routes)

    with pytest.raises(NumberTypeNotAllowed):
        engine.send(replace(alice, address=LANDLINE, channel=channel))

    assert redis.dbsize() == 0


def test_landline_of_a_country_without_calls_is_refused(calling, call, redis):
    engine = calling(call_countries="GB")

    with pytest.raises(CountryNotAllowed):
        engine.send(replace(call, address=LANDLINE))

    assert redis.dbsize() == 0


def test_landline_of_another_country_is_refused_for_its_country(calling, call):
    with pytest.raises(CountryNotAllowed) as raised:
        calling().send(replace(call, address=numbers.parse("+442079460018", "IN")))

    assert raised.value.country == "GB"


def test_calls_to_landlines_have_the_limits_of_calls(calling, call):
    engine = calling(calls_per_country="1/1h")
    engine.send(call)

    refused = refusal(engine, replace(call, address=LANDLINE))

    assert refused == "calls_per_country"


def test_premium_number_is_not_called(calling, call, redis):
    engine = calling(allowed_countries="GB", call_countries="GB")
    destinations = AllowedDestinations({"GB"})
    premium = numbers.parse("+449012345678", "IN")

    with pytest.raises(NumberTypeNotAllowed):
        replace(engine, destinations=destinations).send(replace(call, address=premium))

    assert redis.dbsize() == 0
