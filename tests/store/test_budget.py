"""The functions of `lib/budget.lua` count exactly what their model counts."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otp_engine.domain.money.budget import BudgetRules
from otp_engine.domain.money.charges import Charge
from tests.support.budget_scripts import BudgetScripts

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_800_000_000_000
FIXTURE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

RULES = st.builds(
    BudgetRules,
    amount=st.sampled_from([None, 1, 7, 1_000, 1_003, 480_000_000]),
    parts=st.integers(1, 10),
    shadow=st.booleans(),
)
STEPS = st.sampled_from(
    [
        *(0, 1, MINUTE, HOUR - 1, HOUR, 5 * HOUR, DAY, 3 * DAY, 40 * DAY),
        *(-1, -HOUR, -7 * HOUR, -24 * HOUR, -25 * HOUR, -40 * DAY),
    ]
)
MESSAGES = st.tuples(
    st.sampled_from(["IN", "SN", "001"]),
    st.integers(0, 400) | st.integers(0, 200_000_000),
    st.booleans(),
)
ACTIONS = st.one_of(
    *[st.tuples(st.just("acquire"), MESSAGES)] * 6,
    *[st.tuples(st.just("pass_time"), STEPS)] * 3,
    st.tuples(st.just("set_rules"), RULES),
    st.tuples(st.just("release"), st.integers(0, 5)),
)


@given(rules=RULES, actions=st.lists(ACTIONS, min_size=5, max_size=40))
@settings(suppress_health_check=FIXTURE, max_examples=200)
def test_script_counts_exactly_what_its_model_counts(redis, rules, actions):
    redis.flushall()
    scripts, at, counted = BudgetScripts(redis), START, []
    fields: dict[str, str] = {}
    for action, value in actions:
        if action == "pass_time":
            at += value
        elif action == "set_rules":
            rules = value
        elif action == "acquire":
            country, price, has_past = value
            model = Charge(fields, country, rules, price, has_past=has_past, at=at)
            expected = model.acquire()
            result = scripts.acquire(country, rules, price, has_past=has_past, at=at)
            assert result == expected
            in_shadow = rules.shadow and not getattr(expected, "would_refuse", None)
            counted.append((country, price, at, in_shadow))
        elif counted:
            country, price, then, in_shadow = counted[-1 - value % len(counted)]
            model = Charge(fields, country, rules, price, has_past=True, at=at)
            model.release(then, in_shadow=in_shadow)
            scripts.release(country, price, counted_at=then, at=at, in_shadow=in_shadow)
        assert scripts.fields() == fields
