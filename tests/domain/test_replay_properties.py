"""The replay of a run equals what an enforced rule does in the same run.

Hypothesis draws the requests. They run once without the rule, once with the rule
enforced, and once with the rule in shadow mode, at the same times to the millisecond.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    ProviderUnavailable,
)
from tests.support.replayed_runs import (
    UNLIMITED,
    Approve,
    Send,
    Wait,
    decisions,
    replay,
    run,
)

NUMBERS = [
    "+919445012345",
    "+919445012346",
    "+919445067890",
    "+12015550123",
    "+12015550124",
]
CLIENT_IPS = [
    None,
    "203.0.113.7",
    "203.0.113.8",
    "2001:db8:1:100::/64",
    "2001:db8:1:101::/64",
    "2001:db8:1:ff00::/64",
]
PROVIDER_ERRORS = [
    *[None] * 6,
    DeliveryFailed(),
    DeliveryUnconfirmed(),
    ProviderUnavailable(),
]
SENDS = st.builds(
    Send,
    number=st.sampled_from([NUMBERS[0], *NUMBERS]),
    client_ip=st.sampled_from(CLIENT_IPS),
    client_name=st.sampled_from([None, "shop", "bank"]),
    error=st.sampled_from(PROVIDER_ERRORS),
)
# The ends of windows of one and of two minutes are among them.
WAITS = st.builds(Wait, st.sampled_from([125, 1_000, 29_875, 30_000, 60_000, 119_875]))
APPROVALS = st.builds(Approve, st.sampled_from(NUMBERS))
REQUESTS = st.lists(st.one_of(SENDS, SENDS, SENDS, WAITS, APPROVALS), max_size=30)

LIMITS = {
    "sends_per_phone": "2/1m, 3/2m",
    "sends_per_ip": "1/1m, 2/2m",
    "sends_per_key": "3/1m; shop=1/2m",
    "sends_per_country": "4/2m, US=1/1m",
    "sends_per_channel": "3/1m",
    "sends_per_prefix": "+91=5/1m, +91944=3/1m, +9194450=2/2m, +91944501=1/30s",
    "sends_per_network": (
        "203.0.113.0/24=2/1m, 2001:db8:1:100::/63=1/2m, 2001:db8::/40=1/30s"
    ),
    "sends_total": "3/1m, 5/2m",
}
SWITCHES = {
    "allowed_countries": "IN",
    "blocked_networks": "203.0.113.7, 2001:db8:1:100::/60",
    "sending": "on, US=off, key:shop=off, +91944501=off",
}


def with_value(name, text, policy=UNLIMITED):
    return replace(policy, **{name: PARSERS[name](text)})


def in_shadow(text):
    """Return the text of a limit with each of its windows in shadow mode."""
    return re.sub(r"/[0-9]+[ms]", r"\g<0> shadow", text)


@pytest.mark.parametrize("name", LIMITS)
@settings(max_examples=25)
@given(requests=REQUESTS)
def test_replay_refuses_what_the_enforced_limit_refuses(name, requests):
    policy = with_value(name, LIMITS[name])

    refused = replay(run(UNLIMITED, requests).events, [name], policy)

    assert refused == run(policy, requests).refusals


@pytest.mark.parametrize("name", SWITCHES)
@settings(max_examples=10)
@given(requests=REQUESTS)
def test_replay_refuses_what_the_switch_refuses(name, requests):
    policy = with_value(name, SWITCHES[name])

    refused = replay(run(UNLIMITED, requests).events, [name], policy)

    assert refused == run(policy, requests).refusals


@pytest.mark.parametrize("name", LIMITS)
@settings(max_examples=10)
@given(requests=REQUESTS)
def test_replay_of_the_enforced_limit_refuses_the_same(name, requests):
    policy = with_value(name, LIMITS[name])
    enforced = run(policy, requests)

    assert replay(enforced.events, [name], policy) == enforced.refusals


@pytest.mark.parametrize("name", LIMITS)
@settings(max_examples=10)
@given(requests=REQUESTS)
def test_replay_refuses_what_shadow_mode_reports(name, requests):
    # The other rules of the phone and of the requester refuse some of the sends.
    others = replace(
        UNLIMITED,
        resend_cooldown=timedelta(seconds=30),
        max_sends=3,
        sends_per_phone=Limit.parse("4/2m"),
    )
    shadow = run(with_value(name, in_shadow(LIMITS[name]), others), requests)

    found = decisions(shadow.events, [name], with_value(name, LIMITS[name], others))

    passed = [rule for send, rule in found if send.refused_by is None]
    assert passed == [
        name if name in rules else None
        for refused_by, rules in zip(
            shadow.refusals, shadow.shadow_refusals, strict=True
        )
        if refused_by is None
    ]


@settings(max_examples=25)
@given(requests=REQUESTS)
def test_replay_of_several_limits_refuses_what_all_of_them_refuse(requests):
    policy = UNLIMITED
    for name, text in LIMITS.items():
        policy = with_value(name, text, policy)

    refused = replay(run(UNLIMITED, requests).events, list(LIMITS), policy)

    enforced = run(policy, requests).refusals
    assert [rule is None for rule in refused] == [rule is None for rule in enforced]


BLOCKS = ("+91944501234", "+91944501235", "+91944502345", "+91987650123", "+1201555012")
GUARDED_NUMBERS = st.builds(
    "{}{}".format, st.sampled_from([BLOCKS[0], *BLOCKS]), st.integers(0, 4)
)
GUARDED_SENDS = st.builds(
    Send, number=GUARDED_NUMBERS, error=st.sampled_from(PROVIDER_ERRORS)
)
MINUTE_MS = 60_000
LONG_WAITS = st.builds(
    Wait,
    st.sampled_from(
        [n * MINUTE_MS for n in (1, 1, 5, 15, 60, 720, 1440)] + [15 * MINUTE_MS - 125]
    ),
)
SEND_AND_APPROVE = st.builds(
    lambda send, waits: [send, *waits, Approve(send.number)],
    GUARDED_SENDS,
    st.lists(st.builds(Wait, st.just(1000)), max_size=1),
)
GUARDED_REQUESTS = st.lists(
    st.one_of(
        *[GUARDED_SENDS.map(lambda send: [send])] * 4,
        SEND_AND_APPROVE,
        GUARDED_NUMBERS.map(lambda number: [Approve(number)]),
        LONG_WAITS.map(lambda wait: [wait]),
    ),
    max_size=40,
).map(lambda parts: [request for part in parts for request in part])
GUARD = {
    "guard": "on",
    "guard_block": "2, US=3",
    "guard_strict": "1",
    "guard_pressure": "3",
    "guard_wide": "6, US=off",
}


def with_guard(policy=UNLIMITED, **values):
    for name, text in (GUARD | values).items():
        policy = with_value(name, text, policy)
    return policy


@settings(max_examples=60)
@given(requests=GUARDED_REQUESTS)
def test_replay_refuses_what_the_enforced_guard_refuses(requests):
    policy = with_guard()

    refused = replay(run(UNLIMITED, requests).events, list(GUARD), policy)

    assert refused == run(policy, requests).refusals


@settings(max_examples=25)
@given(requests=GUARDED_REQUESTS)
def test_replay_of_the_enforced_guard_refuses_the_same(requests):
    policy = with_guard()
    enforced = run(policy, requests)

    assert replay(enforced.events, list(GUARD), policy) == enforced.refusals


@settings(max_examples=25)
@given(requests=GUARDED_REQUESTS)
def test_replay_refuses_what_the_guard_in_shadow_mode_reports(requests):
    # In shadow mode messages arrive that the enforced guard refuses, and an approval
    # then forgives.
    sends = [request for request in requests if not isinstance(request, Approve)]
    shadow = run(with_guard(guard="shadow"), sends)

    refused = replay(shadow.events, list(GUARD), with_guard())

    assert refused == [
        "pumping_guard" if rules else None for rules in shadow.shadow_refusals
    ]


@settings(max_examples=25)
@given(requests=GUARDED_REQUESTS)
def test_replay_of_guard_and_limit_refuses_what_both_refuse(requests):
    policy = with_value("sends_total", "4/15m", with_guard())

    refused = replay(run(UNLIMITED, requests).events, [*GUARD, "sends_total"], policy)

    assert refused == run(policy, requests).refusals


PRICED_REQUESTS = st.lists(
    st.one_of(
        *[GUARDED_SENDS.map(lambda send: [send])] * 3,
        *[SEND_AND_APPROVE] * 2,
        LONG_WAITS.map(lambda wait: [wait]),
    ),
    max_size=40,
).map(lambda parts: [request for part in parts for request in part])


@pytest.mark.parametrize("guard", ["off", "shadow", "on"])
@settings(max_examples=40)
@given(requests=PRICED_REQUESTS, amount=st.sampled_from([5, 7, 12, 20]))
def test_replay_refuses_what_the_enforced_budget_refuses(guard, requests, amount):
    without = with_guard(guard=guard) if guard != "off" else UNLIMITED
    policy = with_value("budget", f"{amount}/24h", without)
    names = [*GUARD, "budget"] if guard == "on" else ["budget"]

    refused = replay(run(UNLIMITED, requests).events, names, policy)

    enforced = run(policy, requests).refusals
    assert refused == [rule and rule.removesuffix("_country") for rule in enforced]


@settings(max_examples=25)
@given(requests=PRICED_REQUESTS, amount=st.sampled_from([5, 7, 12, 20]))
def test_replay_of_the_enforced_budget_refuses_the_same(requests, amount):
    policy = with_value("budget", f"{amount}/24h", with_guard(guard="shadow"))
    enforced = run(policy, requests)

    refused = replay(enforced.events, ["budget"], policy)

    assert refused == [
        rule and rule.removesuffix("_country") for rule in enforced.refusals
    ]


def sends_to_block(*digits):
    return [Send(f"{BLOCKS[0]}{digit}") for digit in digits]


DAY = Wait(1440 * MINUTE_MS)
BUDGET_SCENARIOS = {
    "block with a past": (
        "5/24h",
        [
            *(
                request
                for send in sends_to_block(0, 1, 2)
                for request in (send, Approve(send.number))
            ),
            *(*sends_to_block(3), Send(NUMBERS[3]), *sends_to_block(4, 3)),
        ],
        [None, None, None, None, "budget", None, "budget"],
    ),
    "share of a country after a usual day": (
        "20/24h",
        [
            *(DAY, *sends_to_block(0), DAY, *sends_to_block(1), DAY),
            *(*sends_to_block(0, 1, 2, 3, 4), Send(NUMBERS[3])),
        ],
        [*[None] * 4, *["budget_country"] * 3, None],
    ),
}


@pytest.mark.parametrize("name", BUDGET_SCENARIOS)
def test_replay_of_the_budget_refuses_the_same_in_a_scenario(name):
    amount, requests, expected = BUDGET_SCENARIOS[name]
    policy = with_value("budget", amount, with_guard(guard="shadow"))

    refused = replay(run(UNLIMITED, requests).events, ["budget"], policy)

    assert run(policy, requests).refusals == expected
    assert refused == [rule and "budget" for rule in expected]
