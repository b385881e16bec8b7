"""Changes of the policy, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from otp_engine.domain.amendments import Amendment

FIRST = Amendment(
    version=1,
    at=datetime(2026, 2, 3, tzinfo=UTC),
    who="alice@host",
    reason="because",
    values={"ttl": "5m"},
)


def test_without_a_change_nothing_is_live(store):
    assert store.amendments.latest() is None
    assert store.amendments.history(9) == []


def test_a_change_comes_back_as_it_was_made(store):
    assert store.amendments.add(FIRST)

    assert store.amendments.latest() == FIRST


def test_of_two_changes_of_the_same_version_one_is_live(store):
    mine, yours = replace(FIRST, who="me"), replace(FIRST, who="you")

    assert store.amendments.add(mine)
    assert not store.amendments.add(yours)

    assert store.amendments.history(9) == [mine]


def test_a_change_that_is_asked_for_twice_is_made_once(store):
    assert store.amendments.add(FIRST)
    assert store.amendments.add(FIRST)

    assert len(store.amendments.history(9)) == 1


def test_a_version_cannot_be_left_out(store):
    assert not store.amendments.add(replace(FIRST, version=2))


def test_the_history_is_told_from_the_newest(store):
    changes = [replace(FIRST, version=n) for n in range(1, 5)]
    for change in changes:
        store.amendments.add(change)

    assert store.amendments.history(3) == changes[:0:-1]


def test_the_policy_has_no_expiry_and_a_thousand_changes(store, client):
    for n in range(1, 1_003):
        store.amendments.add(replace(FIRST, version=n))

    assert client.pttl("otp:{policy}") == -1
    assert len(store.amendments.history(2_000)) == 1_000
