from __future__ import annotations

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.phones import numbers
from otp_engine.domain.safe_numbers import SafeNumbers
from otp_engine.errors import StoreUnavailable
from tests.support.clock import Clock

ALICE = numbers.parse("+919445012345", "IN")
BOB = numbers.parse("+919445067890", "IN")
PEPPERS = (Pepper(b"n" * 32), Pepper(b"o" * 32))


class FakeSafeList:
    """A `SafeListStore` in memory, which counts its calls."""

    def __init__(self):
        self.hashes, self.calls, self.is_available = set(), [], True

    def add(self, phone):
        self.hashes.add(phone)
        return True

    def contains(self, phone):
        self.calls.append("contains")
        return phone in self.hashes

    def is_empty(self):
        self.calls.append("is_empty")
        if not self.is_available:
            raise StoreUnavailable
        return not self.hashes

    def remove(self, phone):
        found = phone in self.hashes
        self.hashes.discard(phone)
        return found


@pytest.fixture
def stored():
    return FakeSafeList()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def safe_numbers(stored, clock):
    return SafeNumbers(stored, PEPPERS[:1], clock)


def test_only_a_listed_number_is_exempt(safe_numbers):
    safe_numbers.add(ALICE)

    assert safe_numbers.exempts(ALICE)
    assert not safe_numbers.exempts(BOB)


def test_empty_list_costs_one_command_a_second(safe_numbers, stored, clock):
    for _ in range(4):
        safe_numbers.exempts(ALICE)
    clock.now += 1
    safe_numbers.exempts(ALICE)

    assert stored.calls == ["is_empty"] * 2


def test_number_that_this_worker_adds_is_exempt_at_once(safe_numbers):
    assert not safe_numbers.exempts(ALICE)

    safe_numbers.add(ALICE)

    assert safe_numbers.exempts(ALICE)


def test_number_that_another_worker_adds_is_exempt_after_a_second(
    safe_numbers, stored, clock
):
    safe_numbers.exempts(ALICE)
    SafeNumbers(stored, PEPPERS[:1]).add(ALICE)
    clock.now += 1

    assert safe_numbers.exempts(ALICE)


def test_store_that_does_not_answer_exempts_no_number(safe_numbers, stored, clock):
    safe_numbers.add(ALICE)
    stored.is_available = False

    with pytest.raises(StoreUnavailable):
        safe_numbers.exempts(ALICE)


def test_number_of_the_previous_pepper_is_kept_under_the_current_one(stored):
    SafeNumbers(stored, PEPPERS[1:]).add(ALICE)

    assert SafeNumbers(stored, PEPPERS).contains(ALICE)
    assert SafeNumbers(stored, PEPPERS[:1]).contains(ALICE)


def test_removed_number_is_removed_under_every_pepper(stored):
    for pepper in PEPPERS:
        SafeNumbers(stored, (pepper,)).add(ALICE)
    both = SafeNumbers(stored, PEPPERS)

    assert both.remove(ALICE)
    assert not both.remove(ALICE)
    assert stored.hashes == set()
