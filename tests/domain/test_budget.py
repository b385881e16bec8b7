"""The rules of the budget, in the model of its script."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otp_engine.domain.money import charges
from otp_engine.domain.money.budget import Budget, BudgetRules, rules_for
from otp_engine.domain.money.charges import BudgetRefusal, Charge

HOUR = 3_600_000
DAY = 24 * HOUR
START = 20_000 * DAY  # The start of a day (UTC).


class Messages:
    """Messages of one budget."""

    def __init__(self, **rules):
        self.rules = BudgetRules(**rules)
        self.fields = {}
        self.at = START

    def send(self, price, country="IN", *, has_past=True):
        return self._charge(price, country, has_past=has_past).acquire()

    def release(self, price, counted_at, country="IN"):
        self._charge(price, country, has_past=True).release(counted_at)

    def _charge(self, price, country, *, has_past):
        return Charge(
            self.fields, country, self.rules, price, has_past=has_past, at=self.at
        )

    def send_all(self, price, country="IN", **options):
        """Send until the budget refuses; return the refusal."""
        while not isinstance(
            result := self.send(price, country, **options), BudgetRefusal
        ):
            pass
        return result

    def pass_days(self, **spent_a_day):
        """Let a week with the same sums a day pass."""
        rules, self.rules = self.rules, BudgetRules(amount=None)
        for _ in range(8):
            for country, price in spent_a_day.items():
                self.send(price, country)
            self.at += DAY
        self.rules = rules
        # The sums of the last day leave.
        self.at += 2 * HOUR


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("480/24h", Budget(480_000_000)),
        ("480.50/24h", Budget(480_500_000)),
        ("480 USD/24h", Budget(480_000_000, "USD")),
        ("480usd/24h", Budget(480_000_000, "USD")),
        ("480/1d", Budget(480_000_000)),
        ("480/24h shadow", Budget(480_000_000, shadow=True)),
        ("480 EUR/24h SHADOW", Budget(480_000_000, "EUR", shadow=True)),
        ("off", Budget()),
        ("OFF", Budget()),
    ],
)
def test_budget_is_parsed(text, budget):
    assert Budget.parse(text) == budget
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize(
    "text",
    [
        *("", "480", "480/", "480/1h", "480/2d", "0/24h", "-1/24h", "nan/24h"),
        *("480 US/24h", "480 DOLLAR/24h", "USD 480/24h", "480/24h, 1/24h", "1e3/24h"),
        *("480/24h shadow shadow", "1000000000/24h", "$480/24h", "1.2.3/24h"),
    ],
)
def test_text_that_is_no_budget_is_rejected(text):
    with pytest.raises(ValueError, match="must"):
        Budget.parse(text)


@pytest.mark.parametrize(
    ("countries", "parts"),
    [(0, 1), (1, 1), (3, 3), (10, 10), (13, 10), (None, 10)],
)
def test_share_is_an_equal_part_of_the_allowed_countries_or_a_tenth(countries, parts):
    rules = rules_for(Budget(100), currency="USD", countries=countries)

    assert rules.parts == parts


def test_message_over_the_budget_is_refused():
    messages = Messages(amount=100)
    messages.send(100)

    assert messages.send(1).rule == charges.BUDGET


def test_message_up_to_the_budget_is_counted():
    messages = Messages(amount=100)
    messages.send(99)

    assert messages.send(1).spent == 100


def test_refused_message_is_not_counted():
    messages = Messages(amount=100)
    messages.send(90)
    messages.send(11)

    assert messages.send(10).spent == 100


def test_last_fifth_is_for_phones_and_blocks_with_a_past():
    messages = Messages(amount=100)
    messages.send(80, has_past=False)

    assert messages.send(1, has_past=False).rule == charges.BUDGET
    assert messages.send(20, has_past=True).spent == 100


def test_money_leaves_after_the_24th_hour():
    messages = Messages(amount=100)
    messages.at += HOUR - 1
    messages.send(100)
    messages.at += DAY

    refusal = messages.send(1)
    messages.at += refusal.wait

    assert refusal.wait == 1
    assert messages.send(1).spent == 1


def test_wait_is_until_enough_money_has_left():
    messages = Messages(amount=100)
    for _ in range(10):
        messages.send(10)
        messages.at += HOUR

    assert messages.send(25).wait == (25 - 10 + 2) * HOUR


def test_message_that_costs_more_than_the_budget_waits_for_all_hours():
    messages = Messages(amount=100)

    assert messages.send(101).wait == 25 * HOUR


def test_share_of_a_country_leaves_money_for_the_others():
    messages = Messages(amount=1000)
    messages.pass_days(US=10)

    assert messages.send_all(10, "SN").rule == charges.BUDGET_COUNTRY
    assert messages.send(10, "US").country_amount == 100
    assert messages.send(10, "US").spent == 120


def test_share_is_three_usual_days_of_a_busy_country():
    messages = Messages(amount=1000)
    messages.pass_days(US=200)

    assert messages.send(10, "US").country_amount == 600


def test_share_is_the_whole_budget_at_most():
    messages = Messages(amount=1000)
    messages.pass_days(US=900)

    assert messages.send(10, "US").country_amount == 1000


def test_usual_day_is_that_of_the_days_before():
    messages = Messages(amount=1000)
    messages.pass_days(SN=20)
    messages.send_all(10, "SN")

    assert messages.send(10, "SN").usage.country_amount == 100


def test_three_days_of_an_attack_do_not_change_a_usual_day():
    messages = Messages(amount=10_000)
    messages.pass_days(SN=400)
    for _ in range(3):
        messages.send_all(100, "SN")
        messages.at += 25 * HOUR

    assert messages.send(1, "SN").country_amount == 1200


def test_first_day_has_no_shares():
    messages = Messages(amount=1000)

    assert messages.send(500).country_amount is None


def test_shares_start_after_one_whole_day():
    messages = Messages(amount=1000)
    messages.at += 10 * HOUR
    messages.send(100)
    messages.at += DAY
    on_the_second_day = messages.send(100)
    messages.at += DAY

    assert on_the_second_day.country_amount is None
    assert messages.send(100).country_amount == 300


def test_only_country_has_the_whole_budget():
    messages = Messages(amount=1000, parts=1)
    messages.pass_days(IN=10)

    assert messages.send(1000).spent == 1000


def test_counted_money_of_a_budget_that_is_off_counts_when_it_is_set():
    messages = Messages(amount=None)
    messages.send(100)
    messages.rules = BudgetRules(amount=100)

    assert messages.send(1).rule == charges.BUDGET


def test_level_is_reported_by_the_message_that_reaches_it():
    messages = Messages(amount=100)

    levels = [messages.send(10).level for _ in range(10)]

    assert levels == [None] * 4 + [50, None, None, 80, None, 100]


def test_level_is_reported_once_in_a_window():
    messages = Messages(amount=100)
    messages.send_all(10)

    assert messages.send(10).usage.level is None


def test_refusal_reports_the_level_that_it_would_have_reached():
    messages = Messages(amount=100)
    messages.send(79, has_past=False)

    assert messages.send(2, has_past=False).usage.level == 80
    assert messages.send(2, has_past=False).usage.level is None


def test_level_is_reported_again_after_a_window():
    messages = Messages(amount=100)
    messages.send(60)
    messages.at += 25 * HOUR

    assert messages.send(60).level == 50


def test_level_of_another_budget_is_reported():
    messages = Messages(amount=100)
    messages.send_all(10)
    messages.rules = BudgetRules(amount=150)

    assert messages.send(20).level == 80


def test_several_levels_at_once_report_the_highest():
    messages = Messages(amount=100)

    assert messages.send(85).level == 80
    assert messages.send(1).level is None


def test_level_of_a_share_is_reported():
    messages = Messages(amount=1000)
    messages.pass_days(US=1)

    levels = [messages.send(10, "SN").country_level for _ in range(10)]

    assert levels == [None] * 4 + [50, None, None, 80, None, 100]


def test_shadow_mode_reports_what_it_would_refuse():
    messages = Messages(amount=100, shadow=True)
    messages.send(100)

    assert messages.send(1).would_refuse == charges.BUDGET


def test_shadow_mode_counts_what_an_enforced_budget_would_let_through():
    messages = Messages(amount=100, shadow=True)
    messages.send(90)
    messages.send(20)

    assert messages.send(10).would_refuse is None


def test_budget_that_leaves_shadow_mode_counts_all_money():
    messages = Messages(amount=100, shadow=True)
    for _ in range(3):
        messages.send(90)
    messages.rules = BudgetRules(amount=300)

    assert messages.send(1).spent == 271


def test_released_message_is_taken_back_from_its_hour():
    messages = Messages(amount=100)
    counted_at = messages.at
    messages.send(100)
    messages.at += 3 * HOUR
    messages.release(100, counted_at)

    assert messages.send(100).spent == 100


def test_release_after_the_window_changes_nothing():
    messages = Messages(amount=100)
    counted_at = messages.at
    messages.send(100)
    messages.at += 2 * DAY
    messages.send(50)
    messages.release(100, counted_at)

    assert messages.send(1).spent == 51


def test_clock_that_was_set_back_keeps_all_money():
    messages = Messages(amount=100)
    messages.send(100)
    messages.at -= 5 * HOUR

    assert messages.send(1).wait == 30 * HOUR


def test_clock_that_ran_ahead_does_not_lock_the_budget():
    messages = Messages(amount=100)
    messages.at += 3650 * DAY
    messages.send(100)
    messages.at -= 3650 * DAY
    refusal = messages.send(1)
    messages.at += 25 * HOUR

    assert refusal.rule == charges.BUDGET
    assert messages.send(1).spent == 1


STEPS = st.integers(0, 30) | st.integers(0, 26 * HOUR)
SET_BACK = st.just(0) | st.integers(0, 60 * HOUR)


@given(
    amount=st.integers(1, 500),
    sends=st.lists(
        st.tuples(STEPS, SET_BACK, st.integers(0, 120), st.booleans()), max_size=80
    ),
)
@settings(max_examples=300)
def test_no_24_hours_cost_more_than_the_budget_even_if_the_clock_is_set_back(
    amount, sends
):
    messages, time, clock, counted = Messages(amount=amount, parts=1), 0, START, []
    for step, set_back, price, has_past in sends:
        time += step
        clock += step - set_back
        messages.at = clock
        if not isinstance(messages.send(price, has_past=has_past), BudgetRefusal):
            counted.append((time, price))

    for start, _ in counted:
        window = [price for at, price in counted if start <= at < start + DAY]
        assert sum(window) <= amount
