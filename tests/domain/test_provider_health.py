"""When the weight of a provider drops, and when it rises."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.channels import Channel
from otp_engine.domain.routing import health
from otp_engine.domain.routing.health import (
    AT_REST,
    Counts,
    Reason,
    StepHealth,
    Weight,
    decide,
)
from otp_engine.domain.routing.steps import Step

MINUTE = 60_000
NOW = 1_800_000_000_000
LAST = NOW // MINUTE
SLOW_AFTER = timedelta(seconds=60)
# The newest minute in which every message is older than a minute.
OLD = LAST - 2
TWILIO = Step(Channel.SMS, "twilio")
AWS = Step(Channel.SMS, "aws")
WHATSAPP = Step(Channel.WHATSAPP, "twilio")
NOTHING = Counts()


def _health(
    counts: Counts = NOTHING,
    *,
    step: Step = TWILIO,
    minute: int = OLD,
    weight: Weight = AT_REST,
) -> StepHealth:
    return StepHealth(step=step, minutes={minute: counts}, weight=weight)


def _slow(awaited: int = 20, late: int = 6) -> Counts:
    return Counts(messages=awaited, awaited=awaited, fast=awaited - late, late=late)


def _decide(*healths: StepHealth, now: int = NOW) -> dict[Step, Weight]:
    return decide(healths, now, SLOW_AFTER)


def test_provider_with_30_percent_late_messages_loses_ten_points():
    changes = _decide(_health(_slow()), _health(step=AWS))

    assert changes == {TWILIO: Weight(90, NOW, Reason.SLOW)}


@pytest.mark.parametrize(
    "counts",
    [
        _slow(late=5),
        _slow(awaited=19, late=19),
        Counts(messages=100),
        Counts(messages=30, awaited=30, fast=18, failed=7),
        Counts(messages=40, awaited=40, fast=0, failed=25),
        Counts(messages=40, awaited=40),
    ],
    ids=[
        *("late", "few messages", "no reports"),
        *("undelivered", "few that can arrive", "none of the reports"),
    ],
)
def test_provider_with_fewer_late_messages_keeps_its_weight(counts):
    assert _decide(_health(counts), _health(step=AWS)) == {}


@pytest.mark.parametrize(
    ("minute", "is_slow"),
    [(LAST, False), (LAST - 1, False), (OLD, True), (OLD - 9, True), (OLD - 10, False)],
)
def test_messages_of_ten_minutes_count_once_they_can_be_late(minute, is_slow):
    changes = _decide(_health(_slow(), minute=minute), _health(step=AWS))

    assert bool(changes) is is_slow


def test_call_is_late_a_minute_later_because_it_is_reported_at_its_end():
    call, other = Step(Channel.CALL, "twilio"), Step(Channel.CALL, "aws")

    at_once = _decide(_health(_slow(), step=call), _health(step=other))
    later = _decide(_health(_slow(), step=call), _health(step=other), now=NOW + MINUTE)

    assert (list(at_once), list(later)) == ([], [call])


def test_weight_drops_for_slowness_once_in_ten_minutes():
    period = 10 * MINUTE
    early = Weight(90, NOW - period + 1, Reason.SLOW)
    late = Weight(90, NOW - period, Reason.SLOW)

    assert _decide(_health(_slow(), weight=early), _health(step=AWS)) == {}
    assert _decide(_health(_slow(), weight=late), _health(step=AWS)) == {
        TWILIO: Weight(80, NOW, Reason.SLOW)
    }


def test_no_weight_drops_while_all_providers_of_the_channel_are_slow():
    changes = _decide(
        _health(_slow()), _health(_slow(), step=AWS), _health(step=WHATSAPP)
    )

    assert changes == {}


def test_weight_of_the_only_provider_of_a_channel_drops_for_no_slowness():
    assert _decide(_health(_slow(), step=WHATSAPP), _health(step=AWS)) == {}


def test_fifty_errors_in_a_minute_cost_ten_points():
    changes = _decide(_health(Counts(errors=50), minute=LAST), _health(step=AWS))

    assert changes == {TWILIO: Weight(90, NOW, Reason.ERRORS)}


def test_fewer_errors_keep_the_weight():
    assert _decide(_health(Counts(errors=49), minute=LAST), _health(step=AWS)) == {}


@pytest.mark.parametrize(("seconds", "drops"), [(0, True), (30, True), (31, False)])
def test_errors_of_the_previous_minute_count_by_their_part(seconds, drops):
    now = LAST * MINUTE + seconds * 1000
    counts = Counts(errors=100)

    changes = _decide(_health(counts, minute=LAST - 1), _health(step=AWS), now=now)

    assert bool(changes) is drops


@pytest.mark.parametrize(("age", "drops"), [(MINUTE - 1, False), (MINUTE, True)])
def test_weight_drops_for_errors_once_in_a_minute(age, drops):
    weight = Weight(90, NOW - age, Reason.ERRORS)
    errors = _health(Counts(errors=50), minute=LAST, weight=weight)

    assert bool(_decide(errors, _health(step=AWS))) is drops


def test_errors_of_the_only_provider_of_a_channel_lower_its_weight():
    errors = _health(Counts(errors=50), minute=LAST, step=WHATSAPP)

    assert list(_decide(errors, _health(step=TWILIO))) == [WHATSAPP]


def test_no_weight_drops_while_all_providers_of_the_channel_have_errors():
    counts = Counts(errors=500)
    healths = [_health(counts, minute=LAST, step=step) for step in (TWILIO, AWS)]

    assert _decide(*healths) == {}


def test_weight_never_drops_to_zero():
    weight = Weight(health.LEAST, NOW - 60 * MINUTE, Reason.ERRORS)
    errors = _health(Counts(errors=500), minute=LAST, weight=weight)

    assert _decide(errors, _health(step=AWS)) == {}


@pytest.mark.parametrize(
    ("minutes", "value"), [(9, None), (10, 60), (19, 60), (20, 70), (1_000, 100)]
)
def test_weight_rises_by_ten_each_ten_minutes(minutes, value):
    weight = Weight(50, NOW - minutes * MINUTE, Reason.SLOW)

    changes = _decide(_health(weight=weight), _health(step=AWS))

    expected = {TWILIO: Weight(value, NOW, Reason.RECOVERED)} if value else {}
    assert changes == expected


def test_weight_rises_while_all_providers_are_slow():
    weight = Weight(50, NOW - 10 * MINUTE, Reason.SLOW)

    changes = _decide(_health(_slow(), weight=weight), _health(_slow(), step=AWS))

    assert changes == {TWILIO: Weight(60, NOW, Reason.RECOVERED)}


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from([TWILIO, AWS, WHATSAPP]),
        st.integers(0, 30 * 60),  # seconds before now
        st.sampled_from(["fast", "late", "failed", "error", "without reports"]),
        st.integers(1, 60),  # how many
    ),
    max_size=25,
)
WEIGHTS = st.builds(
    Weight,
    st.integers(1, 10).map(lambda tens: tens * 10),
    st.integers(0, 40 * 60).map(lambda seconds: NOW - seconds * 1000),
    st.sampled_from(Reason),
)


@given(messages=MESSAGES, weights=st.tuples(WEIGHTS, WEIGHTS, WEIGHTS))
def test_decisions_are_those_of_a_model_of_single_messages(messages, weights):
    steps = (TWILIO, AWS, WHATSAPP)
    own = dict(zip(steps, weights, strict=True))

    changes = decide(_count(messages, own), NOW, SLOW_AFTER)

    for step in steps:
        expected = _model_value(step, messages, own)
        new = changes.get(step)
        assert (new.value if new else own[step].value) == expected
        assert health.LEAST <= expected <= health.REST


def _count(
    messages: Iterable[tuple[Step, int, str, int]], weights: dict[Step, Weight]
) -> list[StepHealth]:
    counted = {step: dict[int, Counts]() for step in weights}
    for step, age, outcome, number in messages:
        minute = (NOW - age * 1000) // MINUTE
        has_report = outcome in {"fast", "late", "failed"}
        counts = Counts(
            messages=number * (outcome != "error"),
            awaited=number * has_report,
            fast=number * (outcome == "fast"),
            late=number * (outcome == "late"),
            failed=number * (outcome == "failed"),
            errors=number * (outcome == "error"),
        )
        counted[step][minute] = counted[step].get(minute, Counts()) + counts
    return [
        StepHealth(step=step, minutes=counted[step], weight=weight)
        for step, weight in weights.items()
    ]


def _model_value(
    step: Step,
    messages: Iterable[tuple[Step, int, str, int]],
    weights: dict[Step, Weight],
) -> int:
    """Return the weight by the rules, from the messages one by one."""
    messages = list(messages)
    group = [other for other in weights if other.channel == step.channel]
    value, changed = weights[step].value, weights[step].changed
    assert changed is not None
    minutes = (NOW - changed) / MINUTE
    failing = [_has_errors(other, messages) for other in group]
    slow = [_is_slow(other, messages) for other in group]
    if _has_errors(step, messages) and (len(group) == 1 or not all(failing)):
        return max(10, value - 10) if minutes >= 1 else value
    if _is_slow(step, messages) and not all(slow):
        return max(10, value - 10) if minutes >= 10 else value
    return min(100, value + 10 * int(minutes // 10))


def _is_slow(step: Step, messages: Iterable[tuple[Step, int, str, int]]) -> bool:
    outcomes = [
        outcome
        for of, age, outcome, number in messages
        # NOW is the start of a minute: those of OLD are 61 to 120 seconds old.
        if of == step and 60 < age <= 60 + 600
        for _ in range(number)
        if outcome in {"fast", "late"}
    ]
    return len(outcomes) >= 20 and outcomes.count("late") / len(outcomes) >= 0.3


def _has_errors(step: Step, messages: Iterable[tuple[Step, int, str, int]]) -> bool:
    errors = [
        number
        for of, age, outcome, number in messages
        if of == step and outcome == "error" and age <= 60
    ]
    return sum(errors) >= 50
