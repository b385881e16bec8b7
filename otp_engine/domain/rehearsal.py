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
_SPACE = "test"


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

    Their events are dropped, because they count no message. The code is stored and
    checked as any other, with the usual number of checks. The requester is charged as
    for any number, because each send costs a hash; every other limit is lifted.

    Verifications of a number for tests have a space of their own, so that the known
    code is of no use once the number's last day is over.
    """

    watched: Watched
    numbers: TestNumbers
    nobody: Sender

    @property
    def engine(self) -> Engine:
        """The engine behind it."""
        return self.watched.engine

    def serves(self, number: PhoneNumber) -> bool:
        """Return whether the country of *number* is served."""
        return self._is_test(number) or self.engine.served.has(number.country)

    def send(self, asked: Asked) -> Sent:
        """As `Engine.send`."""
        found = self.numbers.find(asked.number.e164)
        if found is None:
            return self.watched.send(asked)
        rehearsed = replace(
            asked, code=found.code, service=_apart(asked.service), trusted=True
        )
        return self._without_limits().send(rehearsed)

    def check(self, guess: Guess) -> Checked:
        """As `Engine.check`."""
        if self._is_test(guess.number):
            return self._unwatched.check(replace(guess, service=_apart(guess.service)))
        return self.watched.check(guess)

    def look(
        self,
        number: PhoneNumber,
        service: Service = DEFAULT,
        bound: bytes | None = None,
    ) -> Waiting:
        """As `Engine.look`."""
        engine, service = self._of(number, service)
        return engine.look(number, service, bound)

    def approve(
        self,
        number: PhoneNumber,
        service: Service,
        id: bytes,
        bound: bytes | None = None,
    ) -> None:
        """As `Engine.approve`."""
        engine, service = self._of(number, service)
        engine.approve(number, service, id, bound)

    def cancel(
        self,
        number: PhoneNumber,
        service: Service,
        id: bytes,
        bound: bytes | None = None,
    ) -> None:
        """As `Engine.cancel`."""
        engine, service = self._of(number, service)
        engine.cancel(number, service, id, bound)

    def _is_test(self, number: PhoneNumber) -> bool:
        return self.numbers.find(number.e164) is not None

    def _of(
        self, number: PhoneNumber, service: Service
    ) -> tuple[Engine | Watched, Service]:
        """Return the engine for *number*, and the space of its verifications."""
        if self._is_test(number):
            return self._unwatched, _apart(service)
        return self.watched, service

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


def _apart(service: Service) -> Service:
    """Return *service* with the space of its verifications of numbers for tests."""
    return replace(service, space=f"{service.space}:{_SPACE}")
