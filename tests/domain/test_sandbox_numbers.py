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


def test_unassigned_number_after_its_last_day_is_rejected():
    with pytest.raises(InvalidPhone):
        sandbox(date(2026, 2, 4)).parse("+15550100001", "IN")


def test_real_number_is_parsed():
    number = sandbox(date(2026, 2, 3)).parse("9445012345", "IN")

    assert number == numbers.parse("9445012345", "IN")
