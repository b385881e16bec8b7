"""Simultaneous messages over the steps of a route, on a real Redis."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from random import Random
from threading import Lock

import pytest

from otp_engine.domain.limits import hits
from otp_engine.domain.models import Channel, SendRequest, SendResult
from otp_engine.domain.money.prices import Prices
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    ProviderUnavailable,
    RateLimited,
)
from otp_engine.store.redis_store import RedisStore
from tests.store.test_races import THREADS, all_at_once, phones
from tests.support.fakes import FakeSender, by_name
from tests.support.tuning import with_policy

CHANNELS = (Channel.WHATSAPP, Channel.SMS, Channel.CALL)
LIMITS = {"whatsapp": 7, "sms": 5, "call": 3}
PRICES = Prices(
    currency="USD",
    by_country={("IN", channel): 1_000_000 for channel in CHANNELS},
    source="test",
)


class UnsteadyProvider(FakeSender):
    """A provider that fails for some of its messages, of each kind of failure."""

    def __init__(self, name, seed):
        super().__init__(name=name, channels=CHANNELS)
        self._lock = Lock()
        self._random = Random(seed)  # noqa: S311 - a sequence that repeats

    def send(self, message):
        with self._lock:
            outcome = self._random.random()
            if outcome < 0.5:
                raise self._error(outcome)
            return super().send(message)

    def _error(self, outcome):
        if outcome < 0.25:
            return ProviderUnavailable()
        error = DeliveryFailed(retry_elsewhere=outcome < 0.45)
        error.provider = self.name
        return error


@pytest.fixture
def redis(real_redis):
    return real_redis


@pytest.fixture
def store(redis):
    return RedisStore(redis)


def policy_of(engine, **texts):
    values = {name: PARSERS[name](text) for name, text in texts.items()}
    return with_policy(engine, **values)


def usage_of(engine, number):
    counted = [
        hit
        for channel in CHANNELS
        for hit in hits.for_destination(number, channel, engine.policy)
        if hit.limit_name == "sends_per_channel"
    ]
    usage = engine.store.limit_usage.shared_usage(counted)
    return {each.identifier: each.used for each in usage}


@pytest.mark.parametrize("seed", range(10))
def test_simultaneous_failovers_stay_within_every_limit_and_leave_no_charge(
    engine, seed
):
    providers = [UnsteadyProvider("first", seed), UnsteadyProvider("second", -seed)]
    limits = ", ".join(f"{name}={count}/1h" for name, count in LIMITS.items())
    engine = policy_of(
        replace(engine, senders=by_name(*providers), prices=PRICES),
        routes="IN=whatsapp:first>sms:second>call:first>sms:first",
        sends_per_channel=limits,
        budget="1000 USD/24h",
    )
    numbers = phones(THREADS)

    results = all_at_once(
        *[partial(engine.send, SendRequest(address=number)) for number in numbers]
    )

    sent = [message for each in providers for message in each.messages]
    by_channel = {
        channel: sum(message.channel is channel for message in sent)
        for channel in CHANNELS
    }
    assert all(by_channel[Channel(name)] <= count for name, count in LIMITS.items())
    assert usage_of(engine, numbers[0]) == by_channel
    accepted = [each for each in results if isinstance(each, SendResult)]
    assert len(accepted) == len(sent)
    assert engine.store.budget.read().whole.spent == len(sent) * 1_000_000
    assert set(results) - set(accepted) <= {
        *(RateLimited, ProviderUnavailable, DeliveryFailed)
    }


@pytest.mark.parametrize("number", phones(5), ids=lambda number: number.e164[-2:])
def test_simultaneous_messages_over_full_channels_use_each_limit_once(engine, number):
    provider = FakeSender(name="provider", channels=CHANNELS)
    engine = policy_of(
        replace(engine, senders=by_name(provider), prices=PRICES),
        routes="IN=call:provider>whatsapp:provider>sms:provider",
        calls_total="3/1h",
        sends_per_channel="whatsapp=7/1h, sms=5/1h",
        budget="1000 USD/24h",
    )
    numbers = [number, *phones(THREADS + 9)[10:]]

    results = all_at_once(
        *[partial(engine.send, SendRequest(address=each)) for each in numbers]
    )

    sent = Counter(message.channel for message in provider.messages)
    assert sent == {Channel.CALL: 3, Channel.WHATSAPP: 7, Channel.SMS: 5}
    accepted = Counter(each.channel for each in results if isinstance(each, SendResult))
    assert accepted == sent
    assert usage_of(engine, number) == {Channel.WHATSAPP: 7, Channel.SMS: 5}
    assert engine.store.budget.read().whole.spent == 15 * 1_000_000
    assert results.count(RateLimited) == len(numbers) - 15


@pytest.mark.parametrize("number", phones(10), ids=lambda number: number.e164[-2:])
def test_simultaneous_calls_to_a_phone_stay_within_its_limit(engine, number):
    provider = FakeSender(name="provider", channels=CHANNELS)
    engine = policy_of(
        replace(engine, senders=by_name(provider)),
        calls_per_phone="2/10m",
        max_sends="100",
    )
    request = SendRequest(address=number, channel=Channel.CALL)

    results = all_at_once(*[partial(engine.send, request)] * THREADS)

    assert len(provider.messages) == 2
    assert sum(isinstance(each, SendResult) for each in results) == 2


@pytest.mark.parametrize("number", phones(10), ids=lambda number: number.e164[-2:])
def test_codes_of_simultaneous_failovers_work_and_have_their_channel(
    engine, check_request, number
):
    first = FakeSender(name="first", channels=CHANNELS, error=ProviderUnavailable())
    second = FakeSender(name="second", channels=CHANNELS)
    engine = policy_of(
        replace(engine, senders=by_name(first, second)),
        routes="IN=whatsapp:first>call:second",
        max_sends="100",
    )
    request = SendRequest(address=number)

    results = all_at_once(*[partial(engine.send, request)] * 8)

    assert {each.channel for each in results if isinstance(each, SendResult)} == {
        Channel.CALL
    }
    check = replace(check_request(second.messages[3].code), address=number)
    assert engine.check(check).channel is Channel.CALL


@pytest.mark.parametrize("seed", range(5))
def test_message_of_an_unknown_outcome_keeps_its_charge(engine, seed):
    first = FakeSender(name="first", channels=CHANNELS, error=ProviderUnavailable())
    second = FakeSender(name="second", channels=CHANNELS, error=DeliveryUnconfirmed())
    engine = policy_of(
        replace(engine, senders=by_name(first, second)),
        routes="IN=whatsapp:first>sms:second",
        sends_per_channel="5/1h",
    )
    numbers = phones(THREADS)[seed:]

    results = all_at_once(
        *[partial(engine.send, SendRequest(address=number)) for number in numbers]
    )

    unconfirmed = [each for each in results if isinstance(each, SendResult)]
    assert len(unconfirmed) <= 5
    assert usage_of(engine, numbers[0]) == {
        **dict.fromkeys(CHANNELS, 0),
        Channel.SMS: len(unconfirmed),
    }
