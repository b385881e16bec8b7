"""The versions of the policy as texts, on both stores."""

from __future__ import annotations

import pytest


def test_without_a_version_there_is_none(store):
    assert store.amendments.latest() is None
    assert store.amendments.history(9) == []


def test_a_text_comes_back_as_it_was_written(store):
    assert store.amendments.add("first \u00e9", after=None)

    assert store.amendments.latest() == "first \u00e9".encode()


def test_of_two_texts_after_the_same_one_is_added(store):
    assert store.amendments.add("mine", after=None)
    assert not store.amendments.add("yours", after=None)

    assert store.amendments.history(9) == [b"mine"]


def test_a_text_that_is_added_twice_is_added_once(store):
    assert store.amendments.add("mine", after=None)
    assert store.amendments.add("mine", after=None)

    assert store.amendments.history(9) == [b"mine"]


def test_a_text_cannot_follow_another_than_the_newest(store):
    store.amendments.add("first", after=None)
    store.amendments.add("second", after=b"first")

    assert not store.amendments.add("third", after=b"first")
    assert not store.amendments.add("third", after=None)
    assert store.amendments.history(1) == [b"second"]


@pytest.mark.parametrize("foreign", [b"", b"{", b"\xff\x00", b'{"version": 1e400}'])
def test_what_somebody_else_has_put_there_is_no_obstacle(store, client, foreign):
    client.lpush("otp:{policy_versions}", foreign)

    assert store.amendments.add("mine", after=store.amendments.latest())
    assert store.amendments.history(9) == [b"mine", foreign]


def test_a_text_is_replaced_where_it_stands(store):
    for n in range(4):
        store.amendments.add(str(n), after=store.amendments.latest())

    assert store.amendments.replace(b"1", "one")
    assert not store.amendments.replace(b"1", "uno")

    assert store.amendments.history(9) == [b"3", b"2", b"one", b"0"]


def test_the_policy_has_no_expiry_and_a_thousand_versions(store, client):
    newest = None
    for n in range(1, 1_003):
        store.amendments.add(str(n), after=newest)
        newest = str(n).encode()

    assert client.pttl("otp:{policy_versions}") == -1
    assert len(store.amendments.history(2_000)) == 1_000
