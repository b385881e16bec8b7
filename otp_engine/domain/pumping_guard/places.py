"""The places of a number, and the state that the pumping guard has of each."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

MS_PER_HOUR = 3_600_000
MS_PER_DAY = 24 * MS_PER_HOUR
MS_PER_WEEK = 7 * MS_PER_DAY

_HOURS_PER_WEEK = 168
# A place below both is the same as one that has no entry, so its entry can be deleted.
_QUIET_UNPROVEN = 0.1
_QUIET_APPROVALS = 0.5
_TEXT = re.compile(
    r"(\S+) (\S+) (\S+) (-?[0-9]+) (-?[0-9]+) ([0-9]+) (-?[0-9]+)", re.ASCII
)


class Level(StrEnum):
    """The kind of a place, the narrowest first."""

    BLOCK = "block"
    NETWORK = "network"
    COUNTRY = "country"

    @property
    def longest_suspension(self) -> int:
        """The longest suspension of such a place, in milliseconds."""
        return MS_PER_WEEK if self is Level.BLOCK else 4 * MS_PER_HOUR

    @property
    def first_suspension(self) -> int:
        """The suspension of such a place after its first trip, in milliseconds."""
        return 12 * MS_PER_HOUR if self is Level.BLOCK else MS_PER_HOUR // 4

    @property
    def trips_kept(self) -> int:
        """Time after a suspension in which its trip counts, in milliseconds."""
        return MS_PER_WEEK if self is Level.BLOCK else MS_PER_DAY

    @property
    def probes(self) -> int:
        """Number of messages that such a place may have after a suspension."""
        return 3 if self is Level.BLOCK else 5


HIDDEN_DIGIT = "x"
"""Stands for each of the last digits in the name of a block of short numbers."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The places of one number.

    Attributes:
        block: The 10,000 numbers that differ in the last four digits: `+22177999`. The
            name of a block of short numbers has these digits as well: `+43650xxxx`.
        network: Calling code and first digits: `+221779`. It is a prefix of the block.
        country: ISO 3166 code, or `001`.
    """

    block: str
    network: str
    country: str

    @property
    def places(self) -> dict[Level, str]:
        """The names of the places, the narrowest first."""
        return dict(reversed(self.from_widest))

    @property
    def from_widest(self) -> list[tuple[Level, str]]:
        """The places with their names, the widest first."""
        return [
            (Level.COUNTRY, self.country),
            (Level.NETWORK, self.network),
            (Level.BLOCK, self.block),
        ]

    def name(self, level: Level) -> str:
        """Return the name of the place of one *level*."""
        return self.places[level]


@dataclass(slots=True, kw_only=True)
class Place:
    """The state of a place at one time; each `read` returns another one.

    Attributes:
        unproven: Unproven messages; halves in a day, and stays while a block is
            suspended.
        approvals: Approvals; halves in seven days.
        recent_approvals: Approvals; halves in an hour.
        at: The time of the state, in milliseconds since 1970.
        until: The end of the suspension, in milliseconds since 1970; 0 without one.
        trips: Number of suspensions in a row by the guard. An operator's has none.
        pressed_at: When the last start of pressure was reported; 0 if it never was.
    """

    unproven: float = 0.0
    approvals: float = 0.0
    recent_approvals: float = 0.0
    at: int = 0
    until: int = 0
    trips: int = 0
    pressed_at: int = 0

    @classmethod
    def parse(cls, text: str) -> Place:
        """Parse the stored text; one that is not valid is an empty place."""
        if not (match := _TEXT.fullmatch(text)):
            return cls()
        try:
            scores = [float(number) for number in match.groups()[:3]]
        except ValueError:
            return cls()
        if not all(math.isfinite(score) and score >= 0 for score in scores):
            return cls()
        at, until, trips, pressed_at = (int(number) for number in match.groups()[3:])
        return cls(
            unproven=scores[0],
            approvals=scores[1],
            recent_approvals=scores[2],
            at=at,
            until=until,
            trips=trips,
            pressed_at=pressed_at,
        )

    def __str__(self) -> str:
        scores = (self.unproven, self.approvals, self.recent_approvals)
        text = " ".join(f"{score:.14g}" for score in scores)
        return f"{text} {self.at} {self.until} {self.trips} {self.pressed_at}"

    @property
    def is_suspended(self) -> bool:
        """Whether the place was suspended at the time of this state."""
        return self.until > self.at

    def is_frozen(self, level: Level) -> bool:
        """Return whether messages and approvals leave `unproven` as it is.

        While a block is suspended by the guard nothing is forgiven, so nothing is
        counted. A closed network or country has many phones that still pass, and their
        approvals open it earlier.
        """
        return level is Level.BLOCK and self.is_suspended and self.trips > 0

    @property
    def hourly_approvals(self) -> float:
        """Approvals of an hour: of the last hours, or of a usual hour of the week."""
        usual = self.approvals / _HOURS_PER_WEEK
        return math.log(2) * max(usual, self.recent_approvals)

    def read(self, level: Level, now: int) -> tuple[Place, int | None]:
        """Return the state at a time that is not before this one.

        A clock that was set back does not change the scores, and shortens a suspension
        that would otherwise be longer than the longest one.

        Args:
            level: The kind of the place.
            now: Milliseconds since 1970.

        Returns:
            The state, and the time since the end of a suspension, in milliseconds, if
            this is the first state after it; else None. The caller then sets `unproven`
            to leave room for the probes.
        """
        until, trips = self.until, self.trips
        if trips > 0:
            until = min(until, now + level.longest_suspension)
        age = max(0, now - self.at)
        unproven, ended = self.unproven, None
        if not (level is Level.BLOCK and trips > 0 and until > now):
            unproven = halve(unproven, age, MS_PER_DAY)
        if trips > 0 and self.at < until <= now:
            ended = now - until
        if until <= now and (trips == 0 or now - until >= level.trips_kept):
            until, trips = 0, 0
        place = Place(
            unproven=unproven,
            approvals=halve(self.approvals, age, MS_PER_WEEK),
            recent_approvals=halve(self.recent_approvals, age, MS_PER_HOUR),
            at=now,
            until=until,
            trips=trips,
            pressed_at=self.pressed_at,
        )
        return place, ended

    def is_quiet(self) -> bool:
        """Return whether the state is the same as that of a place without an entry."""
        return (
            self.unproven < _QUIET_UNPROVEN
            and self.approvals < _QUIET_APPROVALS
            and self.until == 0
        )

    def count(self, level: Level, messages: float) -> None:
        """Add *messages* unproven ones; negative for fewer."""
        if not self.is_frozen(level):
            self.unproven = max(0.0, self.unproven + messages)

    def round(self) -> None:
        """Round the scores to what their stored text has."""
        self.unproven = round_score(self.unproven)
        self.approvals = round_score(self.approvals)
        self.recent_approvals = round_score(self.recent_approvals)


def halve(score: float, age: int, half_life: int) -> float:
    """Return a *score* after *age* milliseconds, of which it halves in *half_life*."""
    return score * math.pow(2.0, -age / half_life)


def round_score(score: float) -> float:
    """Return a score as its stored text has it: a script reads what another wrote."""
    return float(f"{score:.14g}")


@dataclass(slots=True, kw_only=True)
class Share:
    """The share of messages that is usually typed in, in all places together.

    Attributes:
        sent: Messages; halves in seven days.
        approved: Approvals; halves in seven days.
        at: The time of the state, in milliseconds since 1970.
    """

    sent: float = 0.0
    approved: float = 0.0
    at: int = 0

    @classmethod
    def parse(cls, text: str) -> Share:
        """Parse the stored text; one that is not valid is an empty share."""
        match = re.fullmatch(r"(\S+) (\S+) (-?[0-9]+)", text, re.ASCII)
        try:
            sent, approved, at = match.groups() if match else ("", "", "")
            share = cls(sent=float(sent), approved=float(approved), at=int(at))
        except ValueError:
            return cls()
        if not (math.isfinite(share.sent) and math.isfinite(share.approved)):
            return cls()
        return share

    def __str__(self) -> str:
        return f"{self.sent:.14g} {self.approved:.14g} {self.at}"

    def read(self, now: int) -> Share:
        """Return the state at a time that is not before this one."""
        age = max(0, now - self.at)
        return Share(
            sent=halve(self.sent, age, MS_PER_WEEK),
            approved=halve(self.approved, age, MS_PER_WEEK),
            at=now,
        )

    def round(self) -> None:
        """Round the scores to what their stored text has."""
        self.sent = round_score(self.sent)
        self.approved = round_score(self.approved)

    @property
    def value(self) -> float:
        """The share; with few messages it is near two thirds."""
        # As if there were 100 messages more: the first ones of a new service would
        # otherwise decide.
        return (self.approved + 200 / 3) / (self.sent + 100)
