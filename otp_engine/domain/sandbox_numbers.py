"""Sandbox numbers: numbers with a fixed code that receive no message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from otp_engine.domain.phones import numbering_plans, numbers
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.phones.recent_readings import RecentReadings


@dataclass(frozen=True, slots=True)
class SandboxNumber:
    """A number with a fixed code that receives no message.

    Attributes:
        number: The number, which may be unassigned.
        code: The code of all its verifications.
        valid_through: The last day on which it is a sandbox number, in UTC.
    """

    number: PhoneNumber
    code: str = field(repr=False)
    valid_through: date


@dataclass(frozen=True, slots=True)
class SandboxNumbers:
    """All sandbox numbers of a deployment.

    Attributes:
        by_e164: The numbers, by their E.164 form.
        today: Returns the date, in UTC.
    """

    by_e164: Mapping[str, SandboxNumber]
    today: Callable[[], date]
    _parse: RecentReadings[PhoneNumber] = field(
        default_factory=lambda: RecentReadings(numbers.parse), repr=False, compare=False
    )
    _forms: RecentReadings[tuple[str, ...]] = field(
        default_factory=lambda: RecentReadings(_forms_of), repr=False, compare=False
    )

    def parse(self, text: str, region: str) -> PhoneNumber:
        """Parse a number as `numbers.parse` does; a sandbox number may be unassigned.

        Args:
            text: The number.
            region: ISO 3166 code of the region of numbers without a calling code.

        Raises:
            InvalidPhone: The text is not a number.
        """
        if self.by_e164:
            for form in self._forms(text, region):
                if sandbox := self.get(form):
                    return sandbox.number
        return self._parse(text, region)

    def get(self, e164: str) -> SandboxNumber | None:
        """Return the sandbox number *e164*.

        Returns:
            None without such a number, or after its last day.
        """
        number = self.by_e164.get(e164)
        return number if number and self.today() <= number.valid_through else None


def _forms_of(text: str, region: str) -> tuple[str, ...]:
    """Return the forms of a number that can be the E.164 form of a sandbox number.

    Raises:
        InvalidPhone: The text is not a number.
    """
    digits = numbers.normalize(text)
    number = numbering_plans.read_unassigned(digits, region)
    return (digits, numbering_plans.to_e164(number)) if number else (digits,)
