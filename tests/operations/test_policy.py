"""Planned changes of the policy, on both backends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine import config
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.errors import (
    InvalidChange,
    InvalidEnd,
    NoLiveValue,
    NoPolicyVersion,
    PolicyConflict,
)
from otp_engine.operations import guard, policy, policy_items, policy_values
from otp_engine.operations.context import OperatorContext
from tests.support.settings import PRODUCTION


@pytest.fixture
def context(store):
    return OperatorContext.build(config.load(PRODUCTION), store)


@pytest.fixture
def change(context):
    """Return a function that sets values as an operator."""

    def change(author="alice", reason=None, until=None, **texts):
        planned = policy.plan(context, policy.set_values(texts), until)
        return policy.commit(context, planned, author=author, reason=reason)

    return change


def test_plan_has_each_value_before_and_after_and_stores_nothing(context):
    planned = policy.plan(context, policy.set_values({"ttl": "5m", "max_sends": "3"}))

    assert list(map(str, planned.changes)) == [
        "ttl: 10m (default) → 5m",
        "max_sends: 5 (default) → 3",
    ]
    assert context.versions.latest() is None


def test_plan_has_the_warnings_that_the_change_adds(context):
    planned = policy.plan(context, policy.set_values({"ttl": "20m"}))

    assert [warning[:15] for warning in planned.warnings] == ["ttl 20m is over"]


def test_chance_is_planned_only_if_it_changes(context):
    same = policy.plan(context, policy.set_values({"sends_total": "9/1h"}))
    shorter = policy.plan(context, policy.set_values({"code_length": "5"}))

    assert same.chance is None
    assert shorter.chance is not None
    assert shorter.chance.exceeds_maximum


def test_committed_plan_is_a_version_and_an_event(context, change):
    version = change(reason="spring sale", ttl="5m")

    assert context.versions.latest() == version
    assert (version.author, version.reason) == ("alice", "spring sale")
    [recorded] = context.store.events.tail(
        datetime.now(UTC) - timedelta(minutes=1)
    ).read_next()
    assert (recorded.event.author, recorded.event.change) == ("alice", "ttl = 5m")


def test_plan_of_before_another_version_is_a_conflict(context, change):
    planned = policy.plan(context, policy.set_values({"ttl": "5m"}))
    change(author="bob", max_sends="3")

    with pytest.raises(PolicyConflict):
        policy.commit(context, planned, author="alice")

    assert policy_values.history(context)[0].version.author == "bob"


def test_basis_changes_with_each_version_and_with_nothing_else(context, change):
    bases = []
    for text in ("3", "4"):
        bases += [
            policy.plan(context, policy.set_values({"ttl": ttl})).basis
            for ttl in ("5m", "6m")
        ]
        change(max_sends=text)

    assert bases[0] == bases[1] != bases[2] == bases[3]


def test_live_values_planned_again_change_nothing(context, change):
    change(ttl="5m")

    assert policy.plan(context, policy.set_values({"ttl": "300s"})).changes == []


def test_invalid_values_are_listed_in_one_error():
    with pytest.raises(InvalidChange) as raised:
        policy.set_values({"ttl": "soon", "max_sends": "many", "max_checks": "4"})

    assert [problem.split()[0] for problem in raised.value.problems] == [
        "ttl",
        "max_sends",
    ]


def test_budget_in_another_currency_is_refused(context):
    with pytest.raises(InvalidChange, match="budget is in EUR"):
        policy.plan(context, policy.set_values({"budget": "50 EUR/24h"}))


def test_end_is_by_the_clock_of_redis(context):
    before = context.versions.now()

    planned = policy.plan(context, policy.set_values({"ttl": "5m"}), timedelta(hours=2))

    assert timedelta(hours=2) <= planned.end - before < timedelta(hours=2, minutes=1)
    assert "until" in str(planned.changes[0])


def test_end_that_has_passed_is_refused(context):
    with pytest.raises(InvalidEnd, match="must be after now"):
        policy.plan(
            context, policy.set_values({"ttl": "5m"}), datetime(2020, 1, 1, tzinfo=UTC)
        )


def test_unset_of_a_value_that_is_not_live_is_refused(context):
    with pytest.raises(NoLiveValue, match="ttl: no live value"):
        policy.plan(context, policy.unset(["ttl"]))


def test_rollback_has_a_reason_of_its_own(context, change):
    change(ttl="5m")

    planned = policy.plan(context, policy.rollback(context, 0))
    version = policy.commit(context, planned, author="alice")

    assert version.reason == "back to the environment"
    assert version.values == {}


def test_rollback_to_an_unknown_version_is_refused(context):
    with pytest.raises(NoPolicyVersion):
        policy.rollback(context, 7)


def test_rollback_notes_what_has_ended_since(context, change):
    first = change(ttl="5m", until=timedelta(seconds=1))
    past = replace(
        first,
        version=2,
        created_at=first.created_at + timedelta(microseconds=1),
        reverts=tuple(
            replace(revert, end=replace(revert.end, until=first.created_at))
            for revert in first.reverts
        ),
    )
    assert context.versions.add(past)

    [note] = policy.rollback(context, 2).notes

    assert note == "ttl of version 2 has ended since: 10m (default) returns"


def test_version_of_another_release_is_a_warning_of_the_plan(context):
    number, at = context.versions.following(context.versions.now())
    context.versions.add(
        PolicyVersion(
            version=number, created_at=at, author="bob", values={"ttl": "soon"}
        )
    )

    planned = policy.plan(context, policy.set_values({"ttl": "5m"}))
    with pytest.raises(InvalidChange) as raised:
        policy.plan(context, policy.set_values({"max_sends": "3"}))

    assert "the live version is invalid" in planned.warnings[0]
    assert "the live version is invalid" in raised.value.warnings[0]


def test_values_that_events_cannot_decide_on_are_not_replayable(context):
    planned = policy.plan(
        context, policy.set_values({"ttl": "5m", "sends_total": "9/1h"})
    )

    assert planned.replayable == {"sends_total": "9/1h"}


def test_history_has_the_changes_of_each_version_newest_first(context, change):
    change(ttl="5m")
    change(author="bob", ttl="6m")

    entries = policy_values.history(context)

    assert [
        (entry.version.author, [str(each) for each in entry.changes])
        for entry in entries
    ] == [("bob", ["ttl: 5m → 6m"]), ("alice", ["ttl: 10m (default) → 5m"])]
    assert policy_values.history(context, 1) == entries[:1]


def test_live_value_has_the_version_that_set_it(context, change):
    change(ttl="5m")
    change(max_sends="3")

    report = policy_values.read_policy(context)

    assert report.newest is not None
    assert report.newest.version == 2
    assert getattr(report.values["ttl"].since, "version", None) == 1
    assert report.values["max_checks"].since is None


@pytest.mark.parametrize(
    ("kind", "text", "changed"),
    [
        ("country", "sn", "sending: on (default) → on, SN=off"),
        ("prefix", "+22177", "sending: on (default) → on, +22177=off"),
        ("channel", "sms", "sending: on (default) → on, channel:sms=off"),
        ("key", "shop", "sending: on (default) → on, key:shop=off"),
        (
            "network",
            "203.0.113.0/24",
            "blocked_networks: none (default) → 203.0.113.0/24",
        ),
    ],
)
def test_block_and_unblock_of_each_kind(context, kind, text, changed):
    planned = policy.plan(context, policy_items.block(context.base, kind, [text]))
    policy.commit(context, planned, author="alice")
    undone = policy.plan(context, policy_items.unblock(context.base, kind, [text]))

    assert list(map(str, planned.changes)) == [changed]
    assert undone.new.values.get("sending", "on") == "on"


def test_blocks_of_each_kind_are_listed_with_their_ends(context):
    for kind, name in (("channel", "sms"), ("key", "shop"), ("country", "SN")):
        change = policy_items.block(context.base, kind, [name])
        policy.commit(context, policy.plan(context, change), author="alice")
    change = policy_items.block(context.base, "network", ["203.0.113.0/24"])
    planned = policy.plan(context, change, timedelta(hours=2))
    policy.commit(context, planned, author="alice")

    blocks = policy_items.read_blocks(context.base, context.versions.live_state())

    assert [(block.kind, block.name, block.until) for block in blocks] == [
        ("country", "SN", None),
        ("channel", "sms", None),
        ("key", "shop", None),
        ("network", "203.0.113.0/24", planned.end),
    ]


def test_unblock_of_what_is_not_blocked_is_refused(context):
    with pytest.raises(InvalidChange, match="SN is not blocked: sending is on"):
        policy.plan(context, policy_items.unblock(context.base, "country", ["SN"]))


def test_lift_exempts_the_place_and_restarts_the_guard_there(context, store):
    store.guard.suspend("+22177999", datetime.now(UTC) + timedelta(days=1))

    found = guard.lift(context, "+22177")
    planned = policy.plan(context, found.change, guard.LIFTED_FOR)
    policy.commit(context, planned, author="alice")
    deleted = guard.restart(context, found.place)

    assert (found.place, deleted) == ("+22177", 1)
    assert guard.read_guard(context).exempt.text == "+22177"
    assert guard.read_guard(context).places == []


def test_close_turns_sending_off(context):
    planned = policy.plan(context, guard.close(context, "sn"))

    assert planned.new.values == {"sending": "on, SN=off"}


@pytest.mark.parametrize("text", ["", "+0", "Senegal", "12x"])
def test_text_that_is_no_place_is_refused(context, text):
    with pytest.raises(InvalidChange):
        guard.lift(context, text)
