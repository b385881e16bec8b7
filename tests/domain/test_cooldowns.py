"""The cooldown of each API, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import Api
from otp_engine.domain.policy.policy import Policy
from otp_engine.errors import RateLimited, StoreUnavailable
from tests.support.fakes import StoreLosingReplies
from tests.support.time_travel import age
from tests.support.tuning import with_policy

AUTH_COOLDOWN = timedelta(seconds=30)


@pytest.fixture
def engine(engine):
    return with_policy(engine, resend_cooldown=AUTH_COOLDOWN)


@pytest.fixture
def through_v2(alice):
    return replace(alice, api=Api.V2)


def test_default_cooldown_is_30_seconds_for_auth_and_none_for_v2():
    policy = Policy()

    assert policy.resend_cooldown == timedelta(seconds=30)
    assert policy.v2_resend_cooldown == timedelta()
    assert policy.for_v2 == replace(policy, resend_cooldown=timedelta())


def test_send_through_v2_has_no_cooldown(engine, outbox, through_v2):
    first = engine.send(through_v2)

    second = engine.send(through_v2)

    assert second.verification_id == first.verification_id
    assert (first.resend_after, second.resend_after) == (timedelta(), timedelta())
    assert len(outbox.messages) == 2


def test_send_through_v2_follows_send_through_auth_at_once(
    engine, outbox, alice, through_v2
):
    engine.send(alice)

    engine.send(through_v2)

    assert len(outbox.messages) == 2


def test_cooldown_of_auth_counts_from_a_send_through_v2(
    engine, outbox, redis, alice, through_v2
):
    engine.send(alice)
    age(redis, timedelta(seconds=20))
    engine.send(through_v2)
    age(redis, timedelta(seconds=20))

    with pytest.raises(RateLimited) as raised:
        engine.send(alice)

    assert raised.value.limit == "resend_cooldown"
    assert timedelta(seconds=9) < raised.value.retry_after <= timedelta(seconds=10)
    assert len(outbox.messages) == 2


def test_v2_can_have_a_cooldown_of_its_own(engine, redis, alice, through_v2):
    engine = with_policy(engine, v2_resend_cooldown=timedelta(seconds=10))
    engine.send(alice)

    with pytest.raises(RateLimited) as raised:
        engine.send(through_v2)

    assert raised.value.limit == "resend_cooldown"
    assert timedelta(seconds=9) < raised.value.retry_after <= timedelta(seconds=10)
    age(redis, timedelta(seconds=10))
    assert engine.send(through_v2).resend_after == timedelta(seconds=10)


def test_bound_verification_through_v2_has_no_cooldown(engine, outbox, through_v2):
    sent = engine.send(replace(through_v2, bind=True))

    engine.send(replace(through_v2, bound_id=sent.verification_id))

    assert len(outbox.messages) == 2


@pytest.mark.parametrize(
    ("values", "limit"),
    [
        ({"max_sends": 2}, "max_sends"),
        ({"sends_per_phone": Limit.parse("2/10m")}, "sends_per_phone"),
    ],
)
def test_limits_of_a_phone_hold_for_sends_through_v2(
    engine, outbox, through_v2, values, limit
):
    engine = with_policy(engine, **values)
    engine.send(through_v2)
    engine.send(through_v2)

    with pytest.raises(RateLimited) as raised:
        engine.send(through_v2)

    assert raised.value.limit == limit
    assert len(outbox.messages) == 2


def test_last_send_through_v2_can_be_checked(engine, outbox, through_v2, check_request):
    engine = with_policy(engine, max_sends=3)
    for _ in range(3):
        engine.send(through_v2)

    assert engine.check(check_request(outbox.code)).approved


@pytest.mark.parametrize("step", ["reserve_send", "commit_send"])
def test_send_through_v2_can_be_repeated_after_a_lost_reply(
    engine, outbox, through_v2, step
):
    with pytest.raises(StoreUnavailable):
        replace(engine, store=StoreLosingReplies(engine.store, step)).send(through_v2)

    engine.send(through_v2)

    assert len(outbox.messages) == 1
