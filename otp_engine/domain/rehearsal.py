"""Numbers for tests: a code that is known before, and no message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from otp_engine.domain import phone, typing_marks
from otp_engine.domain.engine import Engine
from otp_engine.domain.events import nobody
from otp_engine.domain.limits import Limit
from otp_engine.domain.phone import EVERYWHERE, PhoneNumber, Served
from otp_engine.domain.ports import Sender
from otp_engine.domain.service import DEFAULT, Service
from otp_engine.domain.verification import Asked, Checked, Guess, Sent, Waiting
from otp_engine.domain.watched import Watched

_MANY = 100


@dataclass(frozen=True, slots=True)
class TestNumber:
    """A number that gets no message, and whose code is always the same.

    Attributes:
        until: The last day, in UTC, on which it is one.
    """

    __test__ = False  # or pytest takes it for a test

    number: PhoneNumber
    code: str
    until: date


@dataclass(frozen=True, slots=True)
class TestNumbers:
    """All of them, by their E.164.

    Attributes:
        today: The day, in UTC.
    """

    __test__ = False

    known: Mapping[str, TestNumber]
    today: Callable[[], date]

    def read(self, text: str, region: str) -> PhoneNumber:
        """Read a number as `phone.read` does; those for tests need not exist.

        Raises:
            InvalidPhone: It is neither.
        """
        found = self.find(typing_marks.remove(text))
        return found.number if found else phone.read(text, region)

    def find(self, e164: str) -> TestNumber | None:
        """The one of that number, as long as it is one."""
        found = self.known.get(e164)
        return found if found and self.today() <= found.until else None


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Does what *engine* does, but sends nothing to numbers for tests.

    Nobody is told of any of it, for it says nothing of how many codes arrive. Its
    code is kept and checked as any other, with the usual number of guesses.
    """

    watched: Watched
    numbers: TestNumbers
    nobody: Sender

    @property
    def engine(self) -> Engine:
        """The engine behind it."""
        return self.watched.engine

    def send(self, asked: Asked) -> Sent:
        """As `Engine.send`."""
        found = self.numbers.find(asked.number.e164)
        if found is None:
            return self.watched.send(asked)
        rehearsed = replace(
            asked, code=found.code, address=None, charges=(), trusted=True
        )
        return self._without_limits().send(rehearsed)

    def check(self, guess: Guess) -> Checked:
        """As `Engine.check`."""
        return self._behind(guess.number).check(guess)

    def look(self, number: PhoneNumber, service: Service = DEFAULT) -> Waiting:
        """As `Engine.look`."""
        return self.watched.look(number, service)

    def approve(self, number: PhoneNumber, service: Service, id: bytes) -> None:
        """As `Engine.approve`."""
        self._behind(number).approve(number, service, id)

    def cancel(self, number: PhoneNumber, service: Service, id: bytes) -> None:
        """As `Engine.cancel`."""
        self._behind(number).cancel(number, service, id)

    def _behind(self, number: PhoneNumber) -> Engine | Watched:
        """Who does it: of a number for tests nobody is told."""
        return self._unwatched if self.numbers.find(number.e164) else self.watched

    @property
    def _unwatched(self) -> Engine:
        return replace(self.engine, watch=nobody)

    def _without_limits(self) -> Engine:
        policy = replace(
            self.engine.policy,
            sending=True,
            max_sends=_MANY,
            resend_cooldown=timedelta(),
            sends_per_phone=Limit(),
            sends_per_country=Limit(),
            sends_total=Limit(),
        )
        return replace(
            self._unwatched,
            sender=self.nobody,
            served=Served({EVERYWHERE}),
            policy=policy,
        )
