"""The rules of the pumping guard for one country, and the suspensions they start."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from otp_engine.domain.pumping_guard.places import Level
from otp_engine.errors import DestinationSuspended


class GuardMode(StrEnum):
    """Whether the guard counts, and whether it refuses."""

    OFF = "off"
    SHADOW = "shadow"
    ON = "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRules:
    """The rules for the destinations of one country.

    Attributes:
        mode: Whether the guard counts, and whether it refuses.
        block: Unproven messages that a block may have.
        strict: Those of a block with fewer than three approvals, under pressure.
        pressure: Unproven messages of a network or a country that may be open before it
            is under pressure; None turns the rule off.
        wide: Those that may be open before it is closed; None turns the rule off.
        conversion: Share of the messages that is usually typed in at least; each
            approval forgives the messages of its verification, and as many more as this
            share permits.
    """

    mode: GuardMode
    block: int = 10
    strict: int = 3
    pressure: int | None = 10
    wide: int | None = 40
    conversion: float = 0.4

    @property
    def is_off(self) -> bool:
        """Whether the guard neither counts nor refuses."""
        return self.mode is GuardMode.OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """A suspension of a block, or the closing of a network or country.

    Attributes:
        level: The kind of the place.
        prefix: The place: a prefix of numbers, or the code of a country.
        country: ISO 3166 code of the place.
        unproven: Unproven messages at the start.
        until: The end.
        trips: Number of suspensions of the place in a row, with this one; 0 for one by
            an operator.
    """

    level: Level
    prefix: str
    country: str
    unproven: float
    until: datetime
    trips: int

    @classmethod
    def from_error(cls, error: DestinationSuspended) -> Suspension:
        """Return the suspension that refused a request; `is_new` if it started it."""
        return cls(
            level=Level(error.level),
            prefix=error.prefix,
            country=error.country,
            unproven=error.unproven,
            until=error.until,
            trips=error.trips,
        )

    def to_error(self, *, is_new: bool, at: datetime) -> DestinationSuspended:
        """Return the error of a message that the suspension refuses.

        Args:
            is_new: Whether the message started the suspension.
            at: The time of the message.
        """
        return DestinationSuspended(
            level=self.level,
            prefix=self.prefix,
            country=self.country,
            unproven=self.unproven,
            until=self.until,
            trips=self.trips,
            is_new=is_new,
            retry_after=self.until - at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """The start of pressure on a network or country.

    Attributes:
        level: The kind of the place.
        prefix: The place: a prefix of numbers, or the code of a country.
        country: ISO 3166 code of the place.
        unproven: Unproven messages of the place.
    """

    level: Level
    prefix: str
    country: str
    unproven: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardUsage:
    """What the guard did with a message that was not refused.

    Attributes:
        counted: Whether the guard counted the message. Its approval forgives otherwise
            nothing.
        would_refuse: In shadow mode, the suspension that would have refused the
            message; None if none would.
        suspension: The suspension that the message started, in shadow mode only.
        pressures: The pressure that the message started.
    """

    counted: bool = False
    would_refuse: Suspension | None = None
    suspension: Suspension | None = None
    pressures: tuple[Pressure, ...] = ()


UNGUARDED = GuardUsage()
"""The usage of a message that the guard does not look at."""


def to_datetime(milliseconds: int) -> datetime:
    """Return the time in UTC, from milliseconds since 1970."""
    return datetime.fromtimestamp(0, tz=UTC) + timedelta(milliseconds=milliseconds)
