"""The rules that a replay applies: limits, and switches."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from otp_engine.domain.replay.sends import RecordedSend, Step

Windows = tuple[tuple[int, int], ...]
"""The windows of a limit: the count of each, and its period in milliseconds."""

Hits = Callable[[RecordedSend], Sequence[tuple[str, Windows]]]
"""Returns what a limit counts a send by, each with its windows."""


class Rule(Protocol):
    """A rule of the proposed policy.

    Attributes:
        name: Its name in `refused` events.
        step: The step at which it decides.
    """

    @property
    def name(self) -> str:
        """Return the name."""

    @property
    def step(self) -> Step:
        """Return the step."""

    def refuses(self, send: RecordedSend, at: int) -> bool:
        """Return whether the rule refuses a send at a time; this counts nothing."""

    def count(self, send: RecordedSend, at: int) -> None:
        """Count a send that no rule of its step refused."""

    def release(self, send: RecordedSend, at: int) -> None:
        """Release a send that the rule counted."""

    def approve(
        self, phone_hash: str, messages: Sequence[RecordedSend], at: int
    ) -> None:
        """Credit an approval.

        Args:
            phone_hash: The phone.
            messages: The messages of the verification that were not refused; empty if
                the newest one was, because people enter the newest code.
            at: The time of the approval.
        """


@dataclass(slots=True)
class EventTimes:
    """The times of the events of one identifier, as the log of a limit has them.

    A window of a period counts the events after its start, as
    `sliding_window_log.lua` does: an event of exactly one period ago is not counted.
    """

    times: list[int] = field(default_factory=list)
    first: int = 0

    def used(self, since: int) -> int:
        """Return the number of events after the time *since*."""
        return len(self.times) - bisect_right(self.times, since, self.first)

    def add(self, at: int, oldest: int) -> None:
        """Add an event, and drop those up to the time *oldest*."""
        self.times.append(at)
        self.first = bisect_right(self.times, oldest, self.first)
        if self.first > len(self.times) // 2:
            del self.times[: self.first]
            self.first = 0

    def remove(self, at: int) -> None:
        """Remove one event of the time *at*, if there is one."""
        index = bisect_left(self.times, at, self.first)
        if index < len(self.times) and self.times[index] == at:
            del self.times[index]


@dataclass(slots=True, kw_only=True)
class WindowRule:
    """A limit: at most so many sends in any period, for each of its identifiers.

    Attributes:
        name: The name of the limit.
        step: The step at which it counts.
        hits: Returns what it counts a send by.
    """

    name: str
    step: Step
    hits: Hits
    _logs: dict[str, EventTimes] = field(default_factory=dict)

    def refuses(self, send: RecordedSend, at: int) -> bool:
        """Return whether a window of the limit is full."""
        return any(
            log.used(at - period) >= count
            for identifier, windows in self.hits(send)
            if (log := self._logs.get(identifier))
            for count, period in windows
        )

    def count(self, send: RecordedSend, at: int) -> None:
        """Count a send."""
        for identifier, windows in self.hits(send):
            log = self._logs.setdefault(identifier, EventTimes())
            log.add(at, at - max(period for _, period in windows))

    def release(self, send: RecordedSend, at: int) -> None:
        """Release a send; a requester stays counted."""
        del at
        if self.step > Step.REQUESTER:
            for identifier, _ in self.hits(send):
                if log := self._logs.get(identifier):
                    log.remove(send.at(self.step))

    def approve(
        self, phone_hash: str, messages: Sequence[RecordedSend], at: int
    ) -> None:
        """Do nothing: an approval changes no window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRule:
    """A rule that needs only the send: whether its destination is served.

    Attributes:
        name: Its name in `refused` events.
        is_off: Returns whether a send is refused.
        step: The step at which it decides.
    """

    name: str
    is_off: Callable[[RecordedSend], bool]
    step: Step = Step.ENTRY

    def refuses(self, send: RecordedSend, at: int) -> bool:
        """Return whether the send is refused."""
        del at
        return self.is_off(send)

    def count(self, send: RecordedSend, at: int) -> None:
        """Do nothing: a switch counts nothing."""

    def release(self, send: RecordedSend, at: int) -> None:
        """Do nothing."""

    def approve(
        self, phone_hash: str, messages: Sequence[RecordedSend], at: int
    ) -> None:
        """Do nothing."""
