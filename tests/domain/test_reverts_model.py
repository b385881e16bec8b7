"""Sequences of changes with and without an end, compared with a simple model."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from otp_engine.domain.policy import items
from otp_engine.domain.policy.live import LivePolicy
from otp_engine.domain.policy.reverts import End, PolicyState
from tests.support.clock import Clock
from tests.support.live_policy import BASE_POLICY, FakeGauges, FakeVersionStore

NAMES = ("code_length", "max_sends")
TEXTS = st.sampled_from(["4", "5", "6", None])
MINUTES = st.integers(1, 6)
KEYS = ("GH", "SN")
NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)


@dataclass
class ModelValue:
    """A value that an operator sees: what it is, and what returns when."""

    text: str | None = None
    before: str | None = None
    until: datetime | None = None

    def set(self, text, until):
        if until is None:
            self.text, self.until = text, None
            return
        if self.until is None:
            self.before = self.text
        self.text = text
        self.until = None if text == self.before else until

    def pass_time(self, now):
        if self.until and self.until <= now:
            self.text, self.until = self.before, None


class Changes(RuleBasedStateMachine):
    """Operators, two instances, and the time."""

    def __init__(self):
        super().__init__()
        self.store, self.clock = FakeVersionStore(), Clock()
        self.model = {name: ModelValue() for name in NAMES}
        self.snapshots = {0: copy.deepcopy(self.model)}
        self.instances = [self.start(), self.start()]

    def start(self):
        return LivePolicy(
            BASE_POLICY,
            self.store.versions,
            lambda policy: policy,
            self.clock,
            gauges=FakeGauges(),
        )

    def change(self, change):
        latest = self.store.versions.latest()
        # The store's time moves with each change.
        self.pass_time(timedelta())
        self.store.change_state(change(latest.state if latest else PolicyState()))
        self.clock.now += 1
        self.follow()

    def end(self, minutes):
        if minutes is None:
            return None
        latest = self.store.versions.latest()
        until = self.store.wall_clock + timedelta(minutes=minutes)
        return End(until, latest.version + 1 if latest else 1)

    def pass_time(self, duration):
        self.store.wall_clock += duration
        self.clock.now += duration.total_seconds()
        self.follow()

    def follow(self):
        for value in self.model.values():
            value.pass_time(self.store.wall_clock)
        self.policies = [instance.current() for instance in self.instances]
        if latest := self.store.versions.latest():
            self.snapshots.setdefault(latest.version, copy.deepcopy(self.model))

    @precondition(lambda self: self.store.accepts_writes)
    @rule(
        name=st.sampled_from(NAMES), text=TEXTS, minutes=st.one_of(st.none(), MINUTES)
    )
    def set_value(self, name, text, minutes):
        end = self.end(minutes)
        self.model[name].set(text, end and end.until)
        self.change(lambda state: state.with_value(name, text, end))

    @precondition(lambda self: self.store.accepts_writes)
    @rule(data=st.data(), minutes=st.one_of(st.none(), MINUTES))
    def roll_back(self, data, minutes):
        number = data.draw(st.sampled_from(sorted(self.snapshots)))
        versions = {v.version: v.state for v in self.store.versions.history(1_000)}
        target = versions.get(number, PolicyState())
        target = target.ended(target.due(self.store.wall_clock))
        end, snapshot = self.end(minutes), copy.deepcopy(self.snapshots[number])
        for name, value in snapshot.items():
            value.pass_time(self.store.wall_clock)
            if end is None:
                self.model[name] = value
            elif value.text != self.model[name].text:
                self.model[name].set(value.text, end.until)
        self.change(lambda state: state.with_values_of(target, end))

    @rule(minutes=MINUTES)
    def wait(self, minutes):
        self.pass_time(timedelta(minutes=minutes))

    @rule()
    def restart(self):
        self.instances[0] = self.start()
        self.follow()

    @rule(accepts=st.booleans())
    def change_writes(self, accepts):
        self.store.accepts_writes = accepts
        self.pass_time(timedelta(seconds=1))

    @invariant()
    def instances_have_the_values_of_the_model(self):
        if not hasattr(self, "policies"):
            return
        expected = {
            name: getattr(BASE_POLICY, name) if value.text is None else int(value.text)
            for name, value in self.model.items()
        }
        for policy in self.policies:
            assert {name: getattr(policy, name) for name in NAMES} == expected


Changes.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestChanges = Changes.TestCase


@given(
    st.lists(
        st.tuples(
            st.sampled_from(KEYS),
            st.sampled_from(["off", "on", None]),
            st.one_of(st.none(), MINUTES),
            st.integers(0, 3),
        ),
        max_size=12,
    ),
    st.sampled_from(["on", "on, SN=off"]),
)
def test_items_are_independent_values(changes, base):
    state, now = PolicyState(), NOW
    model = {key: ModelValue(items.parse(base).get(key)) for key in KEYS}
    for number, (key, word, minutes, passed) in enumerate(changes, 1):
        until = now + timedelta(minutes=minutes) if minutes else None
        item = word and f"{key}={word}"
        end = End(until, number) if until else None
        state = state.with_items("sending", {key: item}, end, base=base)
        model[key].set(item, until)
        now += timedelta(minutes=passed)
        state = state.ended(state.due(now))
        for value in model.values():
            value.pass_time(now)

        live = state.values.get("sending", base)
        assert {key: items.parse(live).get(key) for key in KEYS} == {
            key: value.text for key, value in model.items()
        }
        assert {r.key: r.end.until for r in state.reverts} == {
            key: value.until for key, value in model.items() if value.until
        }


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, *KEYS]),
            st.sampled_from(["off", "on", None]),
            st.one_of(st.none(), MINUTES),
        ),
        max_size=10,
    )
)
def test_ends_at_once_are_those_one_after_the_other(changes):
    state = PolicyState()
    for number, (key, word, minutes) in enumerate(changes, 1):
        end = End(NOW + timedelta(minutes=minutes), number) if minutes else None
        if key is None:
            state = state.with_value("sending", word, end)
        else:
            item = word and f"{key}={word}"
            state = state.with_items("sending", {key: item}, end, base="on")

    stepwise = state
    for minute in range(1, 7):
        stepwise = stepwise.ended(stepwise.due(NOW + timedelta(minutes=minute)))

    at_once = state.ended(state.reverts)
    values = [ended.values.get("sending", "on") for ended in (stepwise, at_once)]
    assert values[0] == values[1]
    assert stepwise.reverts == ()
