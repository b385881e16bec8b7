"""Ends of changes of the policy: instances that race, and a rotation of the pepper."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.policy.live import LivePolicy
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.reverts import End, PolicyState
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.store.redis_store import RedisStore
from tests.support.clock import Clock
from tests.support.live_policy import FakeGauges

INSTANCES = 16
ROUNDS = 10
OLD, NEW = Pepper(b"o" * 32), Pepper(b"n" * 32)
SECOND = timedelta(seconds=1)


def set_until(versions, left, **values):
    """Set values until a time that is that far from now."""
    number, created_at = versions.following(versions.now())
    state = versions.live_state()
    for name, text in values.items():
        state = state.with_value(name, text, End(versions.now() + left, number))
    version = PolicyVersion(
        version=number,
        created_at=created_at,
        author="alice",
        values=state.values,
        reverts=state.reverts,
    )
    assert versions.add(version)


def newest(versions):
    version = versions.latest()
    assert version is not None
    return version


def instance(versions, clock):
    return LivePolicy(
        Policy(), versions, lambda policy: policy, clock, gauges=FakeGauges()
    )


def all_at_once(instances):
    """Return the policies of the instances, which read it at the same time."""
    barrier = Barrier(len(instances))

    def read(live):
        barrier.wait()
        return live.current()

    with ThreadPoolExecutor(len(instances)) as threads:
        return list(threads.map(read, instances))


def test_time_is_that_of_redis(store):
    first, second = store.policy_versions.now(), store.policy_versions.now()

    assert first.utcoffset() == timedelta()
    assert timedelta() <= second - first < timedelta(minutes=1)


def test_simultaneous_ends_add_one_version(real_redis):
    ends, clock = [], Clock()

    def record(before, after):
        ends.append((before.version, after.version))

    instances = [
        instance(
            SignedPolicyVersions(RedisStore(real_redis).policy_versions, [OLD], record),
            clock,
        )
        for _ in range(INSTANCES)
    ]
    versions = SignedPolicyVersions(RedisStore(real_redis).policy_versions, [OLD])
    for _ in range(ROUNDS):
        set_until(versions, timedelta(hours=1), ttl="5m", max_sends="3")
        clock.now += 1
        during = all_at_once(instances)
        clock.now += 3_600
        after = all_at_once(instances)

        assert {(policy.ttl, policy.max_sends) for policy in during} == {
            (timedelta(minutes=5), 3)
        }
        assert set(after) == {Policy()}

    assert ends == [(number, number + 1) for number in range(1, 2 * ROUNDS, 2)]
    assert [version.version for version in versions.history(100)] == list(
        range(2 * ROUNDS, 0, -1)
    )


def test_change_that_an_operator_makes_at_the_end_is_kept(real_redis):
    clock = Clock()
    versions = SignedPolicyVersions(RedisStore(real_redis).policy_versions, [OLD])
    set_until(versions, timedelta(hours=1), ttl="5m")
    live = instance(versions, clock)
    live.current()
    set_until(versions, timedelta(hours=2), ttl="6m")
    clock.now += 3_600

    assert live.current().ttl == timedelta(minutes=6)
    assert newest(versions).version == 2


def test_end_that_another_version_overtook_is_not_added(store):
    versions = SignedPolicyVersions(store.policy_versions, [OLD])
    set_until(versions, -SECOND, ttl="5m")
    overtaken = newest(versions)
    number, created_at = versions.following(versions.now())
    newer = PolicyVersion(version=number, created_at=created_at, author="bob")
    assert versions.add(newer)

    assert versions.end_changes(overtaken, overtaken.reverts) is None
    assert newest(versions) == newer


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_change_ends_at_each_stage_of_a_rotation(store, stages):
    rotation = ([OLD, NEW], [NEW, OLD], [NEW])
    clock = Clock()
    versions = SignedPolicyVersions(store.policy_versions, [OLD])
    set_until(versions, timedelta(hours=1), ttl="5m")
    live = instance(versions, clock)
    for peppers in rotation[:stages]:
        versions = SignedPolicyVersions(store.policy_versions, peppers)
        live = instance(versions, clock)
        assert live.current().ttl == timedelta(minutes=5)
    clock.now += 3_600

    assert live.current() == Policy()
    assert newest(versions).reason == "version 1 ended"
    assert newest(versions).state == PolicyState()
