"""Policy versions are signed with the pepper, on both stores."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
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
    return SignedPolicyVersions(store.policy_versions, [OLD])


@pytest.fixture
def with_peppers(store):
    """Return a function that reads and signs versions with other peppers."""
    return lambda *peppers: SignedPolicyVersions(store.policy_versions, peppers)


def test_store_without_versions_has_no_latest_version(versions):
    assert (versions.head(), versions.latest()) == (None, None)
    assert (versions.history(9), versions.warnings()) == ([], [])


def test_added_version_is_the_latest(versions):
    assert versions.add(FIRST)

    assert versions.latest() == versions.head().policy_version == FIRST
    assert versions.warnings() == []


def test_second_version_of_the_same_number_is_not_added(versions):
    versions.add(FIRST)

    assert not versions.add(replace(FIRST, author="bob@host"))
    assert versions.history(9) == [FIRST]


def test_second_add_of_the_same_version_succeeds(versions):
    versions.add(FIRST)

    assert versions.add(FIRST)
    assert versions.history(9) == [FIRST]


def test_version_after_a_gap_is_not_added(versions):
    assert not versions.add(SECOND)


def test_first_version_follows_with_number_one(versions):
    now = FIRST.created_at

    assert versions.following(now) == (1, now)


@pytest.fixture
def restarted(versions, redis):
    """Add a version 1 after the loss of all versions, and restore the lost ones."""
    versions.add(FIRST)
    versions.add(SECOND)
    lost = redis.lrange(KEY, 0, -1)
    redis.delete(KEY)
    version = replace(
        FIRST,
        created_at=FIRST.created_at + timedelta(hours=1),
        values={"sending": "off"},
    )
    versions.add(version)
    redis.lpush(KEY, *reversed(lost))
    return version


def test_latest_version_is_the_one_with_the_newest_time(versions, restarted):
    assert versions.latest() == restarted
    assert versions.history(9) == [restarted, SECOND]
    assert "out of order" in versions.warnings()[0]


def test_following_number_is_after_the_highest_one(versions, restarted):
    number, _ = versions.following(restarted.created_at)

    assert number == 3


@pytest.mark.parametrize("ahead", [timedelta(hours=-2), timedelta(hours=1)])
def test_following_time_is_after_the_newest_one(versions, restarted, ahead):
    now = restarted.created_at + ahead

    _, created_at = versions.following(now)

    assert created_at == max(now, restarted.created_at + timedelta(microseconds=1))


def test_version_older_than_the_newest_is_not_added(versions):
    versions.add(FIRST)
    early = FIRST.created_at - timedelta(microseconds=1)

    assert not versions.add(replace(SECOND, created_at=early))


def test_history_is_sorted_from_the_newest(versions):
    for version in (FIRST, SECOND, THIRD):
        versions.add(version)

    assert versions.history(2) == [THIRD, SECOND]


def change_body(redis, **changes):
    """Change the body of the newest version without its signatures."""
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
def test_changed_version_is_invalid(versions, redis, changes):
    versions.add(FIRST)

    change_body(redis, **changes)

    assert (versions.head().policy_version, versions.latest()) == (None, None)
    assert versions.history(9) == []
    assert "is not signed" in versions.warnings()[0]


FORGED = {
    "version": 1,
    "created_at": FIRST.created_at.isoformat(),
    "author": "mallory",
    "reason": None,
    "values": {"max_checks": "100"},
}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(FORGED),
        json.dumps({"body": json.dumps(FORGED), "signatures": []}),
        json.dumps({"body": json.dumps(FORGED), "signatures": ["0" * 64]}),
        json.dumps({"body": json.dumps(FORGED), "signatures": ["\u00e9", 1, None]}),
        json.dumps({"body": json.dumps(FORGED), "signatures": "0" * 64}),
        json.dumps({"body": FORGED, "signatures": ["0" * 64]}),
        '{"body": "\\ud800", "signatures": ["0"]}',
        "[" * 100_000,
        *("", "{", "null", "1", "[]", "{}", '"'),
        b"\xff\xfe",
    ],
    ids=range(16),
)
def test_unsigned_text_is_ignored(versions, redis, text):
    versions.add(FIRST)
    redis.lpush(KEY, text)

    assert versions.head().policy_version is None
    assert versions.latest() == FIRST
    assert versions.history(9) == [FIRST]
    assert "newest policy version in Redis is not signed" in versions.warnings()[0]


def test_version_is_added_after_an_unsigned_text(versions, redis):
    versions.add(FIRST)
    redis.lpush(KEY, json.dumps(FORGED))

    versions.add(SECOND)

    assert versions.head().policy_version == versions.latest() == SECOND


def test_version_signed_with_another_pepper_is_invalid(versions, with_peppers):
    with_peppers(OTHER).add(FIRST)

    assert versions.latest() is None


def test_replayed_version_is_not_the_latest(versions, redis):
    versions.add(FIRST)
    first_text = redis.lindex(KEY, 0)
    versions.add(SECOND)

    redis.lpush(KEY, first_text)

    assert versions.latest() == SECOND
    assert versions.warnings() == ["the policy versions in Redis are out of order"]


def test_version_is_added_after_a_replayed_one(versions, redis):
    versions.add(FIRST)
    first_text = redis.lindex(KEY, 0)
    versions.add(SECOND)
    redis.lpush(KEY, first_text)

    versions.add(THIRD)

    assert versions.head().policy_version == THIRD


def test_version_without_the_new_signature_is_incomplete(with_peppers):
    with_peppers(OLD).add(FIRST)

    assert with_peppers(NEW).latest() is None
    assert not with_peppers(OLD, NEW).head().is_complete


def test_complete_signs_each_version_once(with_peppers):
    with_peppers(OLD).add(FIRST)
    with_peppers(OLD).add(SECOND)
    rotating = with_peppers(OLD, NEW)

    counts = [rotating.complete(), rotating.complete()]

    assert counts == [2, 0]


@pytest.mark.parametrize(
    "peppers", [(OLD,), (OLD, NEW), (NEW, OLD), (NEW,)], ids=range(4)
)
def test_completed_versions_are_valid_during_the_whole_rotation(with_peppers, peppers):
    with_peppers(OLD).add(FIRST)
    with_peppers(OLD).add(SECOND)
    with_peppers(OLD, NEW).complete()

    versions = with_peppers(*peppers)

    assert versions.history(9) == [SECOND, FIRST]
    assert versions.head().is_complete
    assert versions.warnings() == []


def test_version_added_during_a_rotation_is_signed_with_both_peppers(with_peppers):
    with_peppers(NEW, OLD).add(FIRST)

    assert with_peppers(OLD).latest() == with_peppers(NEW).latest() == FIRST


def test_instance_before_the_rotation_can_change_the_policy(with_peppers):
    both = with_peppers(NEW, OLD)
    both.add(FIRST)
    with_peppers(OLD).add(SECOND)

    assert both.latest() == SECOND
    assert both.complete() == 1
    assert with_peppers(NEW).latest() == SECOND


def test_version_without_the_current_signature_is_warned_of(with_peppers):
    with_peppers(OLD).add(FIRST)

    [warning] = with_peppers(NEW, OLD).warnings()
    without_old = with_peppers(NEW).warnings()

    assert (
        "version 1 is not signed with OTP_PEPPER yet: keep OTP_PEPPER_PREVI" in warning
    )
    assert "newest policy version in Redis is not signed" in without_old[0]
    assert "of 1 policy versions in Redis 1 are not signed" in without_old[1]


def test_forged_version_gets_no_signature(with_peppers, redis):
    both = with_peppers(NEW, OLD)
    with_peppers(OLD).add(FIRST)
    stored = json.loads(redis.lindex(KEY, 0))
    forged = {"body": json.dumps(FORGED), "signatures": stored["signatures"]}
    redis.lpush(KEY, json.dumps(forged))

    both.complete()

    assert both.history(9) == [FIRST]
    assert json.loads(redis.lindex(KEY, 0)) == forged


def test_head_that_has_not_changed_is_decoded_once(versions):
    versions.add(FIRST)
    first = versions.head()

    assert versions.head() is first
    versions.add(SECOND)
    assert versions.head().policy_version == SECOND
    assert versions.head() is versions.head()


def test_head_that_was_removed_is_read_again(versions, redis):
    versions.add(FIRST)
    versions.head()
    text = redis.lpop(KEY)
    empty = versions.head()
    redis.lpush(KEY, text)

    assert empty is None
    assert versions.head().policy_version == FIRST
