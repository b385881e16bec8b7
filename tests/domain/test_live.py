"""The live policy follows the newest signed version."""

from __future__ import annotations

import json
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Semaphore

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.switches import Switches
from otp_engine.domain.policy.versions import PolicyVersion
from tests.support.live_policy import BASE_POLICY, PEPPER


def test_policy_without_versions_is_the_base_policy(live):
    assert live.current() == BASE_POLICY


def test_only_a_stored_version_is_logged_as_live(live, version_store, clock, caplog):
    caplog.set_level(logging.INFO)

    live.current()
    before = list(caplog.messages)
    version_store.change(max_sends="3")
    clock.now += 1
    live.current()

    assert before == []
    assert caplog.messages == ["policy version 1 is live"]


def test_stored_version_is_live_at_the_start(live, version_store):
    version_store.change(ttl="5m")

    assert live.current() == replace(BASE_POLICY, ttl=timedelta(minutes=5))


def test_change_is_live_after_a_second(live, version_store, clock):
    live.current()
    version_store.change(ttl="5m")
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=5)


def test_unset_value_is_that_of_the_base_policy(live, version_store, clock):
    version_store.change(ttl="5m", max_sends="9")
    live.current()
    version_store.change(ttl="5m")
    clock.now += 1

    assert live.current() == replace(BASE_POLICY, ttl=timedelta(minutes=5))


def test_gauges_get_each_version_once(live, version_store, clock, gauges):
    live.current()
    live.current()
    version_store.change(ttl="5m")
    clock.now += 1
    live.current()

    assert gauges.policies == [
        (0, BASE_POLICY),
        (1, replace(BASE_POLICY, ttl=timedelta(minutes=5))),
    ]


def test_redis_is_read_once_a_second(live, version_store, clock):
    for _ in range(100):
        live.current()
        clock.now += 0.02

    assert version_store.latest_reads == 2


def test_simultaneous_requests_after_a_pause_use_the_newest_policy(
    live, version_store, clock
):
    waiting = Semaphore(0)
    clock.on_read = waiting.release

    def start_requests():
        version_store.on_read = None
        results.extend(threads.submit(live.current) for _ in range(8))
        for _ in results:
            waiting.acquire(timeout=30)

    results: list[Future[Policy]] = []
    live.current()
    version_store.change(max_sends="9")
    clock.now += 60
    version_store.on_read = start_requests
    with ThreadPoolExecutor(8) as threads:
        first = live.current()

    assert {first.max_sends, *(result.result().max_sends for result in results)} == {9}


def test_policy_stays_while_redis_is_unavailable(live, version_store, clock):
    version_store.change(ttl="5m")
    live.current()
    version_store.is_available = False
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=5)


def test_invalid_version_is_ignored_and_logged(live, version_store, clock, caplog):
    version_store.change(ttl="5m")
    live.current()
    version_store.change(ttl="9d")
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=5)
    assert "is invalid" in caplog.text


def test_unknown_name_is_ignored(live, version_store):
    version_store.change(color="blue", ttl="5m")

    assert live.current().ttl == timedelta(minutes=5)


def test_unsigned_version_is_ignored_and_logged_once(
    live, version_store, clock, caplog, gauges
):
    version_store.change(ttl="5m")
    live.current()
    forged = {"version": 2, "values": {"max_checks": "100"}}
    version_store.texts.insert(0, json.dumps(forged).encode())
    version_store.history_reads = 0

    for _ in range(3):
        clock.now += 1
        assert live.current() == replace(BASE_POLICY, ttl=timedelta(minutes=5))

    assert version_store.history_reads == 1
    [line] = [text for text in caplog.messages if "is not signed" in text]
    assert "version 1 stays live" in line
    assert gauges.rejected is True


def test_signed_version_after_an_unsigned_one_is_live(
    live, version_store, clock, gauges
):
    live.current()
    version_store.change(ttl="5m")
    version_store.texts.insert(0, b"forged")
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=5)
    assert gauges.rejected is True


def test_newest_signed_version_is_live_at_the_start(version_store, start, gauges):
    version_store.change(ttl="5m")
    version_store.change(ttl="6m")
    version_store.texts.insert(0, version_store.texts[1])
    version_store.texts.insert(0, b"forged")

    assert start().current().ttl == timedelta(minutes=6)
    assert gauges.rejected is True


def test_start_without_a_signed_version_uses_the_base_policy(
    version_store, caplog, start, gauges
):
    version_store.texts.insert(0, b"forged")

    assert start().current() == BASE_POLICY
    assert gauges.rejected is True
    assert "is not signed" in caplog.text


@pytest.mark.parametrize("remaining", [0, 1])
def test_loss_of_the_newest_versions_keeps_the_live_policy(
    live, version_store, clock, caplog, remaining, gauges
):
    version_store.change(ttl="5m")
    version_store.change(ttl="6m")
    live.current()
    del version_store.texts[: 2 - remaining]
    for _ in range(2):
        clock.now += 1
        assert live.current().ttl == timedelta(minutes=6)

    lines = [text for text in caplog.messages if "version 2 stays live" in text]
    assert len(lines) == 1
    assert gauges.rejected is True


@pytest.fixture
def lost_texts(live, version_store, clock):
    """Return the texts of two versions that Redis has lost, the newest one first."""
    version_store.change(ttl="4m")
    version_store.change(ttl="5m")
    live.current()
    texts = list(version_store.texts)
    version_store.texts.clear()
    clock.now += 1
    live.current()
    return texts


@pytest.mark.usefixtures("lost_texts")
def test_change_after_the_loss_of_all_versions_is_live(
    live, version_store, clock, gauges
):
    version_store.change(sending="off")
    clock.now += 1

    assert live.current() == replace(BASE_POLICY, sending=Switches(default=False))
    assert gauges.policies[-1][0] == 1
    assert gauges.rejected is False


def test_lost_versions_that_return_are_not_live(
    live, version_store, clock, start, gauges, lost_texts
):
    version_store.change(sending="off")
    clock.now += 1
    live.current()
    version_store.texts[:0] = lost_texts
    clock.now += 1

    policies = [live.current(), start().current()]

    assert [bool(policy.sending) for policy in policies] == [False, False]
    assert gauges.rejected is True


def test_other_version_with_the_same_time_and_number_is_ignored(
    live, version_store, clock, gauges
):
    change = PolicyVersion(version=1, created_at=datetime.now(UTC), author="me")
    assert version_store.versions.add(replace(change, values={"ttl": "5m"}))
    live.current()
    version_store.texts.clear()
    assert version_store.versions.add(replace(change, values={"ttl": "6m"}))
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=5)
    assert gauges.rejected is True


@pytest.fixture
def replayed(live, version_store, clock):
    """Replay version 1 after version 3, while version 2 is live."""
    version_store.change(ttl="5m")
    live.current()
    first_text = version_store.texts[0]
    version_store.change(ttl="6m")
    clock.now += 1
    live.current()
    version_store.change(ttl="7m")
    version_store.texts.insert(0, first_text)
    clock.now += 1


@pytest.mark.usefixtures("replayed")
def test_newer_version_after_a_replayed_one_is_live(live, gauges):
    assert live.current().ttl == timedelta(minutes=7)
    assert gauges.rejected is True


@pytest.mark.usefixtures("replayed")
def test_change_after_a_replayed_version_is_live(live, version_store, clock, gauges):
    live.current()
    version_store.change(ttl="8m")
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=8)
    assert gauges.rejected is False


def test_change_after_a_forged_version_is_live(live, version_store, clock, gauges):
    version_store.change(ttl="5m")
    live.current()
    version_store.texts.insert(0, b"forged")
    clock.now += 1
    live.current()
    version_store.change(ttl="6m")
    clock.now += 1

    assert live.current().ttl == timedelta(minutes=6)
    assert gauges.rejected is False


def test_live_version_survives_a_rotation_of_the_pepper(version_store, start, gauges):
    new = Pepper(b"n" * 32)
    version_store.change(ttl="5m")
    version_store.change(ttl="6m")

    for peppers in ([PEPPER, new], [new, PEPPER], [new]):
        assert start(*peppers).current().ttl == timedelta(minutes=6)
        assert gauges.rejected is False

    after = SignedPolicyVersions(version_store, [new])
    assert [version.version for version in after.history(9)] == [2, 1]


def test_version_of_an_instance_before_the_rotation_is_signed(
    version_store, clock, start
):
    new = Pepper(b"n" * 32)
    live = start(PEPPER, new)
    live.current()
    version_store.change(ttl="5m")
    clock.now += 1
    live.current()

    assert start(new).current().ttl == timedelta(minutes=5)
