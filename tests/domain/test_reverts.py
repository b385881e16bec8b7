"""What a change with an end restores, and what it leaves."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.policy import version_codec
from otp_engine.domain.policy.reverts import (
    End,
    PendingRevert,
    PolicyState,
    number_list,
)
from otp_engine.domain.policy.versions import PolicyVersion

NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)
EMPTY = PolicyState()


def end(hours, version=1):
    return End(NOW + timedelta(hours=hours), version)


def after(state, hours):
    """Return the values of a state that many hours later."""
    return state.ended(state.due(NOW + timedelta(hours=hours))).values


def block(state, key, until=None, base="on"):
    return state.with_items("sending", {key: f"{key}=off"}, until, base=base)


def unblock(state, key, until=None, base="on"):
    return state.with_items("sending", {key: None}, until, base=base)


@pytest.mark.parametrize(
    ("before", "text"),
    [({}, "5m"), ({"ttl": "7m"}, "5m"), ({"ttl": "7m"}, None)],
    ids=["unset", "set", "removed"],
)
def test_end_restores_the_value_before(before, text):
    state = PolicyState(before).with_value("ttl", text, end(2))

    assert after(state, 1.9) == ({"ttl": text} if text else {})
    assert after(state, 2) == before


def test_end_leaves_other_values():
    state = EMPTY.with_value("ttl", "5m", end(2)).with_value("max_sends", "3", None)

    assert after(state, 2) == {"max_sends": "3"}


def test_value_that_is_set_again_without_an_end_stays():
    state = EMPTY.with_value("ttl", "5m", end(2)).with_value("ttl", "5m", None)

    assert state.reverts == ()
    assert after(state, 2) == {"ttl": "5m"}


def test_value_that_is_unset_without_an_end_stays_unset():
    state = PolicyState({"ttl": "7m"}).with_value("ttl", "5m", end(2))

    assert after(state.with_value("ttl", None, None), 2) == {}


@pytest.mark.parametrize("text", ["5m", "6m", None])
def test_value_that_is_set_again_with_an_end_returns_to_the_first_one(text):
    first = PolicyState({"ttl": "7m"}).with_value("ttl", "5m", end(2))

    state = first.with_value("ttl", text, end(1, 2))

    assert after(state, 0.5) == ({"ttl": text} if text else {})
    assert after(state, 1) == {"ttl": "7m"}
    assert after(state, 2) == {"ttl": "7m"}


def test_value_that_returns_early_has_no_end():
    first = PolicyState({"ttl": "7m"}).with_value("ttl", "5m", end(2))

    assert first.with_value("ttl", "7m", end(1, 2)) == PolicyState({"ttl": "7m"})


def test_equal_value_with_an_end_changes_nothing():
    state = PolicyState({"ttl": "7m"})

    assert state.with_value("ttl", "7m", end(2)) == state


def test_items_end_at_their_own_times():
    state = block(block(EMPTY, "SN", end(2)), "GH", end(3, 2))

    values = [after(state, hours) for hours in (1, 2, 3)]

    assert values == [
        {"sending": "on, GH=off, SN=off"},
        {"sending": "on, GH=off"},
        {},
    ]


def test_end_of_an_item_leaves_items_without_an_end():
    state = block(block(EMPTY, "SN", end(2)), "GH")

    assert after(state, 2) == {"sending": "on, GH=off"}


@pytest.mark.parametrize("hours", [1, 3])
def test_item_that_is_changed_again_has_the_new_end(hours):
    state = block(block(EMPTY, "SN", end(2)), "SN", end(hours, 2))

    assert after(state, hours - 0.1) == {"sending": "on, SN=off"}
    assert after(state, hours) == {}


def test_item_that_is_changed_again_without_an_end_stays():
    state = block(block(EMPTY, "SN", end(2)), "SN")

    assert state == PolicyState({"sending": "on, SN=off"})


def test_removed_item_returns_at_its_end():
    state = unblock(PolicyState({"sending": "on, SN=off, GH=off"}), "SN", end(2))

    assert state.values == {"sending": "on, GH=off"}
    assert after(state, 2) == {"sending": "on, GH=off, SN=off"}


def test_item_that_is_removed_early_does_not_return():
    state = unblock(block(EMPTY, "SN", end(2)), "SN")

    assert state == PolicyState({"sending": "on"})


def test_other_item_of_the_same_key_returns():
    before = PolicyState({"sending": "off, SN=on"})

    state = block(before, "SN", end(2))

    assert state.values == {"sending": "off, SN=off"}
    assert after(state, 2) == before.values


def test_item_over_a_value_of_the_environment_returns_to_it():
    state = block(EMPTY, "SN", end(2), base="on, GH=off")

    assert state.values == {"sending": "on, GH=off, SN=off"}
    assert after(state, 2) == {}


def test_item_returns_after_the_end_of_another_one():
    state = block(block(EMPTY, "GH", end(1)), "SN")

    state = unblock(state, "SN", end(3, 2))

    assert after(state, 1) == {"sending": "on"}
    stepwise = state.ended(state.due(NOW + timedelta(hours=1)))
    assert after(stepwise, 3) == after(state, 3) == {"sending": "on, SN=off"}


def test_empty_list_has_its_word():
    state = EMPTY.with_items("guard_exempt", {"SN": "SN"}, None, base="off")

    removed = state.with_items("guard_exempt", {"SN": None}, None, base="off")

    assert state.values == {"guard_exempt": "SN"}
    assert removed.values == {"guard_exempt": "off"}


@pytest.mark.parametrize("item_end", [None, 1, 3])
def test_item_stays_when_the_whole_value_returns(item_end):
    state = EMPTY.with_value("sending", "off", end(2))

    state = block(state, "SN", item_end and end(item_end, 2))

    assert state.values == {"sending": "off, SN=off"}
    assert after(state, 2) == ({} if item_end == 1 else {"sending": "on, SN=off"})
    assert after(state, 4) == ({} if item_end else {"sending": "on, SN=off"})


@pytest.mark.parametrize("whole_end", [1, 3])
def test_whole_value_with_an_end_keeps_the_end_of_an_item(whole_end):
    state = block(EMPTY, "SN", end(2))

    state = state.with_value("sending", "off", end(whole_end, 2))

    assert state.values == {"sending": "off"}
    assert after(state, 1) == {"sending": "on, SN=off" if whole_end == 1 else "off"}
    assert after(state, 4) == {}


def test_whole_value_without_an_end_removes_the_ends_of_its_items():
    state = block(EMPTY, "SN", end(2)).with_value("sending", "on, SN=off", None)

    assert state == PolicyState({"sending": "on, SN=off"})


def test_ends_one_after_the_other_are_those_at_once():
    state = block(EMPTY, "SN", end(1))
    state = state.with_value("sending", "off", end(2, 2))
    state = block(state, "GH", end(3, 3)).with_value("ttl", "5m", end(2, 4))

    stepwise = state
    for hours in (1, 2, 3):
        stepwise = stepwise.ended(stepwise.due(NOW + timedelta(hours=hours)))

    assert stepwise == state.ended(state.reverts) == EMPTY


def version_of(state):
    return PolicyVersion(
        version=2,
        created_at=NOW,
        author="me",
        values=state.values,
        reverts=state.reverts,
    )


def test_reverts_survive_the_stored_form():
    version = version_of(block(EMPTY, "SN", end(2)).with_value("ttl", "5m", end(3, 2)))

    assert version_codec.decode(version_codec.encode(version)) == version


def test_stored_form_has_only_what_earlier_releases_read():
    state = block(EMPTY, "SN", end(2)).with_value("ttl", "5m", end(3, 2))

    body = json.loads(version_codec.encode(version_of(state)))

    assert set(body) == {"version", "created_at", "author", "reason", "values"}
    assert {type(text) for text in body["values"].values()} == {str}


def test_reverts_survive_a_version_of_an_earlier_release():
    state = block(EMPTY, "SN", end(2)).with_value("ttl", "5m", end(3, 2))
    body = json.loads(version_codec.encode(version_of(state)))
    # That release copies every value, and sets its own.
    body["values"] |= {"max_sends": "3"}

    decoded = version_codec.decode(json.dumps(body))

    assert decoded is not None
    assert decoded.reverts == state.reverts
    assert decoded.values == {**state.values, "max_sends": "3"}


@pytest.mark.parametrize(
    "text", ["", "x", "1", "[1]", '[{"name": "ttl"}]', '[{"until": "x"}]', "{}"]
)
def test_version_with_reverts_of_an_unknown_form_is_rejected(text):
    body = json.loads(version_codec.encode(version_of(EMPTY)))
    body["values"]["pending_reverts"] = text

    decoded = version_codec.decode(json.dumps(body))

    assert decoded is None or decoded.reverts == ()


def test_value_that_an_earlier_release_has_set_since_stays():
    revert = PendingRevert(name="ttl", text="5m", before=None, end=end(2))
    version = version_of(PolicyState({"ttl": "6m"}, (revert,)))

    decoded = version_codec.decode(version_codec.encode(version))

    assert decoded is not None
    assert decoded.reverts == ()


@pytest.mark.parametrize(
    ("versions", "text"),
    [
        ([4], "version 4"),
        ([4, 4], "version 4"),
        ([9, 4], "versions 4 and 9"),
        ([9, 4, 5], "versions 4, 5 and 9"),
    ],
)
def test_versions_are_listed_in_order(versions, text):
    assert number_list(versions) == text
