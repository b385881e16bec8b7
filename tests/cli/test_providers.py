"""`otp-engine providers`."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from otp_engine.domain.channels import Channel
from otp_engine.domain.events import ProviderWeightChanged
from otp_engine.domain.routing.health import AT_REST, Counts, Reason, Weight
from otp_engine.domain.routing.steps import Step
from otp_engine.store.provider_health import CountedMessages
from otp_engine.store.redis_store import RedisStore
from tests.support.command_line import run

TWILIO = Step(Channel.SMS, "twilio")
AWS = Step(Channel.SMS, "aws")
CHANGED = 1_800_000_000_000  # 2027-01-15 08:00 UTC
SLOW = Weight(80, CHANGED, Reason.SLOW)


@pytest.fixture
def store(real_redis):
    store = RedisStore(real_redis)
    health = store.provider_health
    age = timedelta(minutes=5)
    late = Counts(messages=40, awaited=40, fast=30, late=5, errors=3)
    health.add([CountedMessages(step=TWILIO, age=age, counts=late)])
    health.add([CountedMessages(step=AWS, age=age, counts=Counts(messages=7))])
    health.compare_and_set(TWILIO, AT_REST, SLOW)
    return store


def test_health_is_shown_by_channel_and_provider(environ, store):
    result = run("providers", **environ)

    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()[1:]] == [
        ["sms", "aws", "100", "%", "-", "-", "7", "-", "0", "no"],
        ["sms", "twilio", "80", "%", "slow", "01-15", "08:00", "40", "25%", "3", "yes"],
    ]


def test_late_messages_follow_the_live_policy(environ, store):
    result = run("providers", "--json", OTP_SLOW_AFTER="10m", **environ)

    assert [entry["late_share"] for entry in json.loads(result.stdout)] == [None, None]


def test_json_has_each_field(environ, store):
    result = run("providers", "--json", **environ)

    assert json.loads(result.stdout)[1] == {
        "channel": "sms",
        "provider": "twilio",
        "weight": 80,
        "reason": "slow",
        "changed_at": "2027-01-15T08:00:00+00:00",
        "messages": 40,
        "late_share": 0.25,
        "errors": 3,
        "has_reports": True,
    }


def test_service_without_messages_has_no_table(environ, real_redis):
    result = run("providers", **environ)

    assert result.stdout.startswith("No provider got a message")


def test_operator_sets_a_provider_to_rest(environ, store):
    result = run("providers", "rest", "twilio", **environ)

    weight = store.provider_health.read().of(TWILIO).weight
    [event] = [recorded.event for recorded in store.events.since(None)]
    assert result.exit_code == 0
    assert (weight.value, weight.reason) == (100, Reason.OPERATOR)
    assert isinstance(event, ProviderWeightChanged)
    assert (event.weight, event.previous, event.reason) == (100, 80, "operator")


def test_provider_at_rest_is_only_a_warning(environ, store):
    result = run("providers", "rest", "aws", **environ)

    assert result.exit_code == 0
    assert "at rest already" in result.stderr


def test_unknown_provider_is_an_error(environ, store):
    result = run("providers", "rest", "acme", **environ)

    assert result.exit_code == 1
    assert "known: aws, twilio" in result.stderr
