"""The stored health of providers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from otp_engine.domain.channels import Channel
from otp_engine.domain.routing.health import (
    AT_REST,
    Counts,
    Reason,
    StepHealth,
    Weight,
)
from otp_engine.domain.routing.steps import Step
from otp_engine.store import keys
from otp_engine.store.provider_health import CountedMessages, RedisProviderHealth
from otp_engine.store.redis_store import RedisStore

TWILIO = Step(Channel.SMS, "twilio")
AWS = Step(Channel.SMS, "aws")
MAIL = Step(Channel.EMAIL, "smtp")
SLOW = Weight(90, 1_800_000_000_000, Reason.SLOW)
COUNTS = Counts(6, 5, 4, 3, 2, 1)


@pytest.fixture
def health(store) -> RedisProviderHealth:
    return store.provider_health


def _counted(
    counts: Counts = COUNTS, *, step: Step = TWILIO, minutes: float = 0
) -> CountedMessages:
    return CountedMessages(step=step, age=timedelta(minutes=minutes), counts=counts)


def test_step_without_messages_is_at_rest(health):
    reading = health.read()

    assert reading.healths == {}
    assert reading.of(TWILIO) == StepHealth(step=TWILIO, weight=AT_REST)


def test_counts_of_a_step_and_minute_are_added(health):
    health.add([_counted(), _counted(), _counted(step=MAIL)])

    reading = health.add([_counted()])

    recent = {step: found.recent(reading.at) for step, found in reading.healths.items()}
    assert recent == {TWILIO: COUNTS + COUNTS + COUNTS, MAIL: COUNTS}


def test_counts_belong_to_the_minute_of_acceptance(health):
    reading = health.add([_counted(minutes=7), _counted(minutes=3)])

    minutes = reading.of(TWILIO).minutes
    now = reading.at // 60_000
    assert {now - minute for minute in minutes} == {3, 7}


def test_minutes_that_are_too_old_are_deleted(health, redis):
    reading = health.read()
    old = f"{reading.at // 60_000 - 25} sms:twilio"
    redis.hset(keys.PROVIDER_HEALTH, old, "1 1 1 1 1 1")

    health.add([_counted(minutes=1), _counted(minutes=30)])

    assert len(redis.hgetall(keys.PROVIDER_HEALTH)) == 1


def test_weight_is_set_if_the_old_one_is_stored(health):
    assert health.compare_and_set(TWILIO, AT_REST, SLOW)

    assert health.read().of(TWILIO).weight == SLOW


def test_weight_is_not_set_over_another_one(health):
    health.compare_and_set(TWILIO, AT_REST, SLOW)

    assert not health.compare_and_set(TWILIO, AT_REST, Weight(80, 1, Reason.ERRORS))
    assert health.read().of(TWILIO).weight == SLOW


def test_weights_of_steps_are_independent(health):
    health.compare_and_set(TWILIO, AT_REST, SLOW)

    assert health.compare_and_set(AWS, AT_REST, SLOW)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("weight sms:twilio", "much"),
        ("weight sms:twilio", "90 1 mood"),
        ("weight pigeon:twilio", "90 1 slow"),
        ("29000000 sms:twilio", "1 2 3 4 5 6 7"),
        ("hello", "1"),
        ("99999999 pigeon:x", "1 2 3 4 5 6"),
    ],
)
def test_fields_of_another_release_are_left_out(health, redis, field, text):
    redis.hset(keys.PROVIDER_HEALTH, field, text)

    assert health.read().of(TWILIO).weight == AT_REST


def test_reading_creates_no_key(health, redis):
    health.read()

    assert redis.keys("*") == []


@pytest.mark.parametrize("creates", ["counts", "weight"])
def test_health_expires_three_hours_after_the_last_message(health, redis, creates):
    if creates == "counts":
        health.add([_counted()])
    else:
        health.compare_and_set(TWILIO, AT_REST, SLOW)

    hours = timedelta(milliseconds=redis.pttl(keys.PROVIDER_HEALTH))
    assert timedelta(hours=2, minutes=59) < hours <= timedelta(hours=3)


def test_simultaneous_counts_are_all_added(real_redis, health_of):
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: health_of(real_redis).add([_counted()]), range(64)))

    reading = health_of(real_redis).read()
    assert reading.of(TWILIO).recent(reading.at).messages == 64 * COUNTS.messages


def test_one_of_simultaneous_changes_of_a_weight_is_made(real_redis, health_of):
    def change(number: int) -> bool:
        new = Weight(90, number, Reason.ERRORS)
        return health_of(real_redis).compare_and_set(TWILIO, AT_REST, new)

    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(change, range(64)))

    assert made.count(True) == 1


@pytest.fixture
def health_of():
    """Return a function that returns the health in a Redis, as one worker has it."""
    return lambda redis: RedisStore(redis).provider_health
