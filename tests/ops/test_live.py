"""A policy that changes while somebody goes by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.amendments import Amendment
from otp_engine.domain.policy import Policy
from otp_engine.errors import StoreUnavailable
from otp_engine.ops.live import Live
from tests.clock import Clock


class Said:
    """What operators have said so far."""

    def __init__(self):
        self.latest_one, self.asked, self.away = None, 0, False
        self.taken_up = []

    def say(self, **values):
        version = self.latest_one.version + 1 if self.latest_one else 1
        now = datetime.now(UTC)
        self.latest_one = Amendment(version=version, at=now, who="me", values=values)

    def heard(self, version, policy):
        self.taken_up.append((version, policy))

    def latest(self):
        self.asked += 1
        if self.away:
            raise StoreUnavailable
        return self.latest_one


@pytest.fixture
def said():
    return Said()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def live(said, clock):
    return Live(
        Policy(max_sends=7), said, lambda policy: policy, clock, taken_up=said.heard
    )


def test_without_a_change_the_policy_is_as_decided(live):
    assert live.now() == Policy(max_sends=7)


def test_what_was_live_before_the_start_is_live_at_once(live, said):
    said.say(ttl="5m")

    assert live.now() == Policy(max_sends=7, ttl=timedelta(minutes=5))


def test_a_change_is_taken_up_within_a_second(live, said, clock):
    live.now()
    said.say(ttl="5m")
    clock.now += 1

    assert live.now().ttl == timedelta(minutes=5)


def test_what_is_unset_is_as_decided_again(live, said, clock):
    said.say(ttl="5m", max_sends="9")
    live.now()
    said.say(ttl="5m")
    clock.now += 1

    assert live.now() == Policy(max_sends=7, ttl=timedelta(minutes=5))


def test_each_version_is_told_once_with_its_policy_and_the_first_one_too(
    live, said, clock
):
    live.now()
    live.now()
    said.say(ttl="5m")
    clock.now += 1
    live.now()

    first = Policy(max_sends=7)
    assert said.taken_up == [
        (0, first),
        (1, replace(first, ttl=timedelta(minutes=5))),
    ]


def test_redis_is_asked_once_a_second_however_many_requests_come(live, said, clock):
    for _ in range(100):
        live.now()
        clock.now += 0.02

    assert said.asked == 2


def test_while_redis_is_away_the_policy_stays(live, said, clock):
    said.say(ttl="5m")
    live.now()
    said.away = True
    clock.now += 1

    assert live.now().ttl == timedelta(minutes=5)


def test_a_value_that_cannot_be_read_is_left_out_and_logged(live, said, clock, caplog):
    said.say(ttl="5m")
    live.now()
    said.say(ttl="9d")
    clock.now += 1

    assert live.now().ttl == timedelta(minutes=5)
    assert "cannot be read" in caplog.text


def test_a_name_of_another_release_is_left_out(live, said):
    said.say(colour="blue", ttl="5m")

    assert live.now().ttl == timedelta(minutes=5)
