"""The versions of the policy as texts, on both stores."""

from __future__ import annotations

import pytest


def test_without_a_version_there_is_none(store):
    assert store.policy_versions.latest() is None
    assert store.policy_versions.history(9) == []


def test_a_text_comes_back_as_it_was_written(store):
    assert store.policy_versions.add("first \u00e9", after=None)

    assert store.policy_versions.latest() == "first \u00e9".encode()


def test_of_two_texts_after_the_same_one_is_added(store):
    assert store.policy_versions.add("mine", after=None)
    assert not store.policy_versions.add("yours", after=None)

    assert store.policy_versions.history(9) == [b"mine"]


def test_a_text_that_is_added_twice_is_added_once(store):
    assert store.policy_versions.add("mine", after=None)
    assert store.policy_versions.add("mine", after=None)

    assert store.policy_versions.history(9) == [b"mine"]


def test_a_text_cannot_follow_another_than_the_newest(store):
    store.policy_versions.add("first", after=None)
    store.policy_versions.add("second", after=b"first")

    assert not store.policy_versions.add("third", after=b"first")
    assert not store.policy_versions.add("third", after=None)
    assert store.policy_versions.history(1) == [b"second"]


@pytest.mark.parametrize("foreign", [b"", b"{", b"\xff\x00", b'{"version": 1e400}'])
def test_what_somebody_else_has_put_there_is_no_obstacle(store, client, foreign):
    client.lpush("otp:{policy_versions}", foreign)

    assert store.policy_versions.add("mine", after=store.policy_versions.latest())
    assert store.policy_versions.history(9) == [b"mine", foreign]


def test_a_text_is_replaced_where_it_stands(store):
    for n in range(4):
        store.policy_versions.add(str(n), after=store.policy_versions.latest())

    assert store.policy_versions.replace(b"1", "one")
    assert not store.policy_versions.replace(b"1", "uno")

    assert store.policy_versions.history(9) == [b"3", b"2", b"one", b"0"]


def test_the_policy_has_no_expiry_and_a_thousand_versions(store, client):
    newest = None
    for n in range(1, 1_003):
        store.policy_versions.add(str(n), after=newest)
        newest = str(n).encode()

    assert client.pttl("otp:{policy_versions}") == -1
    assert len(store.policy_versions.history(2_000)) == 1_000
