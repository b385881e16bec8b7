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


def test_a_number_is_one_for_tests_up_to_its_last_day():
    assert numbers(date(2026, 2, 3)).find("+15550100001") == ENTRY
    assert numbers(date(2026, 2, 4)).find("+15550100001") is None


def test_it_may_be_typed_with_spaces():
    assert numbers(date(2026, 2, 3)).read("+1 555 010-0001", "IN") == NUMBER


def test_once_it_is_none_it_must_exist_as_any_other():
    with pytest.raises(InvalidPhone):
        numbers(date(2026, 2, 4)).read("+15550100001", "IN")


def test_others_are_read_as_ever():
    read = numbers(date(2026, 2, 3)).read("9445012345", "IN")

    assert read == phone.read("9445012345", "IN")
