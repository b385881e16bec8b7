"""The health of providers: how far each step keeps its place in a route.

Each step, a channel with a provider, has a weight from 10 to 100. It is 100 at rest.
The thresholds are those that GOV.UK Notify uses for its SMS providers.

    slow      30 % of the messages of ten minutes arrived late or not at all, and there
              were at least 20 of them: the weight drops by 10, once in ten minutes
    errors    50 calls of a minute failed: the weight drops by 10, once in a minute
    healthy   the weight rises by 10 for each ten minutes since its last change

A weight does not drop for what all providers of a channel have in common: then the
networks are slow, or this service cannot reach any provider. It never drops to zero,
because a step without messages could not be seen to recover.

With 20 messages, a provider that is late for one message in 20 looks slow once in 3,000
windows, and one that is late for one in ten once in 90. With ten messages that would be
once in 90 and once in 14.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from math import inf

from otp_engine.domain.channels import Channel
from otp_engine.domain.routing.steps import Step

REST = 100
"""The weight of a healthy step."""

LEAST = 10
"""The least weight, so that some messages show a recovery."""

CHANGE = 10
"""How far a weight moves at once."""

SLOW_SHARE = 0.3
"""The share of late messages that makes a provider slow."""

MIN_MESSAGES = 20
"""Messages that are needed to call a provider slow."""

MAX_ERRORS = 50
"""Errors of a minute that lower the weight."""

PERIOD = timedelta(minutes=10)
"""The time over which late messages count, and between two changes of a weight."""

_MINUTE = 60_000  # milliseconds
_PERIOD = 10  # minutes
# A call is reported when it ends: it rings, and then reads the code three times.
_CALL_DURATION = timedelta(minutes=1)


class Reason(StrEnum):
    """Why a weight changed."""

    SLOW = "slow"
    ERRORS = "errors"
    RECOVERED = "recovered"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened to the messages that one step got in one minute.

    Attributes:
        messages: Messages that the provider accepted.
        awaited: Those of them that the provider sends delivery reports for.
        fast: Those that were reported as delivered in time.
        late: Those that were reported as delivered later.
        failed: Those that were reported as undelivered.
        errors: Messages with an unknown outcome, or that the provider could not take.
    """

    messages: int = 0
    awaited: int = 0
    fast: int = 0
    late: int = 0
    failed: int = 0
    errors: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Return the sums."""
        return Counts(
            self.messages + other.messages,
            self.awaited + other.awaited,
            self.fast + other.fast,
            self.late + other.late,
            self.failed + other.failed,
            self.errors + other.errors,
        )


@dataclass(frozen=True, slots=True)
class Weight:
    """The weight of a step.

    Attributes:
        value: The percentage of messages for which the step keeps its place.
        changed: Time of the last change in milliseconds since 1970; None without one.
        reason: Why it changed; None without a change.
    """

    value: int = REST
    changed: int | None = None
    reason: Reason | None = None

    def age(self, now: int) -> float:
        """Return the milliseconds since the last change; infinite without one."""
        return inf if self.changed is None else now - self.changed


AT_REST = Weight()
"""The weight of a step that never changed."""


@dataclass(frozen=True, slots=True)
class HealthFigures:
    """What an operator watches of one step.

    Attributes:
        weight: The weight in percent.
        late_share: The share of the messages that did not arrive in time.
        errors: Errors of the last minute.
    """

    weight: int = REST
    late_share: float = 0.0
    errors: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHealth:
    """The counts and the weight of one step.

    Attributes:
        step: The step.
        minutes: The counts by the minute since 1970 in which the message was accepted.
        weight: The weight.
    """

    step: Step
    minutes: Mapping[int, Counts] = field(default_factory=dict)
    weight: Weight = AT_REST

    @property
    def has_reports(self) -> bool:
        """Whether a stored minute has a delivery report."""
        return any(
            counts.fast or counts.late or counts.failed
            for counts in self.minutes.values()
        )

    def recent(self, now: int) -> Counts:
        """Return the sums of the last ten minutes and the running one."""
        last = now // _MINUTE
        return self._sum(range(last - _PERIOD, last + 1))

    def slow_share(self, now: int, slow_after: timedelta) -> float:
        """Return `late_share`, and 0 where it is None."""
        return self.late_share(now, slow_after) or 0.0

    def late_share(self, now: int, slow_after: timedelta) -> float | None:
        """Return the share of the messages that did not arrive in time.

        Only messages count that are older than the threshold. A message that the
        provider reports as undelivered is left out, because a phone that is off is no
        fault of the provider. Without a single report in the stored minutes, the
        reports may be missing and not the messages.

        Args:
            now: The time in milliseconds since 1970.
            slow_after: The time after which a message is late.

        Returns:
            The share; None with fewer than `MIN_MESSAGES`, or without reports.
        """
        if not self.has_reports:
            return None
        late_after = threshold(self.step.channel, slow_after)
        last = (now - round(late_after.total_seconds() * 1000)) // _MINUTE
        counts = self._sum(range(last - _PERIOD, last))
        awaited = counts.awaited - counts.failed
        if awaited < MIN_MESSAGES:
            return None
        return max(0, awaited - counts.fast) / awaited

    def errors(self, now: int) -> float:
        """Return the errors of the last 60 seconds.

        Those of the previous minute count by the part of it that is in the 60 seconds.
        """
        minute, milliseconds = divmod(now, _MINUTE)
        current = self.minutes.get(minute, Counts()).errors
        previous = self.minutes.get(minute - 1, Counts()).errors
        return current + previous * (_MINUTE - milliseconds) / _MINUTE

    def figures(self, now: int, slow_after: timedelta) -> HealthFigures:
        """Return the weight, and what it follows from; see `slow_share`."""
        share = self.slow_share(now, slow_after)
        return HealthFigures(self.weight.value, share, self.errors(now))

    def _sum(self, minutes: Iterable[int]) -> Counts:
        return sum((self.minutes.get(minute, Counts()) for minute in minutes), Counts())


def threshold(channel: Channel, slow_after: timedelta) -> timedelta:
    """Return the time after which a message of a channel is late.

    Args:
        channel: The channel.
        slow_after: The setting, for channels that report an arrival at once.
    """
    return slow_after + _CALL_DURATION if channel is Channel.CALL else slow_after


def decide(
    healths: Iterable[StepHealth], now: int, slow_after: timedelta
) -> dict[Step, Weight]:
    """Return the new weights of the steps with a change that is due.

    Args:
        healths: The health of every step that the settings offer.
        now: The time in milliseconds since 1970.
        slow_after: The time after which a message is late.
    """
    healths = tuple(healths)
    slow = {
        health.step
        for health in healths
        if health.slow_share(now, slow_after) >= SLOW_SHARE
    }
    failing = {health.step for health in healths if health.errors(now) >= MAX_ERRORS}
    steps = [health.step for health in healths]
    changes = {}
    for health in healths:
        weight, step = health.weight, health.step
        reason = _find_fault(step, steps, slow, failing)
        value = _next_value(weight, reason, now)
        if value != weight.value:
            changed = reason or Reason.RECOVERED
            changes[step] = replace(weight, value=value, changed=now, reason=changed)
    return changes


def _find_fault(
    step: Step, steps: Iterable[Step], slow: set[Step], failing: set[Step]
) -> Reason | None:
    """Return the fault of a provider; None without one, and for one that all share."""
    others = [
        other for other in steps if other.channel == step.channel and other != step
    ]
    if step in failing and not (others and failing.issuperset(others)):
        return Reason.ERRORS
    # With one provider, nothing shows whether it or the networks are slow.
    if step in slow and not slow.issuperset(others):
        return Reason.SLOW
    return None


def _next_value(weight: Weight, fault: Reason | None, now: int) -> int:
    age = weight.age(now)
    period = PERIOD.total_seconds() * 1000
    if fault:
        pause = _MINUTE if fault is Reason.ERRORS else period
        return max(LEAST, weight.value - CHANGE) if age >= pause else weight.value
    if weight.value >= REST:
        return weight.value
    return min(REST, weight.value + CHANGE * int(age // period))
