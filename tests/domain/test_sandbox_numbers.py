from __future__ import annotations

from datetime import date

import pytest

from otp_engine.domain.phones import numbers
from otp_engine.domain.sandbox_numbers import SandboxNumber, SandboxNumbers
from otp_engine.errors import InvalidPhone

NUMBER = numbers.parse_unassigned("+15550100001")
ENTRY = SandboxNumber(NUMBER, "123456", date(2026, 2, 3))


def sandbox(today):
    return SandboxNumbers({NUMBER.e164: ENTRY}, lambda: today)


@pytest.mark.parametrize(
    ("today", "sandbox_number"), [(date(2026, 2, 3), ENTRY), (date(2026, 2, 4), None)]
)
def test_sandbox_number_is_valid_through_its_last_day(today, sandbox_number):
    assert sandbox(today).get("+15550100001") == sandbox_number


def test_sandbox_number_with_spaces_is_parsed():
    assert sandbox(date(2026, 2, 3)).parse("+1 555 010-0001", "IN") == NUMBER


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("5550100001", "US"),
        ("15550100001", "US"),
        ("(555) 010-0001", "US"),
        ("+1 (555) 010.0001", "IN"),
        ("0015550100001", "IN"),
        ("\u202a+1\u0665\u0665\u0665 0100001\u202c", "IN"),
    ],
)
def test_spellings_of_a_sandbox_number_are_parsed_to_it(text, region):
    assert sandbox(date(2026, 2, 3)).parse(text, region) == NUMBER


@pytest.mark.parametrize("setting", ["+5215512345678", "+525512345678"])
@pytest.mark.parametrize("text", ["+5215512345678", "+525512345678", "5512345678"])
def test_spellings_of_an_assignable_sandbox_number_are_one_number(setting, text):
    number = numbers.parse_unassigned(setting)
    entry = SandboxNumber(number, "123456", date(2026, 2, 3))
    entries = SandboxNumbers({number.e164: entry}, lambda: date(2026, 2, 3))

    parsed = entries.parse(text, "MX")

    assert entries.get(parsed.e164) == entry
    assert parsed == number


def test_unassigned_number_in_other_digits_has_its_e164_form():
    number = numbers.parse_unassigned("\uff0b\u0661 555-010-0001\u200e")

    assert number == NUMBER


@pytest.mark.parametrize("text", ["15550100001", "+05550100001", "+9995550100001", "x"])
def test_unassigned_number_that_is_not_e164_is_rejected(text):
    with pytest.raises(InvalidPhone):
        numbers.parse_unassigned(text)


def test_unassigned_number_after_its_last_day_is_rejected():
    with pytest.raises(InvalidPhone):
        sandbox(date(2026, 2, 4)).parse("+15550100001", "IN")


def test_real_number_is_parsed():
    number = sandbox(date(2026, 2, 3)).parse("9445012345", "IN")

    assert number == numbers.parse("9445012345", "IN")


def test_number_that_was_read_before_its_last_day_ended_is_rejected_after_it():
    days = [date(2026, 2, 3)]
    entries = SandboxNumbers({NUMBER.e164: ENTRY}, lambda: days[-1])
    entries.parse("+15550100001", "IN")
    days.append(date(2026, 2, 4))

    with pytest.raises(InvalidPhone):
        entries.parse("+15550100001", "IN")
