"""Versions of the policy are signed with the pepper, on both stores."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.policy.signed_versions import PolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion

KEY = "otp:{policy_versions}"
OLD, NEW, OTHER = (Pepper(letter * 32) for letter in (b"o", b"n", b"x"))
FIRST = PolicyVersion(
    version=1,
    created_at=datetime(2026, 2, 3, tzinfo=UTC),
    author="alice@host",
    reason="because \u00e9",
    values={"ttl": "5m"},
)
SECOND = replace(FIRST, version=2, values={"ttl": "6m"})
THIRD = replace(FIRST, version=3, values={"ttl": "7m"})


@pytest.fixture
def versions(store):
    return PolicyVersions(store.policy_versions, [OLD])


@pytest.fixture
def with_peppers(store):
    return lambda *peppers: PolicyVersions(store.policy_versions, peppers)


def test_without_a_change_nothing_is_live(versions):
    assert (versions.head(), versions.latest()) == (None, None)
    assert (versions.history(9), versions.warnings()) == ([], [])


def test_a_change_comes_back_as_it_was_made(versions):
    assert versions.add(FIRST)

    assert versions.latest() == versions.head().policy_version == FIRST
    assert versions.warnings() == []


def test_of_two_changes_of_the_same_version_one_is_live(versions):
    mine, yours = replace(FIRST, author="me"), replace(FIRST, author="you")

    assert versions.add(mine)
    assert not versions.add(yours)
    assert versions.add(mine)

    assert versions.history(9) == [mine]


def test_a_version_cannot_be_left_out(versions):
    assert not versions.add(SECOND)


def test_the_number_follows_the_highest_and_the_time_the_newest(versions, redis):
    late, early = (
        FIRST.created_at + timedelta(hours=1),
        FIRST.created_at - timedelta(hours=1),
    )
    assert versions.following(early) == (1, early)

    for change in (FIRST, SECOND):
        versions.add(change)
    lost = redis.lrange(KEY, 0, -1)
    redis.delete(KEY)
    restarted = replace(FIRST, created_at=late, values={"sending": "off"})
    assert versions.add(restarted)
    redis.lpush(KEY, *reversed(lost))

    assert versions.latest() == restarted
    assert versions.history(9) == [restarted, SECOND]
    assert versions.following(early) == (3, late + timedelta(microseconds=1))
    assert versions.following(late + timedelta(hours=1))[1] > late
    assert "out of order" in versions.warnings()[0]


def test_a_version_that_is_older_than_the_newest_is_not_added(versions):
    versions.add(FIRST)

    early = FIRST.created_at - timedelta(microseconds=1)

    assert not versions.add(replace(SECOND, created_at=early))
    assert versions.add(SECOND)


def test_the_history_is_told_from_the_newest(versions):
    for change in (FIRST, SECOND, THIRD):
        versions.add(change)

    assert versions.history(2) == [THIRD, SECOND]


def rewritten(redis, **changes):
    """Change the signed body of the newest version, and leave its signatures."""
    stored = json.loads(redis.lindex(KEY, 0))
    body = json.loads(stored["body"]) | changes
    redis.lset(KEY, 0, json.dumps(stored | {"body": json.dumps(body)}))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"created_at": "2027-02-03T00:00:00+00:00"},
        {"author": "mallory"},
        {"reason": None},
        {"values": {"ttl": "24h"}},
        {"values": {}},
        {"more": 1},
    ],
    ids=str,
)
def test_nothing_in_a_version_can_be_changed(versions, redis, changes):
    versions.add(FIRST)

    rewritten(redis, **changes)

    assert (versions.head().policy_version, versions.latest()) == (None, None)
    assert versions.history(9) == []
    assert "is not signed" in versions.warnings()[0]


PLAIN = {
    "version": 1,
    "created_at": FIRST.created_at.isoformat(),
    "author": "mallory",
    "reason": None,
    "values": {"max_checks": "100"},
}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(PLAIN),
        json.dumps({"body": json.dumps(PLAIN), "signatures": []}),
        json.dumps({"body": json.dumps(PLAIN), "signatures": ["0" * 64]}),
        json.dumps({"body": json.dumps(PLAIN), "signatures": ["\u00e9", 1, None]}),
        json.dumps({"body": json.dumps(PLAIN), "signatures": "0" * 64}),
        json.dumps({"body": PLAIN, "signatures": ["0" * 64]}),
        '{"body": "\\ud800", "signatures": ["0"]}',
        "[" * 100_000,
        *("", "{", "null", "1", "[]", "{}", '"'),
        b"\xff\xfe",
    ],
    ids=range(16),
)
def test_what_is_not_signed_is_not_read_and_stands_in_no_ones_way(
    versions, redis, text
):
    versions.add(FIRST)
    redis.lpush(KEY, text)

    assert versions.head().policy_version is None
    assert versions.latest() == FIRST
    assert versions.history(9) == [FIRST]
    assert "newest policy version in Redis is not signed" in versions.warnings()[0]
    assert versions.add(SECOND)
    assert versions.head().policy_version == versions.latest() == SECOND


def test_a_signature_of_another_pepper_is_worth_nothing(versions, with_peppers):
    with_peppers(OTHER).add(FIRST)

    assert versions.latest() is None


def test_an_old_version_that_is_put_on_top_is_not_the_latest(versions, redis):
    versions.add(FIRST)
    old = redis.lindex(KEY, 0)
    versions.add(SECOND)

    redis.lpush(KEY, old)

    assert versions.latest() == SECOND
    assert versions.warnings() == ["the policy versions in Redis are out of order"]
    assert versions.add(THIRD)
    assert versions.head().policy_version == THIRD


def test_a_version_lives_through_a_rotation_of_the_pepper(with_peppers):
    before, after = with_peppers(OLD), with_peppers(NEW)
    before.add(FIRST)
    before.add(SECOND)
    added, swapped = with_peppers(OLD, NEW), with_peppers(NEW, OLD)
    assert after.latest() is None

    assert not added.head().is_complete
    assert added.complete() == 2
    assert [one.complete() for one in (added, swapped, before)] == [0, 0, 0]

    for one in (before, added, swapped, after):
        assert one.history(9) == [SECOND, FIRST]
        assert one.head().is_complete
        assert one.warnings() == []


def test_what_is_added_in_a_rotation_is_signed_with_both_peppers(with_peppers):
    with_peppers(NEW, OLD).add(FIRST)

    assert with_peppers(OLD).latest() == with_peppers(NEW).latest() == FIRST


def test_an_instance_that_is_not_yet_rotated_can_still_change_the_policy(with_peppers):
    both = with_peppers(NEW, OLD)
    both.add(FIRST)
    with_peppers(OLD).add(SECOND)

    assert both.latest() == SECOND
    assert both.complete() == 1
    assert with_peppers(NEW).latest() == SECOND


def test_a_version_that_the_current_pepper_has_not_signed_is_warned_of(with_peppers):
    with_peppers(OLD).add(FIRST)

    [doubt] = with_peppers(NEW, OLD).warnings()
    lost = with_peppers(NEW).warnings()

    assert "version 1 is not signed with OTP_PEPPER yet: keep OTP_PEPPER_PREVI" in doubt
    assert "newest policy version in Redis is not signed" in lost[0]
    assert "of 1 policy versions in Redis 1 are not signed" in lost[1]


def test_no_signature_of_a_forger_is_kept_or_completed(with_peppers, redis):
    both = with_peppers(NEW, OLD)
    with_peppers(OLD).add(FIRST)
    stored = json.loads(redis.lindex(KEY, 0))
    forged = {"body": json.dumps(PLAIN), "signatures": stored["signatures"]}
    redis.lpush(KEY, json.dumps(forged))

    both.complete()

    assert both.history(9) == [FIRST]
    assert json.loads(redis.lindex(KEY, 0)) == forged
