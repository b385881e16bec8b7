"""The decisions of the pumping guard, on the model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.pumping_guard.decisions import GuardState
from otp_engine.domain.pumping_guard.places import Destination, Level, Place, Share
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules
from otp_engine.errors import DestinationSuspended

RULES = GuardRules(mode=GuardMode.ON)
ALICE = Destination("+22177999", "+221779", "SN")
START = 1_800_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
finite = st.floats(min_value=0, max_value=1e12)
times = st.integers(min_value=0, max_value=10**15)


@pytest.fixture
def guard():
    return GuardState()


def block(n, network="+221779"):
    return Destination(f"{network}{n:02}", network, "SN")


def send(guard, destination=ALICE, *, rules=RULES, at=START, passes=False):
    """Return whether the guard accepts a message."""
    try:
        guard.decide(destination, rules, now=at, passes=passes)
    except DestinationSuspended:
        return False
    return True


def send_until_refused(guard, destination=ALICE, *, rules=RULES, at=START):
    """Return how many messages the guard accepts, at most a thousand."""
    for accepted in range(1000):
        if not send(guard, destination, rules=rules, at=at):
            return accepted
    return 1000


def refusal(guard, destination=ALICE, *, rules=RULES, at=START):
    """Return the error of a message that the guard refuses."""
    with pytest.raises(DestinationSuspended) as caught:
        guard.decide(destination, rules, now=at, passes=False)
    return caught.value


def approve(guard, destination=ALICE, *, messages=1, at=START, times=1):
    for _ in range(times):
        guard.credit(destination, RULES, now=at, messages=messages)


def test_block_has_ten_unproven_messages(guard):
    assert send_until_refused(guard) == 10


def test_message_over_the_allowance_of_a_block_suspends_it(guard):
    send_until_refused(guard, at=START)

    error = refusal(guard, at=START)

    assert (error.level, error.prefix, error.country) == ("block", "+22177999", "SN")
    assert error.trips == 1
    assert error.retry_after.total_seconds() == 12 * 3600


def test_only_the_first_refusal_starts_the_suspension(guard):
    for _ in range(10):
        send(guard)

    errors = [refusal(guard) for _ in range(3)]

    assert [error.is_new for error in errors] == [True, False, False]


def test_another_block_of_the_network_stays_open(guard):
    send_until_refused(guard)

    assert send(guard, block(1), rules=replace(RULES, pressure=None))


def test_block_without_approvals_has_three_messages_under_pressure(guard):
    for n in range(10):
        send(guard, block(n))

    assert send_until_refused(guard, block(50)) == 3


def test_block_with_approvals_keeps_its_allowance_under_pressure(guard):
    for _ in range(4):
        send(guard)
        approve(guard)
    for n in range(10):
        send(guard, block(n))

    assert send_until_refused(guard) == 10


def approve_elsewhere(guard):
    """Make the country busy, so that a network reaches its allowance first."""
    approve(guard, block(0, network="+221700"), times=200)


def test_network_with_many_unproven_messages_is_closed(guard):
    rules = replace(RULES, pressure=None)
    approve_elsewhere(guard)
    for n in range(40):
        send(guard, block(n), rules=rules)

    error = refusal(guard, block(99), rules=rules)

    assert (error.level, error.prefix) == ("network", "+221779")
    assert error.retry_after.total_seconds() == 15 * 60


def test_country_with_many_unproven_messages_is_closed(guard):
    rules = replace(RULES, pressure=None)
    for n in range(40):
        send(guard, block(n, network=f"+22177{n % 10}"), rules=rules)

    error = refusal(guard, block(0, network="+221760"), rules=rules)

    assert (error.level, error.prefix) == ("country", "SN")


def test_rule_of_wide_places_can_be_off(guard):
    rules = replace(RULES, pressure=None, wide=None)

    accepted = [send(guard, block(n), rules=rules) for n in range(90)]

    assert all(accepted)


def test_passing_phone_is_counted_in_a_suspended_network(guard):
    rules = replace(RULES, pressure=None)
    for n in range(41):
        send(guard, block(n), rules=rules)

    assert send(guard, block(98), rules=rules, passes=True)
    assert guard.place("+22177998").unproven == 1


def test_approval_forgives_more_than_its_messages(guard):
    for _ in range(10):
        send(guard)

    approve(guard, messages=2)

    # Ten more messages of a hundred assumed ones leave a share of 0.61.
    unproven = guard.place(ALICE.block).unproven
    assert unproven == pytest.approx(10 - 2 - (1 / (0.6 * 66.67 / 110) - 1), abs=0.01)


def test_unproven_messages_halve_in_a_day(guard):
    for _ in range(8):
        send(guard)

    assert guard.place(ALICE.block).read(Level.BLOCK, START + DAY)[0].unproven == 4


def test_nothing_is_forgiven_during_a_suspension(guard):
    send_until_refused(guard)

    approve(guard, times=5)

    assert guard.place(ALICE.block).unproven == 10
    assert not send(guard)


def test_block_has_three_messages_after_a_suspension(guard):
    rules = replace(RULES, pressure=None)
    send_until_refused(guard, rules=rules)
    later = START + 12 * HOUR

    assert send_until_refused(guard, rules=rules, at=later) == 3
    assert refusal(guard, rules=rules, at=later).trips == 2


def test_block_has_three_messages_after_a_suspension_under_pressure(guard):
    for n in range(10):
        send(guard, block(n))
    send_until_refused(guard, block(50))
    later = START + 12 * HOUR
    for n in range(10, 20):
        send(guard, block(n), at=later)

    assert send_until_refused(guard, block(50), at=later) == 3


@pytest.mark.parametrize(
    ("rules", "hours"),
    [
        (replace(RULES, pressure=None, wide=None), [12, 24, 48, 96, 168, 168]),
        (replace(RULES, pressure=None, block=1000), [0.25, 0.5, 1, 2, 4, 4]),
    ],
    ids=["block", "network"],
)
def test_suspensions_double_up_to_the_longest(guard, rules, hours):
    at = START
    durations: list[float] = []

    for _ in hours:
        approve_elsewhere(guard)
        send_until_suspended = send_until_refused(guard, rules=rules, at=at)
        error = refusal(guard, rules=rules, at=at)
        durations.append(error.retry_after.total_seconds() / 3600)
        at += round(error.retry_after.total_seconds() * 1000)
        assert send_until_suspended

    assert durations == hours


def test_trips_end_a_week_after_the_suspension(guard):
    send_until_refused(guard)
    later = START + 12 * HOUR + 7 * DAY

    send_until_refused(guard, at=later)

    assert refusal(guard, at=later).trips == 1


def test_network_has_five_messages_after_a_closing(guard):
    rules = replace(RULES, pressure=None)
    approve_elsewhere(guard)
    for n in range(41):
        send(guard, block(n), rules=rules)
    later = START + 15 * MINUTE

    accepted = [send(guard, block(n), rules=rules, at=later) for n in range(50, 60)]

    assert accepted == [True] * 5 + [False] * 5


def test_busy_country_may_have_more_unproven_messages(guard):
    rules = replace(RULES, pressure=None)
    for n in range(100):
        send(guard, block(n), rules=rules)
        approve(guard, block(n))

    accepted = [send(guard, block(n), rules=rules) for n in range(61)]

    # 40 and 0.3 of the 69 approvals of an hour.
    assert accepted == [True] * 60 + [False]


def test_exempt_message_is_not_counted(guard):
    guard.decide(ALICE, replace(RULES, mode=GuardMode.OFF), now=START, passes=False)

    assert guard.fields == {}


def test_approval_without_counted_messages_changes_nothing(guard):
    send(guard)
    before = dict(guard.fields)

    approve(guard, messages=0)

    assert guard.fields == before


def test_released_message_is_not_counted(guard):
    send(guard)

    guard.release(ALICE, RULES, now=START)

    assert guard.place(ALICE.block).unproven == 0
    assert Share.parse(guard.fields["usual"]).sent == 0


def test_refused_message_changes_only_the_suspended_place(guard):
    for _ in range(10):
        send(guard)
    before = dict(guard.fields)

    send(guard)

    changed = {name for name, text in guard.fields.items() if text != before[name]}
    assert changed == {ALICE.block}


def test_shadow_mode_refuses_nothing_and_counts_what_it_would_accept(guard):
    rules = replace(RULES, mode=GuardMode.SHADOW)

    usages = [guard.decide(ALICE, rules, now=START, passes=False) for _ in range(12)]

    assert [usage.counted for usage in usages] == [True] * 10 + [False] * 2
    assert [usage.would_refuse is not None for usage in usages[9:]] == [0, 1, 1]
    assert [usage.suspension is not None for usage in usages[9:]] == [0, 1, 0]
    assert guard.place(ALICE.block).unproven == 10


def test_start_of_pressure_is_reported_once_an_hour(guard):
    rules = replace(RULES, wide=None)
    usages = [guard.decide(block(n), rules, now=START, passes=False) for n in range(12)]
    approve(guard, block(0), times=4)

    again = [
        guard.decide(block(n), rules, now=START + MINUTE, passes=False)
        for n in range(20, 30)
    ]

    levels = [[pressure.level for pressure in usage.pressures] for usage in usages]
    assert levels == [[]] * 9 + [[Level.NETWORK, Level.COUNTRY]] + [[]] * 2
    assert not any(usage.pressures for usage in again)


def test_approvals_of_little_conversion_forgive_more(guard):
    guard.share = Share(sent=10_000, approved=4_000, at=START)
    for _ in range(9):
        send(guard)

    approve(guard)

    # 0.6 of 0.4 is a share of 0.24: an approval is worth 4.2 messages.
    unproven = guard.place(ALICE.block).unproven
    assert unproven == pytest.approx(9 - 1 - (1 / 0.24 - 1), abs=0.1)


def test_conversion_is_at_least_fifteen_percent(guard):
    guard.share = Share(sent=10_000, approved=0, at=START)
    for _ in range(9):
        send(guard)

    approve(guard)

    unproven = guard.place(ALICE.block).unproven
    assert unproven == pytest.approx(9 - 1 - (1 / 0.15 - 1), abs=0.001)


def test_block_of_a_short_number_is_counted_once(guard):
    short = Destination("+290", "+290", "SH")

    assert send_until_refused(guard, short) == 10
    assert set(guard.fields) == {"+290", "SH", "usual"}


@pytest.mark.parametrize("jump", [-400 * DAY, 400 * DAY])
def test_clock_that_jumps_suspends_no_longer_than_a_week(guard, jump):
    send_until_refused(guard)
    approve(guard)

    accepted = send(guard, at=START + jump)

    assert accepted == (jump > 0)
    assert jump > 0 or refusal(guard, at=START + jump).retry_after.days <= 7


@given(
    st.builds(
        Place,
        unproven=finite,
        approvals=finite,
        recent_approvals=finite,
        at=times,
        until=times,
        trips=st.integers(0, 99),
        pressed_at=times,
    )
)
def test_stored_text_of_a_place_is_read_back(place):
    assert str(Place.parse(str(place))) == str(place)


@pytest.mark.parametrize(
    "text", ["", "x", "1 2", "nan 0 0 1 0 0 0", "inf 0 0 1 0 0 0", "a 0 0 1 0 0 0"]
)
def test_invalid_text_is_an_empty_place(text):
    assert Place.parse(text) == Place()
    assert Share.parse(text) == Share()
