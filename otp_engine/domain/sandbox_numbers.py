"""Sandbox numbers: their code is fixed, and they get no message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from otp_engine import parsing
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.numbers import PhoneNumber


@dataclass(frozen=True, slots=True)
class SandboxNumber:
    """A number that gets no message, and has a fixed code.

    Attributes:
        until: The last day, in UTC, on which it is a sandbox number.
    """

    __test__ = False  # or pytest collects it as a test

    number: PhoneNumber
    code: str
    valid_through: date


@dataclass(frozen=True, slots=True)
class SandboxNumbers:
    """All sandbox numbers.

    Attributes:
        known: The numbers, by their E.164.
        today: Returns the day, in UTC.
    """

    __test__ = False

    by_e164: Mapping[str, SandboxNumber]
    today: Callable[[], date]

    def parse(self, text: str, region: str) -> PhoneNumber:
        """Parse a number as `numbers.read` does; a sandbox number need not exist.

        Raises:
            InvalidPhone: It is not a number.
        """
        if self.by_e164 and (sandbox := self.get(parsing.strip_separators(text))):
            return sandbox.number
        return numbers.parse(text, region)

    def get(self, e164: str) -> SandboxNumber | None:
        """Return the sandbox number *e164*, until its last day is over."""
        number = self.by_e164.get(e164)
        return number if number and self.today() <= number.valid_through else None
