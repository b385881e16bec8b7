"""Changes of the live policy that end, by the clocks of Redis and of the instance."""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.policy.ends import ChangeEnds
from otp_engine.domain.policy.reverts import End, PolicyState
from tests.support.live_policy import BASE_POLICY

HOUR = timedelta(hours=1)


@pytest.fixture
def pass_time(version_store, clock):
    """Return a function that lets time pass for Redis and for the instances."""

    def pass_time(duration):
        version_store.wall_clock += duration
        clock.now += duration.total_seconds()

    return pass_time


@pytest.fixture
def temporary(live, version_store):
    """Set a value for two hours, beside a permanent one, and apply it."""
    version_store.change(max_sends="3")
    version_store.set_until(version_store.wall_clock + 2 * HOUR, ttl="5m")
    live.current()


def newest(version_store):
    return version_store.versions.latest()


@pytest.mark.usefixtures("temporary")
def test_change_is_live_until_its_end(live, version_store, pass_time):
    pass_time(HOUR)
    live.current()
    pass_time(HOUR - timedelta(seconds=2))

    assert live.current().ttl == timedelta(minutes=5)
    assert newest(version_store).version == 2


@pytest.mark.usefixtures("temporary")
def test_end_of_a_change_is_a_version(live, version_store, pass_time, gauges):
    pass_time(2 * HOUR)

    policy = live.current()

    ended = newest(version_store)
    assert policy.ttl == BASE_POLICY.ttl
    assert policy.max_sends == 3
    assert (ended.version, ended.author) == (3, "otp-engine")
    assert ended.reason == "version 2 ended"
    assert (ended.values, ended.reverts) == ({"max_sends": "3"}, ())
    assert gauges.policies[-1] == (3, policy)


@pytest.mark.usefixtures("temporary")
def test_end_is_not_later_than_the_next_refresh(live, version_store, clock):
    live.current()
    # The refresh before the end leaves less than an interval.
    policies = []
    for seconds in (7_198.5, 0.6):
        version_store.wall_clock += timedelta(seconds=seconds)
        clock.now += seconds
        policies.append(live.current())

    assert [policy.ttl for policy in policies] == [
        timedelta(minutes=5),
        BASE_POLICY.ttl,
    ]


@pytest.mark.usefixtures("temporary")
def test_change_reverts_on_time_while_redis_accepts_no_write(
    live, version_store, pass_time, gauges, caplog
):
    version_store.accepts_writes = False
    for _ in range(3):
        pass_time(HOUR)
        live.current()

    assert live.current().ttl == BASE_POLICY.ttl
    assert newest(version_store).version == 2
    assert gauges.policies[-1] == (2, live.current())
    lines = [text for text in caplog.messages if "version 2 ended" in text]
    assert len(lines) == 1


@pytest.mark.usefixtures("temporary")
def test_version_is_added_when_redis_accepts_writes_again(
    live, version_store, pass_time
):
    version_store.accepts_writes = False
    pass_time(2 * HOUR)
    live.current()
    version_store.accepts_writes = True
    pass_time(timedelta(seconds=1))
    live.current()

    assert newest(version_store).reason == "version 2 ended"


@pytest.mark.usefixtures("temporary")
def test_change_reverts_on_time_while_redis_does_not_answer(
    live, version_store, pass_time
):
    pass_time(HOUR)
    live.current()
    version_store.is_available = False
    pass_time(HOUR)

    assert live.current().ttl == BASE_POLICY.ttl


@pytest.mark.usefixtures("temporary")
def test_change_reverts_although_redis_lost_its_versions(
    live, version_store, pass_time
):
    pass_time(HOUR)
    live.current()
    version_store.texts.clear()
    pass_time(HOUR)

    assert live.current().ttl == BASE_POLICY.ttl
    assert version_store.texts == []


@pytest.mark.usefixtures("temporary")
def test_instance_that_starts_after_the_end_adds_the_version(
    start, version_store, pass_time
):
    pass_time(3 * HOUR)

    assert start().current().ttl == BASE_POLICY.ttl
    assert newest(version_store).reason == "version 2 ended"


@pytest.mark.usefixtures("temporary")
def test_clock_set_forward_ends_the_change_in_a_version(live, version_store, clock):
    live.current()
    version_store.wall_clock += timedelta(days=365)
    clock.now += 1
    early = live.current()
    version_store.wall_clock -= timedelta(days=365)
    clock.now += 1

    assert [early.ttl, live.current().ttl] == [BASE_POLICY.ttl] * 2
    assert newest(version_store).reason == "version 2 ended"


@pytest.mark.usefixtures("temporary")
def test_clock_set_forward_and_back_without_a_write_does_not_revive_the_change(
    live, version_store, clock
):
    live.current()
    version_store.accepts_writes = False
    version_store.wall_clock += timedelta(days=365)
    clock.now += 1
    live.current()
    version_store.wall_clock -= timedelta(days=365)
    version_store.accepts_writes = True
    clock.now += 1

    assert live.current().ttl == BASE_POLICY.ttl
    assert newest(version_store).reason == "version 2 ended"


@pytest.mark.usefixtures("temporary")
def test_clock_set_back_does_not_extend_the_change(live, version_store, clock):
    live.current()
    version_store.wall_clock -= timedelta(days=365)
    clock.now += 7_200

    assert live.current().ttl == BASE_POLICY.ttl
    assert newest(version_store).reason == "version 2 ended"


@pytest.mark.usefixtures("temporary")
def test_clock_that_is_set_right_does_not_end_a_later_change(
    live, version_store, clock
):
    live.current()
    version_store.wall_clock += timedelta(days=365)
    clock.now += 1
    live.current()
    version_store.wall_clock -= timedelta(days=365)
    version_store.set_until(version_store.wall_clock + HOUR, ttl="6m")
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=6)


@pytest.mark.usefixtures("temporary")
def test_changes_with_different_ends_end_in_two_versions(
    live, version_store, pass_time
):
    version_store.set_until(version_store.wall_clock + 3 * HOUR, code_length="8")
    reasons = []
    for _ in range(4):
        pass_time(HOUR)
        live.current()
        reasons.append(newest(version_store).reason)

    assert reasons == [None, "version 2 ended", "version 3 ended", "version 3 ended"]
    assert newest(version_store).values == {"max_sends": "3"}


@pytest.mark.usefixtures("temporary")
def test_changes_that_ended_while_no_instance_ran_end_in_one_version(
    start, version_store, pass_time
):
    version_store.set_until(version_store.wall_clock + 3 * HOUR, code_length="8")
    pass_time(4 * HOUR)
    start().current()

    ended = newest(version_store)
    assert (ended.version, ended.reason) == (4, "versions 2 and 3 ended")


@pytest.mark.usefixtures("temporary")
def test_end_of_an_invalid_version_leaves_the_policy(
    live, version_store, pass_time, caplog
):
    version_store.set_until(version_store.wall_clock + 2 * HOUR, code_length="x")
    version_store.accepts_writes = False
    pass_time(3 * HOUR)
    caplog.set_level(logging.ERROR)

    assert live.current().max_sends == 3


def test_next_end_is_the_earliest_one_to_come():
    now = datetime(2026, 2, 3, tzinfo=UTC)
    state = PolicyState()
    for name, minutes in (("ttl", 5), ("max_sends", 10), ("max_checks", -1)):
        end = End(now + timedelta(minutes=minutes), 1)
        state = state.with_value(name, "3", end)
    ends = ChangeEnds(lambda: 100.0)

    ends.observe(state.reverts, now)

    assert ends.next_end == 400
    assert {revert.name for revert in ends.ended()} == {"max_checks"}


def test_end_is_unknown_until_redis_reports_the_time():
    now = datetime(2026, 2, 3, tzinfo=UTC)
    state = PolicyState().with_value("ttl", "5m", End(now, 1))
    ends = ChangeEnds(lambda: 100.0)

    ends.observe(state.reverts, None)

    assert (ends.ended(), ends.next_end) == (frozenset(), math.inf)
