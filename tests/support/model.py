"""What the service promises, in plain Python: no Redis, no hashes, no threads.

What happened is kept whole, and each rule is read off it anew. That is slow, and short
enough to be held against the README by eye.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import CheckRequest, CheckResult, SendRequest, SendResult
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.provider_rejections import TTL
from otp_engine.errors import (
    DestinationNotAllowed,
    LimitExceeded,
    OTPError,
    Overloaded,
    RateLimited,
    TooManyAttempts,
    VerificationNotFound,
)

_NONE = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """A message that was let through, and the code in it.

    Attributes:
        verification: The number of the verification that it belongs to.
    """

    asked: SendRequest
    code: str
    at: timedelta
    verification: int


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A guess that was looked at."""

    guess: CheckRequest
    at: timedelta
    verification: int


class Model:
    """Everything that ever happened, and what follows from it.

    Attributes:
        now: How long it has been going on.
        letters: Messages that were let through and not given back, oldest first.
        tries: Guesses that were looked at, oldest first.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.now = _NONE
        self.letters: list[SentMessage] = []
        self.tries: list[FailedCheck] = []
        self._wrong: dict[PhoneNumber, list[timedelta]] = {}
        self._asked_by: dict[str, list[timedelta]] = {}
        self._requested_by: dict[str, list[timedelta]] = {}
        self._refusals: dict[PhoneNumber, tuple[timedelta, OTPError]] = {}
        self._open: dict[PhoneNumber, int] = {}
        self._begun = 0

    def unrequest(self, asked: SendRequest) -> None:
        """Give the requester its charge back, for a send without a place to hash."""
        if asked.client_ip:
            self._requested_by[asked.client_ip].pop()

    def request(self, asked: SendRequest) -> None:
        """Charge the requester of a send, and raise what it is refused with."""
        number, policy = asked.number, self.policy
        if asked.client_ip:
            requested = self._requested_by.setdefault(asked.client_ip, [])
            _refuse({"sends_per_ip": self._wait(policy.sends_per_ip, requested)})
            requested.append(self.now)
        at, refusal = self._refusals.get(number, (_NONE, None))
        if refusal and self.now < at + TTL:
            raise refusal
        waits = {
            "sends_per_phone": self._phones_wait(number),
            "failed_checks_per_phone": self._guesses_wait(number),
            "max_consecutive_failures": self._row_wait(number),
        }
        if verification := self.verification(number):
            letters = self._letters_of(verification)
            end = letters[-1].at + policy.ttl - self.now
            waits["resend_cooldown"] = (
                letters[-1].at + policy.resend_cooldown - self.now
            )
            if len(letters) >= policy.max_sends:
                waits["max_sends"] = end
            if not self._guesses_left(verification):
                waits["spent"] = end
        _refuse(waits)
        _refuse(self._shared_waits(asked))

    def send(self, asked: SendRequest, code: str) -> tuple[SentMessage, SendResult]:
        """Let a message through that was requested, and return its result."""
        verification = self.verification(asked.number)
        if verification is None:
            self._begun += 1
            verification = self._open[asked.number] = self._begun
        letter = SentMessage(
            asked=asked, code=code, at=self.now, verification=verification
        )
        self.letters.append(letter)
        again = max(self.policy.resend_cooldown, self._phones_wait(asked.number))
        if len(self._letters_of(verification)) >= self.policy.max_sends:
            again = max(again, self.policy.ttl)
        return letter, SendResult(
            verification_id=b"",
            send_id=b"",
            expires_in=self.policy.ttl,
            resend_after=again,
        )

    def give_back(self, letter: SentMessage, refusal: OTPError) -> None:
        """Undo a send that the provider refused; the requester stays charged."""
        self.letters.remove(letter)
        if isinstance(refusal, DestinationNotAllowed) or refusal.provider_error:
            self._refusals[letter.asked.number] = (self.now, refusal)

    def check(self, guess: CheckRequest, *, hashed: bool = True) -> CheckResult:
        """Look at a guess, or with no place for its hash give it back."""
        number, policy = guess.number, self.policy
        asked = self._asked_by.setdefault(guess.client_ip or "", [])
        if guess.client_ip:
            _refuse({"checks_per_ip": self._wait(policy.checks_per_ip, asked)})
        asked.append(self.now)
        verification = self.verification(number)
        if verification is None:
            raise VerificationNotFound
        end = self._letters_of(verification)[-1].at + policy.ttl - self.now
        budget, row = self._guesses_wait(number), self._row_wait(number)
        if not self._guesses_left(verification):
            raise TooManyAttempts(retry_after=max(end, budget, row))
        _refuse({"failed_checks_per_phone": budget, "max_consecutive_failures": row})
        if not hashed:
            asked.pop()
            raise Overloaded
        self.tries.append(FailedCheck(guess, self.now, verification))
        if guess.code in self.live_codes(number):
            del self._open[number]
            self._wrong.pop(number, None)
            return CheckResult(verification_id=b"", approved=True)
        self._wrong.setdefault(number, []).append(self.now)
        left = min(self._guesses_left(verification), self._budget_left(number))
        return CheckResult(
            verification_id=b"", approved=False, attempts_remaining=left, expires_in=end
        )

    def cancel(self, number: PhoneNumber) -> None:
        """Close a verification; its guesses and its messages stay counted."""
        if not self.verification(number):
            raise VerificationNotFound
        del self._open[number]

    def verification(self, number: PhoneNumber) -> int | None:
        """The number of the live verification, if there is one."""
        return self._open.get(number) if self.live_codes(number) else None

    def live_codes(self, number: PhoneNumber) -> list[str]:
        """The codes that would be approved, oldest first."""
        letters = self._letters_of(self._open.get(number))
        return [
            letter.code for letter in letters if self.now < letter.at + self.policy.ttl
        ]

    def overshot(self, limit: Limit, times: Iterable[timedelta]) -> bool:
        """Whether some window of *limit* that ends now holds more than it may."""
        ages = [self.now - at for at in times]
        return any(
            sum(age < window.period for age in ages) > window.count
            for window in limit.windows
        )

    def _letters_of(self, verification: int | None) -> list[SentMessage]:
        return [
            letter for letter in self.letters if letter.verification == verification
        ]

    def _guesses_left(self, verification: int) -> int:
        spent = sum(each.verification == verification for each in self.tries)
        return self.policy.max_checks - spent

    def _budget_left(self, number: PhoneNumber) -> int:
        ages = [self.now - at for at in self._wrong[number]]
        return min(
            window.count - sum(age < window.period for age in ages)
            for window in (
                *self.policy.failed_checks_per_phone.windows,
                *self.policy.consecutive_failures.windows,
            )
        )

    def _phones_wait(self, number: PhoneNumber) -> timedelta:
        times = [each.at for each in self.letters if each.asked.number == number]
        return self._wait(self.policy.sends_per_phone, times)

    def _guesses_wait(self, number: PhoneNumber) -> timedelta:
        times = self._wrong.get(number, [])
        return self._wait(self.policy.failed_checks_per_phone, times)

    def _row_wait(self, number: PhoneNumber) -> timedelta:
        times = self._wrong.get(number, [])
        return self._wait(self.policy.consecutive_failures, times)

    def _shared_waits(self, asked: SendRequest) -> dict[str, timedelta]:
        policy, sent = self.policy, [(each.asked, each.at) for each in self.letters]
        country = asked.number.country
        by_country = [at for other, at in sent if other.number.country == country]
        return {
            "sends_per_country": self._wait(policy.sends_per_country, by_country),
            "sends_total": self._wait(policy.sends_total, [at for _, at in sent]),
        }

    def _wait(self, limit: Limit, times: list[timedelta]) -> timedelta:
        """How long until every window has a place again."""
        ages = [self.now - at for at in sorted(times, reverse=True)]
        waits = [
            window.period - ages[window.count - 1]
            for window in limit.windows
            if len(ages) >= window.count
        ]
        return max([_NONE, *waits])


def _refuse(waits: dict[str, timedelta]) -> None:
    """Raise the longest of *waits*, if there is any."""
    name = max(waits, key=lambda name: waits[name])
    if waits[name] > _NONE:
        raise _refusal(name, waits[name])


def _refusal(name: str, wait: timedelta) -> LimitExceeded:
    if name == "spent":
        return TooManyAttempts(retry_after=wait)
    return RateLimited(name, retry_after=wait)
