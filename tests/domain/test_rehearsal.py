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


def test_sandbox_number_is_found_through_its_last_day():
    assert sandbox(date(2026, 2, 3)).get("+15550100001") == ENTRY
    assert sandbox(date(2026, 2, 4)).get("+15550100001") is None


def test_sandbox_number_with_spaces_is_parsed():
    assert sandbox(date(2026, 2, 3)).parse("+1 555 010-0001", "IN") == NUMBER


def test_expired_sandbox_number_must_exist():
    with pytest.raises(InvalidPhone):
        sandbox(date(2026, 2, 4)).parse("+15550100001", "IN")


def test_real_number_is_parsed():
    read = sandbox(date(2026, 2, 3)).parse("9445012345", "IN")

    assert read == numbers.parse("9445012345", "IN")
