from __future__ import annotations

from datetime import date

import pytest

from otp_engine.domain import phone
from otp_engine.domain.rehearsal import TestNumber, TestNumbers
from otp_engine.errors import InvalidPhone

NUMBER = phone.for_tests("+15550100001")
ENTRY = TestNumber(NUMBER, "123456", date(2026, 2, 3))


def numbers(today):
    return TestNumbers({NUMBER.e164: ENTRY}, lambda: today)


def test_sandbox_number_is_found_through_its_last_day():
    assert numbers(date(2026, 2, 3)).find("+15550100001") == ENTRY
    assert numbers(date(2026, 2, 4)).find("+15550100001") is None


def test_sandbox_number_with_spaces_is_parsed():
    assert numbers(date(2026, 2, 3)).read("+1 555 010-0001", "IN") == NUMBER


def test_expired_sandbox_number_must_exist():
    with pytest.raises(InvalidPhone):
        numbers(date(2026, 2, 4)).read("+15550100001", "IN")


def test_real_number_is_parsed():
    read = numbers(date(2026, 2, 3)).read("9445012345", "IN")

    assert read == phone.read("9445012345", "IN")
