"""The order of steps by weight."""

from __future__ import annotations

from collections import Counter
from itertools import cycle
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.channels import Channel
from otp_engine.domain.routing.preference import prefer
from otp_engine.domain.routing.steps import Step

WHATSAPP = Step(Channel.WHATSAPP, "twilio")
SMS = Step(Channel.SMS, "twilio")
SMS_AWS = Step(Channel.SMS, "aws")
CALL = Step(Channel.CALL, "twilio")


def _no_random_number() -> float:
    raise AssertionError


def test_healthy_steps_keep_their_order_without_a_random_number():
    steps = (WHATSAPP, SMS, SMS_AWS)

    assert prefer(steps, {CALL: 10}, _no_random_number) == steps


def test_step_keeps_its_place_below_its_weight():
    assert prefer((SMS, CALL), {SMS: 90}, lambda: 89.9) == (SMS, CALL)


def test_step_loses_its_place_at_its_weight():
    assert prefer((SMS, CALL), {SMS: 90}, lambda: 90.0) == (CALL, SMS)


def test_next_step_of_the_same_channel_takes_the_place():
    steps = (SMS, CALL, SMS_AWS)

    assert prefer(steps, {SMS: 50}, lambda: 99.0) == (SMS_AWS, SMS, CALL)


def test_next_step_of_the_route_takes_the_place_without_another_of_the_channel():
    steps = (WHATSAPP, SMS, CALL)

    assert prefer(steps, {WHATSAPP: 50}, lambda: 99.0) == (SMS, WHATSAPP, CALL)


def test_step_with_a_low_weight_takes_no_place():
    steps = (SMS, SMS_AWS, CALL)

    assert prefer(steps, {SMS: 50, SMS_AWS: 10}, lambda: 60.0)[0] == CALL


def test_first_step_keeps_its_place_if_no_step_does():
    weights = {SMS: 10, SMS_AWS: 10}

    assert prefer((SMS, SMS_AWS), weights, lambda: 99.0) == (SMS, SMS_AWS)


def test_step_is_first_as_often_as_its_weight():
    random = Random(17)  # noqa: S311 - a sequence that repeats

    first = Counter(
        prefer((SMS, SMS_AWS), {SMS: 70}, lambda: random.uniform(0, 100))[0]
        for _ in range(10_000)
    )

    assert 6_800 < first[SMS] < 7_200


@given(
    steps=st.permutations([WHATSAPP, SMS, SMS_AWS, CALL]),
    weights=st.dictionaries(
        st.sampled_from([WHATSAPP, SMS, SMS_AWS, CALL]), st.integers(10, 100)
    ),
    numbers=st.lists(st.floats(0, 99.9), min_size=1),
)
def test_order_has_each_step_once(steps, weights, numbers):
    random = cycle(numbers)

    ordered = prefer(steps, weights, lambda: next(random))

    assert sorted(ordered) == sorted(steps)
