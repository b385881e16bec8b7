"""A policy that changes while somebody goes by it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.policy.live import LivePolicy
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.signed_versions import PolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.errors import StoreUnavailable
from tests.support.clock import Clock

PEPPER = Pepper(b"p" * 32)


class Said:
    """What operators have said so far, as it stands in Redis; and what is shown."""

    def __init__(self):
        self.texts, self.asked, self.away = [], 0, False
        self.read = []
        self.taken_up, self.rejected = [], None
        self.versions = PolicyVersions(self, [PEPPER])

    def say(self, **values):
        version, at = self.versions.following(datetime.now(UTC))
        change = PolicyVersion(
            version=version, created_at=at, author="me", values=values
        )
        assert self.versions.add(change)

    def latest(self):
        self.asked += 1
        if self.away:
            raise StoreUnavailable
        return self.texts[0] if self.texts else None

    def history(self, most):
        self.read.append(most)
        return self.texts[:most]

    def add(self, text, *, after):
        assert after == (self.texts[0] if self.texts else None)
        self.texts.insert(0, text.encode())
        return True

    def replace(self, old, new):
        if old not in self.texts:
            return False
        self.texts[self.texts.index(old)] = new.encode()
        return True

    def set_policy(self, version, policy):
        self.taken_up.append((version, policy))

    def policy_rejected(self, rejected):
        self.rejected = rejected


@pytest.fixture
def said():
    return Said()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def live(said, clock):
    return begun(said, clock)


def begun(said, clock, *peppers):
    versions = PolicyVersions(said, peppers or [PEPPER])
    return LivePolicy(
        Policy(max_sends=7), versions, lambda policy: policy, clock, gauges=said
    )


def test_without_a_change_the_policy_is_as_decided(live):
    assert live.current() == Policy(max_sends=7)


def test_what_was_live_before_the_start_is_live_at_once(live, said):
    said.say(ttl="5m")

    assert live.current() == Policy(max_sends=7, ttl=timedelta(minutes=5))


def test_a_change_is_taken_up_within_a_second(live, said, clock):
    live.current()
    said.say(ttl="5m")
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=5)


def test_what_is_unset_is_as_decided_again(live, said, clock):
    said.say(ttl="5m", max_sends="9")
    live.current()
    said.say(ttl="5m")
    clock.now += 1

    assert live.current() == Policy(max_sends=7, ttl=timedelta(minutes=5))


def test_each_version_is_told_once_with_its_policy_and_the_first_one_too(
    live, said, clock
):
    live.current()
    live.current()
    said.say(ttl="5m")
    clock.now += 1
    live.current()

    first = Policy(max_sends=7)
    assert said.taken_up == [
        (0, first),
        (1, replace(first, ttl=timedelta(minutes=5))),
    ]


def test_redis_is_asked_once_a_second_however_many_requests_come(live, said, clock):
    for _ in range(100):
        live.current()
        clock.now += 0.02

    assert said.asked == 2


def test_while_redis_is_away_the_policy_stays(live, said, clock):
    said.say(ttl="5m")
    live.current()
    said.away = True
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=5)


def test_a_value_that_cannot_be_read_is_left_out_and_logged(live, said, clock, caplog):
    said.say(ttl="5m")
    live.current()
    said.say(ttl="9d")
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=5)
    assert "is invalid" in caplog.text


def test_a_name_of_another_release_is_left_out(live, said):
    said.say(colour="blue", ttl="5m")

    assert live.current().ttl == timedelta(minutes=5)


def test_a_version_that_is_not_signed_is_left_out_and_logged_once(
    live, said, clock, caplog
):
    said.say(ttl="5m")
    live.current()
    forged = {"version": 2, "values": {"max_checks": "100"}}
    said.texts.insert(0, json.dumps(forged).encode())
    said.read.clear()

    for _ in range(3):
        clock.now += 1
        assert live.current() == Policy(max_sends=7, ttl=timedelta(minutes=5))

    assert len(said.read) == 1
    [line] = [one for one in caplog.messages if "is not signed" in one]
    assert "version 1 stays live" in line
    assert said.rejected is True


def test_a_signed_version_behind_one_that_is_not_is_taken_up(live, said, clock):
    live.current()
    said.say(ttl="5m")
    said.texts.insert(0, b"forged")
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=5)
    assert said.rejected is True


def test_at_the_start_the_newest_signed_version_is_live(said, clock):
    said.say(ttl="5m")
    said.say(ttl="6m")
    said.texts.insert(0, said.texts[1])
    said.texts.insert(0, b"forged")

    assert begun(said, clock).current().ttl == timedelta(minutes=6)
    assert said.rejected is True


def test_without_any_signed_version_the_start_is_as_decided(said, clock, caplog):
    said.texts.insert(0, b"forged")

    assert begun(said, clock).current() == Policy(max_sends=7)
    assert said.rejected is True
    assert "is not signed" in caplog.text


@pytest.mark.parametrize("left", [0, 1])
def test_an_older_version_or_none_is_not_taken_up_again(
    live, said, clock, caplog, left
):
    said.say(ttl="5m")
    said.say(ttl="6m")
    live.current()
    del said.texts[: 2 - left]
    for _ in range(2):
        clock.now += 1
        assert live.current().ttl == timedelta(minutes=6)

    lines = [one for one in caplog.messages if "version 2 stays live" in one]
    assert len(lines) == 1
    assert said.rejected is True


def test_a_change_after_all_versions_were_lost_is_live(live, said, clock):
    said.say(ttl="4m")
    said.say(ttl="5m")
    live.current()
    recorded = list(said.texts)
    said.texts.clear()
    clock.now += 1
    assert live.current().ttl == timedelta(minutes=5)
    said.say(sending="off")
    clock.now += 1

    assert live.current() == Policy(max_sends=7, sending=False)
    assert said.taken_up[-1][0] == 1
    assert said.rejected is False

    said.texts[:0] = recorded
    clock.now += 1
    assert live.current().sending is False
    assert begun(said, clock).current().sending is False
    assert said.rejected is True


def test_another_change_of_the_time_and_number_of_the_live_one_is_not_taken_up(
    live, said, clock
):
    change = PolicyVersion(version=1, created_at=datetime.now(UTC), author="me")
    assert said.versions.add(replace(change, values={"ttl": "5m"}))
    live.current()
    said.texts.clear()
    assert said.versions.add(replace(change, values={"ttl": "6m"}))
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=5)
    assert said.rejected is True


def test_a_newer_version_behind_a_replayed_one_is_taken_up(live, said, clock):
    said.say(ttl="5m")
    live.current()
    recorded = said.texts[0]
    said.say(ttl="6m")
    clock.now += 1
    live.current()
    said.say(ttl="7m")
    said.texts.insert(0, recorded)
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=7)
    assert said.rejected is True
    said.say(ttl="8m")
    clock.now += 1
    assert live.current().ttl == timedelta(minutes=8)
    assert said.rejected is False


def test_a_change_after_a_forged_one_is_live_and_all_is_well(live, said, clock):
    said.say(ttl="5m")
    live.current()
    said.texts.insert(0, b"forged")
    clock.now += 1
    live.current()
    said.say(ttl="6m")
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=6)
    assert said.rejected is False


def test_what_was_live_before_a_rotation_of_the_pepper_is_live_after_it(said, clock):
    new = Pepper(b"n" * 32)
    said.say(ttl="5m")
    said.say(ttl="6m")

    for peppers in ([PEPPER, new], [new, PEPPER], [new]):
        assert begun(said, clock, *peppers).current().ttl == timedelta(minutes=6)
        assert said.rejected is False

    after = PolicyVersions(said, [new])
    assert [one.version for one in after.history(9)] == [2, 1]


def test_a_version_of_an_instance_that_is_not_rotated_yet_is_signed_as_well(
    said, clock
):
    new = Pepper(b"n" * 32)
    live = begun(said, clock, PEPPER, new)
    live.current()
    said.say(ttl="5m")
    clock.now += 1
    live.current()

    assert begun(said, clock, new).current().ttl == timedelta(minutes=5)
