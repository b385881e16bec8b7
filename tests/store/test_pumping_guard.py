"""The scripts of the pumping guard, compared with its model."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otp_engine.domain.models import DestinationCharge
from otp_engine.domain.pumping_guard.decisions import USUAL, GuardState
from otp_engine.domain.pumping_guard.places import Destination, Level
from otp_engine.domain.pumping_guard.rules import (
    UNGUARDED,
    GuardMode,
    GuardRules,
    GuardUsage,
)
from otp_engine.errors import DestinationSuspended
from otp_engine.store import keys
from otp_engine.store.redis_store import RedisStore
from tests.support import time_travel

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FIXTURE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
DESTINATIONS = [
    *(Destination(f"+2217790{n}", "+221779", "SN") for n in range(3)),
    *(Destination(f"+2217650{n}", "+221765", "SN") for n in range(2)),
    Destination("+91944501", "+91944", "IN"),
    Destination("+43650xxxx", "+43650", "AT"),
]
RULES = st.builds(
    GuardRules,
    mode=st.sampled_from([*[GuardMode.ON] * 3, GuardMode.SHADOW, GuardMode.OFF]),
    block=st.integers(1, 12),
    strict=st.integers(1, 5),
    pressure=st.none() | st.integers(1, 12),
    wide=st.none() | st.integers(5, 40),
    conversion=st.sampled_from([0.05, 0.1, 0.15, 0.4, 0.7, 1.0]),
)
NUMBERS = st.sampled_from([*[DESTINATIONS[0]] * 3, *DESTINATIONS])
STEPS = st.sampled_from(
    [
        *(1, MINUTE, 10 * MINUTE, HOUR, 5 * HOUR, 13 * HOUR, DAY),
        *(3 * DAY, 7 * DAY, 20 * DAY, 400 * DAY, -1, -HOUR, -DAY, -400 * DAY),
    ]
)
ACTIONS = st.one_of(
    *[st.tuples(st.just("send"), NUMBERS, st.integers(1, 12))] * 4,
    st.tuples(st.just("vouch"), NUMBERS, st.integers(1, 3)),
    st.tuples(st.just("exempt"), NUMBERS, st.integers(1, 3)),
    st.tuples(st.just("repeat"), NUMBERS, st.integers(1, 3)),
    *[st.tuples(st.just("approve"), NUMBERS, st.integers(0, 8))] * 2,
    st.tuples(st.just("release"), NUMBERS, st.integers(1, 3)),
    *[st.tuples(st.just("pass_time"), STEPS, st.just(1))] * 2,
    st.tuples(st.just("set_rules"), RULES, st.just(1)),
)


@dataclass
class Twins:
    """The guard of a store and its model, which get the same steps.

    Attributes:
        redis: A connection to the Redis of the store.
        rules: The rules in force.
        model: The model.
        charges: The charges that were accepted, with their idempotency keys.
    """

    redis: Any
    rules: GuardRules
    model: GuardState = field(default_factory=GuardState)
    charges: list[tuple[DestinationCharge, bytes, GuardUsage]] = field(
        default_factory=list
    )

    def __post_init__(self) -> None:
        self.store = RedisStore(self.redis)

    def run(self, action: str, value: Any, times: int) -> None:
        """Do one step in both, and compare."""
        match action:
            case "pass_time":
                self.pass_time(value)
            case "set_rules":
                self.rules = value
            case "approve":
                for n in range(times):
                    self.approve(value, messages=n % 3)
            case "repeat":
                self.repeat(times)
            case "release":
                self.release(times)
            case _:
                for _ in range(times):
                    self.send(
                        value, vouched=action == "vouch", exempt=action == "exempt"
                    )
                    self.compare()
        self.compare()

    def send(self, destination: Destination, *, vouched: bool, exempt: bool) -> None:
        charge = DestinationCharge(
            hits=(),
            destination=destination,
            guard=self.rules,
            exempt=exempt,
            vouched=vouched,
        )
        key = secrets.token_bytes(8)
        try:
            usage = self.store.acquire_destination(charge, idempotency_key=key)
        except DestinationSuspended as error:
            self.compare_refusal(error, destination, passes=vouched)
            return
        self.charges.append((charge, key, usage.guard))
        if not charge.is_guarded:
            assert usage.guard == UNGUARDED
            return
        assert rounded(usage.guard) == rounded(
            self.model.decide(
                destination, self.rules, now=usage.counted_at, passes=vouched
            )
        )

    def compare_refusal(
        self, error: DestinationSuspended, destination: Destination, *, passes: bool
    ) -> None:
        at = error.until - error.retry_after
        now = round(at.timestamp() * 1000)
        with pytest.raises(DestinationSuspended) as expected:
            self.model.decide(destination, self.rules, now=now, passes=passes)
        assert evidence(error) == evidence(expected.value)

    def repeat(self, times: int) -> None:
        """Repeat some of the last requests, which changes nothing."""
        for charge, key, guard in self.charges[-times:]:
            usage = self.store.acquire_destination(charge, idempotency_key=key)
            assert usage.guard == guard

    def approve(self, destination: Destination, messages: int) -> None:
        verification_id = secrets.token_bytes(16)
        for _ in range(2):
            self.store.credit_approval(
                destination,
                verification_id=verification_id,
                messages=messages,
                rules=self.rules,
            )
        if messages and not self.rules.is_off:
            now = self.written_at()
            self.model.credit(destination, self.rules, now=now, messages=messages)

    def release(self, times: int) -> None:
        for _ in range(min(times, len(self.charges))):
            charge, key, guard = self.charges.pop()
            for _ in range(2):
                self.store.release_destination(charge, idempotency_key=key)
            if guard.counted:
                now = self.written_at()
                self.model.release(charge.destination, charge.guard, now=now)

    def pass_time(self, milliseconds: int) -> None:
        self.charges.clear()
        time_travel.age(self.redis, timedelta(milliseconds=milliseconds))
        fields = self.model.fields.items()
        self.model = GuardState.parse(
            {name: time_travel.aged_place(text, milliseconds) for name, text in fields}
        )

    def fields(self) -> dict[str, str]:
        stored = self.redis.hgetall(keys.GUARD)
        return {name.decode(): text.decode() for name, text in stored.items()}

    def written_at(self) -> int:
        """Return the time of the last step that wrote the guard."""
        return int(self.fields()[USUAL].split()[-1])

    def compare(self) -> None:
        """Compare all fields; a quiet place may be missing in Redis."""
        fields = self.fields()
        seconds, microseconds = self.redis.time()
        now = seconds * 1000 + microseconds // 1000
        for name in set(self.model.places) - set(fields):
            place, ended = self.model.place(name).read(Level.BLOCK, now)
            assert place.is_quiet() or (ended and ended >= 31 * DAY)
            del self.model.places[name]
        if not fields:
            # The hash has expired.
            self.model.share = None
        # Near zero several texts are one number, so the numbers are compared.
        stored, model = GuardState.parse(fields), self.model
        assert stored.share == model.share
        assert {
            name: (place, model.place(name))
            for name, place in stored.places.items()
            if place != model.place(name)
        } == {}


def evidence(error: DestinationSuspended) -> tuple[Any, ...]:
    return (
        *(error.level, error.prefix, error.country, f"{error.unproven:.14g}"),
        *(error.until, error.trips, error.is_new, error.retry_after),
    )


def rounded(usage: GuardUsage) -> GuardUsage:
    """Return *usage* with the scores as a script writes them."""
    return replace(
        usage,
        would_refuse=usage.would_refuse and rounded_score(usage.would_refuse),
        suspension=usage.suspension and rounded_score(usage.suspension),
        pressures=tuple(rounded_score(pressure) for pressure in usage.pressures),
    )


def rounded_score(found: Any) -> Any:
    return replace(found, unproven=float(f"{found.unproven:.14g}"))


@given(
    rules=RULES,
    actions=st.lists(ACTIONS, min_size=5, max_size=40),
)
@settings(suppress_health_check=FIXTURE, max_examples=150)
def test_scripts_decide_exactly_as_their_model(redis, rules, actions):
    redis.flushall()
    twins = Twins(redis, rules)

    for action, value, times in actions:
        twins.run(action, value, times)


A, B = DESTINATIONS[:2]
SCENARIOS: dict[str, tuple[GuardRules, list[Any]]] = {
    "block with a past under pressure": (
        GuardRules(mode=GuardMode.ON, pressure=1, strict=1),
        [("approve", A, 6), ("pass_time", DAY, 1), ("send", B, 3), ("send", A, 12)],
    ),
    "pressure that starts again": (
        GuardRules(mode=GuardMode.ON, pressure=2, wide=None),
        [
            *(("vouch", A, 3), ("approve", A, 3), ("pass_time", 2 * HOUR, 1)),
            *(("vouch", A, 8), ("approve", A, 6), ("vouch", A, 8)),
        ],
    ),
    "suspensions of a block": (
        GuardRules(mode=GuardMode.ON, pressure=None),
        [("send", A, 12), ("pass_time", 13 * HOUR, 1)] * 2
        + [("approve", A, 5), ("send", A, 9), ("pass_time", 30 * DAY, 1)]
        + [("send", A, 12)],
    ),
    "closings of a country": (
        GuardRules(mode=GuardMode.ON, pressure=None, wide=8),
        [("send", A, 9), ("pass_time", 16 * MINUTE, 1), ("send", B, 7)] * 5,
    ),
    "pressure on a busy country": (
        GuardRules(mode=GuardMode.ON, pressure=2, strict=1, wide=None),
        [*[("approve", B, 8)] * 10, ("send", A, 12)],
    ),
    "scores near zero": (
        GuardRules(mode=GuardMode.ON),
        [
            *(("approve", A, 8), ("pass_time", HOUR, 1), ("approve", A, 3)),
            *[("pass_time", 20 * DAY, 1), ("send", B, 1)] * 2,
            *(("pass_time", 3 * DAY, 1), ("send", A, 2), ("approve", A, 2)),
        ],
    ),
    "closing of a busy country": (
        GuardRules(mode=GuardMode.ON, pressure=None, wide=5, block=50),
        [*[("approve", B, 8)] * 10, *[("send", A, 20), ("pass_time", HOUR, 1)] * 2],
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_scripts_decide_as_their_model_in_a_scenario(redis, name):
    rules, actions = SCENARIOS[name]
    twins = Twins(redis, rules)

    for action, value, times in actions:
        twins.run(action, value, times)

    assert twins.model.fields
