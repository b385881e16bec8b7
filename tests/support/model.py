"""A model of the rules, in plain Python: without Redis, hashes and threads.

The model keeps all events of a run, and computes each rule from them. That is slow, and
short enough to be compared with the documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from otp_engine.domain.addresses import Address
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import (
    Api,
    CheckRequest,
    CheckResult,
    SendRequest,
    SendResult,
)
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

_ZERO = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """A message that was sent, with its code.

    Attributes:
        request: The send.
        code: The code.
        sent_at: Time of the send.
        verification: Number of its verification.
    """

    request: SendRequest
    code: str
    sent_at: timedelta
    verification: int


@dataclass(frozen=True, slots=True)
class CountedCheck:
    """A check that was counted.

    Attributes:
        request: The check.
        checked_at: Time of the check.
        verification: Number of its verification.
    """

    request: CheckRequest
    checked_at: timedelta
    verification: int


class Model:
    """All events of a run, and the rules that follow from them.

    Attributes:
        policy: The policy.
        now: Time since the start of the run.
        messages: Messages that were sent and not released, oldest first.
        checks: Checks that were counted, oldest first.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.now = _ZERO
        self.messages: list[SentMessage] = []
        self.checks: list[CountedCheck] = []
        self._failed_checks: dict[Address, list[timedelta]] = {}
        self._checks_by_ip: dict[str, list[timedelta]] = {}
        self._sends_by_ip: dict[str, list[timedelta]] = {}
        self._rejections: dict[Address, tuple[timedelta, OTPError]] = {}
        self._pending: dict[Address, int] = {}
        self._verifications = 0

    def release_send_request(self, request: SendRequest) -> None:
        """Release a send for its requester, because the hash queue was full."""
        if request.client_ip:
            self._sends_by_ip[request.client_ip].pop()

    def request_send(self, request: SendRequest) -> None:
        """Count a send for its requester.

        Raises:
            OTPError: The error of a send that is rejected before the provider.
        """
        number, policy = request.address, self.policy
        if request.client_ip:
            times = self._sends_by_ip.setdefault(request.client_ip, [])
            _reject({"sends_per_ip": self._wait(policy.sends_per_ip, times)})
            times.append(self.now)
        rejected_at, rejection = self._rejections.get(number, (_ZERO, None))
        if rejection and self.now < rejected_at + TTL:
            raise rejection
        waits = {
            "sends_per_phone": self._phone_wait(number),
            "failed_checks_per_phone": self._failed_checks_wait(number),
            "max_consecutive_failures": self._consecutive_failures_wait(number),
        }
        if verification := self.verification(number):
            messages = self._messages_of(verification)
            last = messages[-1].sent_at
            end = last + policy.ttl - self.now
            waits["resend_cooldown"] = last + self.cooldown(request) - self.now
            if len(messages) >= policy.max_sends:
                waits["max_sends"] = end
            if not self._attempts_remaining(verification):
                waits["max_checks"] = end
        _reject(waits)
        _reject(self._global_waits(request))

    def send(self, request: SendRequest, code: str) -> tuple[SentMessage, SendResult]:
        """Send a message that `request_send` accepted.

        Returns:
            The message, and the result of the send.
        """
        verification = self.verification(request.address)
        if verification is None:
            self._verifications += 1
            verification = self._pending[request.address] = self._verifications
        message = SentMessage(
            request=request, code=code, sent_at=self.now, verification=verification
        )
        self.messages.append(message)
        resend_after = max(self.cooldown(request), self._phone_wait(request.address))
        if len(self._messages_of(verification)) >= self.policy.max_sends:
            resend_after = max(resend_after, self.policy.ttl)
        return message, SendResult(
            verification_id=b"",
            send_id=b"",
            code_length=len(code),
            expires_in=self.policy.ttl,
            resend_after=resend_after,
        )

    def cooldown(self, request: SendRequest) -> timedelta:
        """Return the cooldown that holds for a send, by the API of its request."""
        if request.api is Api.V2:
            return self.policy.v2_resend_cooldown
        return self.policy.resend_cooldown

    def release_send(self, message: SentMessage, error: OTPError) -> None:
        """Release a send that the provider rejected; it counts for the requester."""
        self.messages.remove(message)
        if isinstance(error, DestinationNotAllowed) or error.provider_error:
            self._rejections[message.request.address] = (self.now, error)

    def check(self, request: CheckRequest, *, hashed: bool = True) -> CheckResult:
        """Check a code.

        Args:
            request: The check.
            hashed: Whether the hash queue has a slot; otherwise the check is released.
        """
        number, policy = request.address, self.policy
        times = self._checks_by_ip.setdefault(request.client_ip or "", [])
        if request.client_ip:
            _reject({"checks_per_ip": self._wait(policy.checks_per_ip, times)})
        times.append(self.now)
        verification = self.verification(number)
        if verification is None:
            raise VerificationNotFound
        end = self._messages_of(verification)[-1].sent_at + policy.ttl - self.now
        waits = {
            "failed_checks_per_phone": self._failed_checks_wait(number),
            "max_consecutive_failures": self._consecutive_failures_wait(number),
        }
        if not self._attempts_remaining(verification):
            raise TooManyAttempts(retry_after=max(end, *waits.values()))
        _reject(waits)
        if not hashed:
            times.pop()
            raise Overloaded
        self.checks.append(CountedCheck(request, self.now, verification))
        if request.code in self.live_codes(number):
            del self._pending[number]
            self._failed_checks.pop(number, None)
            return CheckResult(verification_id=b"", approved=True)
        self._failed_checks.setdefault(number, []).append(self.now)
        own = self._attempts_remaining(verification)
        remaining = min(own, self._failed_checks_remaining(number))
        retry_after = [
            _ZERO if own else end,
            self._failed_checks_wait(number),
            self._consecutive_failures_wait(number),
        ]
        return CheckResult(
            verification_id=b"",
            approved=False,
            attempts_remaining=remaining,
            expires_in=end,
            retry_after=_ZERO if remaining else max(retry_after),
        )

    def cancel(self, number: Address) -> None:
        """Cancel a verification; its checks and sends stay counted."""
        if not self.verification(number):
            raise VerificationNotFound
        del self._pending[number]

    def verification(self, number: Address) -> int | None:
        """Return the number of the live verification, if there is one."""
        return self._pending.get(number) if self.live_codes(number) else None

    def live_codes(self, number: Address) -> list[str]:
        """Return the codes that would be approved, oldest first."""
        return [
            message.code
            for message in self._messages_of(self._pending.get(number))
            if self.now < message.sent_at + self.policy.ttl
        ]

    def is_exceeded(self, limit: Limit, times: Iterable[timedelta]) -> bool:
        """Return whether a window of *limit* that ends now has too many events."""
        ages = [self.now - time for time in times]
        return any(
            sum(age < window.period for age in ages) > window.count
            for window in limit.windows
        )

    def _messages_of(self, verification: int | None) -> list[SentMessage]:
        return [
            message for message in self.messages if message.verification == verification
        ]

    def _attempts_remaining(self, verification: int) -> int:
        used = sum(check.verification == verification for check in self.checks)
        return self.policy.max_checks - used

    def _failed_checks_remaining(self, number: Address) -> int:
        ages = [self.now - time for time in self._failed_checks[number]]
        return min(
            window.count - sum(age < window.period for age in ages)
            for window in (
                *self.policy.failed_checks_per_phone.windows,
                *self.policy.consecutive_failures.windows,
            )
        )

    def _phone_wait(self, number: Address) -> timedelta:
        times = [
            message.sent_at
            for message in self.messages
            if message.request.address == number
        ]
        return self._wait(self.policy.sends_per_phone, times)

    def _failed_checks_wait(self, number: Address) -> timedelta:
        times = self._failed_checks.get(number, [])
        return self._wait(self.policy.failed_checks_per_phone, times)

    def _consecutive_failures_wait(self, number: Address) -> timedelta:
        times = self._failed_checks.get(number, [])
        return self._wait(self.policy.consecutive_failures, times)

    def _global_waits(self, request: SendRequest) -> dict[str, timedelta]:
        country = request.address.country
        of_country = [
            message.sent_at
            for message in self.messages
            if message.request.address.country == country
        ]
        all_times = [message.sent_at for message in self.messages]
        return {
            "sends_per_country": self._wait(
                self.policy.sends_per_country.default, of_country
            ),
            "sends_total": self._wait(self.policy.sends_total, all_times),
        }

    def _wait(self, limit: Limit, times: list[timedelta]) -> timedelta:
        """Return the time until every window allows another event."""
        ages = [self.now - time for time in sorted(times, reverse=True)]
        waits = [
            window.period - ages[window.count - 1]
            for window in limit.windows
            if len(ages) >= window.count
        ]
        return max([_ZERO, *waits])


def _reject(waits: dict[str, timedelta]) -> None:
    """Raise the error of the longest of *waits*, if any is positive."""
    limit_name = max(waits, key=lambda name: waits[name])
    if waits[limit_name] > _ZERO:
        raise _error(limit_name, waits[limit_name])


def _error(limit_name: str, retry_after: timedelta) -> LimitExceeded:
    if limit_name == "max_checks":
        return TooManyAttempts(retry_after=retry_after)
    return RateLimited(limit_name, retry_after=retry_after)
