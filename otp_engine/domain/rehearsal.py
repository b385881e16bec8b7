"""Sandbox numbers: their code is fixed, and they get no message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from otp_engine.domain import phone, typing_marks
from otp_engine.domain.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class TestNumber:
    """A number that gets no message, and has a fixed code.

    Attributes:
        until: The last day, in UTC, on which it is a sandbox number.
    """

    __test__ = False  # or pytest collects it as a test

    number: PhoneNumber
    code: str
    until: date


@dataclass(frozen=True, slots=True)
class TestNumbers:
    """All sandbox numbers.

    Attributes:
        known: The numbers, by their E.164.
        today: Returns the day, in UTC.
    """

    __test__ = False

    known: Mapping[str, TestNumber]
    today: Callable[[], date]

    def read(self, text: str, region: str) -> PhoneNumber:
        """Parse a number as `phone.read` does; a sandbox number need not exist.

        Raises:
            InvalidPhone: It is not a number.
        """
        sandbox = self.find(typing_marks.remove(text))
        return sandbox.number if sandbox else phone.read(text, region)

    def find(self, e164: str) -> TestNumber | None:
        """Return the sandbox number *e164*, until its last day is over."""
        number = self.known.get(e164)
        return number if number and self.today() <= number.until else None
