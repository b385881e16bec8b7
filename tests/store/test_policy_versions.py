"""The store of policy versions, on both backends."""

from __future__ import annotations

import pytest


def test_empty_store_has_no_version(store):
    assert store.policy_versions.latest() is None
    assert store.policy_versions.history(9) == []


def test_stored_text_is_returned_unchanged(store):
    assert store.policy_versions.add("first \u00e9", after=None)

    assert store.policy_versions.latest() == "first \u00e9".encode()


def test_second_text_after_the_same_version_is_rejected(store):
    assert store.policy_versions.add("mine", after=None)
    assert not store.policy_versions.add("yours", after=None)

    assert store.policy_versions.history(9) == [b"mine"]


def test_repeated_add_stores_one_text(store):
    assert store.policy_versions.add("mine", after=None)
    assert store.policy_versions.add("mine", after=None)

    assert store.policy_versions.history(9) == [b"mine"]


def test_text_after_an_older_version_is_rejected(store):
    store.policy_versions.add("first", after=None)
    store.policy_versions.add("second", after=b"first")

    assert not store.policy_versions.add("third", after=b"first")
    assert not store.policy_versions.add("third", after=None)
    assert store.policy_versions.history(1) == [b"second"]


@pytest.mark.parametrize("foreign", [b"", b"{", b"\xff\x00", b'{"version": 1e400}'])
def test_foreign_text_does_not_block_add(store, redis, foreign):
    redis.lpush("otp:{policy_versions}", foreign)

    assert store.policy_versions.add("mine", after=store.policy_versions.latest())
    assert store.policy_versions.history(9) == [b"mine", foreign]


def test_replace_keeps_the_position(store):
    for n in range(4):
        store.policy_versions.add(str(n), after=store.policy_versions.latest())

    assert store.policy_versions.replace(b"1", "one")
    assert not store.policy_versions.replace(b"1", "uno")

    assert store.policy_versions.history(9) == [b"3", b"2", b"one", b"0"]


def test_list_has_no_expiry_and_at_most_1000_versions(store, redis):
    newest = None
    for n in range(1, 1_003):
        store.policy_versions.add(str(n), after=newest)
        newest = str(n).encode()

    assert redis.pttl("otp:{policy_versions}") == -1
    assert len(store.policy_versions.history(2_000)) == 1_000
