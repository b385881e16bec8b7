"""The decisions of the pumping guard, without Redis and without a clock.

`store/lua/lib/pumping_guard.lua` has the same arithmetic, and a test compares both over
random streams. `GuardState` holds the places as Redis does: by their names, with the
digits of the stored texts.

Rules are in this order; the first one that applies decides:

1. a proven phone, or a recipient that a client vouches for, passes;
2. a suspended place refuses;
3. a country or network with too many unproven messages is closed, the wider first;
4. under pressure, a block with fewer than three approvals may have few unproven ones;
5. any other block may have more;
6. a block over 4 or 5 is suspended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from otp_engine.domain.pumping_guard.places import (
    MS_PER_DAY,
    MS_PER_HOUR,
    Destination,
    Level,
    Place,
    Share,
    halve,
)
from otp_engine.domain.pumping_guard.rules import (
    UNGUARDED,
    GuardMode,
    GuardRules,
    GuardUsage,
    Pressure,
    Suspension,
    to_datetime,
)
from otp_engine.errors import DestinationSuspended

USUAL = "usual"
"""The field of the share that is usually typed in; every other field is a place."""

# A busy network or country may have more unproven messages.
_PRESSURE_PER_APPROVAL = 0.05
_WIDE_PER_APPROVAL = 0.3
# Approvals that a block needs to count as one with a past.
_APPROVALS_OF_PAST = 3
_USUAL_SHARE = 0.6
_LEAST_CONVERSION = 0.15
_PRESSURE_REPORTED_EVERY = MS_PER_HOUR
_MOST_DOUBLINGS = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """The places of a destination at one time, with what its rules allow.

    Attributes:
        destination: The destination.
        rules: The rules of its country.
        at: The time, in milliseconds since 1970.
        places: The state of each place with its name, the widest first.
        pressed: The levels that are under pressure.
        block_allowance: Unproven messages that the block may have.
    """

    destination: Destination
    rules: GuardRules
    at: int
    places: Sequence[tuple[Level, str, Place]]
    pressed: Sequence[Level]
    block_allowance: int

    @property
    def block(self) -> Place:
        """The state of the block."""
        return self.places[-1][2]

    @property
    def has_past(self) -> bool:
        """Whether the block has enough approvals."""
        return self.block.approvals >= _APPROVALS_OF_PAST


@dataclass(slots=True)
class GuardState:
    """The places and the usual share, as the hash of the guard in Redis holds them.

    A stored place is never changed, only replaced.

    Attributes:
        places: The places by their names, with scores as the stored texts have them.
        share: The share that is usually typed in; None before the first message.
    """

    places: dict[str, Place] = field(default_factory=dict)
    share: Share | None = None

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> GuardState:
        """Return the state of stored texts by their names."""
        usual = fields.get(USUAL)
        return cls(
            {name: Place.parse(fields[name]) for name in fields if name != USUAL},
            None if usual is None else Share.parse(usual),
        )

    @property
    def fields(self) -> dict[str, str]:
        """The stored texts by their names."""
        texts = {name: str(place) for name, place in self.places.items()}
        return texts if self.share is None else texts | {USUAL: str(self.share)}

    def place(self, name: str) -> Place:
        """Return the stored state of a place, which is empty without one."""
        return self.places.get(name) or Place()

    def decide(
        self, destination: Destination, rules: GuardRules, *, now: int, passes: bool
    ) -> GuardUsage:
        """Count one message in the places of its number, or refuse it.

        Args:
            destination: The places.
            rules: The rules of the country.
            now: The time of the message, in milliseconds since 1970.
            passes: Whether the phone is proven, or a client vouches for the recipient.

        Returns:
            What the guard did.

        Raises:
            DestinationSuspended: The guard refuses, and is not in shadow mode. Only a
                suspension that this message started is stored.
        """
        if rules.is_off:
            return UNGUARDED
        reading = self.read(destination, rules, now=now)
        if not passes and (refusal := self.find_refusal(reading)):
            if rules.mode is GuardMode.ON:
                raise refusal
            suspension = Suspension.from_error(refusal)
            return GuardUsage(
                would_refuse=suspension,
                suspension=suspension if refusal.is_new else None,
            )
        return GuardUsage(counted=True, pressures=self.charge(reading))

    def credit(
        self, destination: Destination, rules: GuardRules, *, now: int, messages: int
    ) -> None:
        """Forgive unproven messages after an approval.

        Args:
            destination: The places of the number.
            rules: The rules of its country.
            now: Milliseconds since 1970.
            messages: Counted messages of the verification. With none, nothing changes.
        """
        if messages <= 0:
            return
        share = self._read_share(now)
        usual = min(rules.conversion, _USUAL_SHARE * share.value)
        more = 1 / max(_LEAST_CONVERSION, usual) - 1
        reading = self.read(destination, rules, now=now)
        for level, _, place in reading.places:
            place.count(level, -(messages + more))
            place.approvals += 1
            place.recent_approvals += 1
        share.approved += 1
        self._store(reading, share)

    def release(self, destination: Destination, rules: GuardRules, *, now: int) -> None:
        """Take back one counted message, which was not sent."""
        reading, share = self.read(destination, rules, now=now), self._read_share(now)
        for level, _, place in reading.places:
            place.count(level, -1)
        share.sent = max(0.0, share.sent - 1)
        self._store(reading, share)

    def read(self, destination: Destination, rules: GuardRules, *, now: int) -> Reading:
        """Read the places, the widest first: pressure decides about the block."""
        places: list[tuple[Level, str, Place]] = []
        pressed: list[Level] = []
        allowance = rules.block
        for level, name in destination.from_widest:
            place, ended = self.place(name).read(level, now)
            if (
                level is Level.BLOCK
                and pressed
                and place.approvals < _APPROVALS_OF_PAST
            ):
                allowance = min(rules.block, rules.strict)
            if ended is not None:
                most: float | None = allowance
                if level is not Level.BLOCK:
                    most = _allowance(place, rules.wide, _WIDE_PER_APPROVAL)
                _restart(place, level, most, ended)
            if place.is_quiet():
                place = Place(at=now)
            if level is not Level.BLOCK and _is_pressed(place, rules):
                pressed.append(level)
            places.append((level, name, place))
        return Reading(destination, rules, now, places, pressed, allowance)

    def find_refusal(self, reading: Reading) -> DestinationSuspended | None:
        """Return the error of a message that the rules 2 to 6 refuse.

        Only a suspension that starts with it is stored.
        """
        suspended = [
            (place.until, level, place)
            for level, _, place in reversed(reading.places)
            if place.is_suspended
        ]
        if suspended:
            # The first of several with the same end is the narrowest one.
            _, level, place = max(suspended, key=itemgetter(0))
            return _error(reading.destination, level, place, is_new=False)
        for level, name, place in reading.places:
            most: float | None = reading.block_allowance
            if level is not Level.BLOCK:
                most = _allowance(place, reading.rules.wide, _WIDE_PER_APPROVAL)
            if most is not None and place.unproven + 1 > most:
                return self._suspend(reading.destination, level, name, place)
        return None

    def charge(self, reading: Reading) -> tuple[Pressure, ...]:
        """Count one message; return the pressure that it starts."""
        pressures = []
        for level, name, place in reversed(reading.places):
            place.count(level, 1)
            if (
                level is not Level.BLOCK
                and level not in reading.pressed
                and _is_pressed(place, reading.rules)
                and not 0 <= place.at - place.pressed_at < _PRESSURE_REPORTED_EVERY
            ):
                place.pressed_at = place.at
                pressures.append(
                    Pressure(
                        level=level,
                        prefix=name,
                        country=reading.destination.country,
                        unproven=place.unproven,
                    )
                )
        share = self._read_share(reading.at)
        share.sent += 1
        self._store(reading, share)
        return tuple(pressures)

    def _read_share(self, now: int) -> Share:
        return (self.share or Share()).read(now)

    def _store(self, reading: Reading, share: Share) -> None:
        for _, name, place in reading.places:
            place.round()
            self.places[name] = place
        share.round()
        self.share = share

    def _suspend(
        self, destination: Destination, level: Level, name: str, place: Place
    ) -> DestinationSuspended:
        doubled = level.first_suspension * 2 ** min(place.trips, _MOST_DOUBLINGS)
        place.until = place.at + min(level.longest_suspension, doubled)
        place.trips += 1
        error = _error(destination, level, place, is_new=True)
        place.round()
        self.places[name] = place
        return error


def _allowance(place: Place, most: int | None, per_approval: float) -> float | None:
    return None if most is None else most + per_approval * place.hourly_approvals


def _is_pressed(place: Place, rules: GuardRules) -> bool:
    most = _allowance(place, rules.pressure, _PRESSURE_PER_APPROVAL)
    return most is not None and place.unproven + 1 > most


def _restart(place: Place, level: Level, most: float | None, ended: int) -> None:
    """Give a place room for the probes after its suspension."""
    if most is None:
        return
    unproven = halve(max(0.0, most - level.probes), ended, MS_PER_DAY)
    place.unproven = unproven if level is Level.BLOCK else min(unproven, place.unproven)


def _error(
    destination: Destination, level: Level, place: Place, *, is_new: bool
) -> DestinationSuspended:
    suspension = Suspension(
        level=level,
        prefix=destination.name(level),
        country=destination.country,
        unproven=place.unproven,
        until=to_datetime(place.until),
        trips=place.trips,
    )
    return suspension.to_error(is_new=is_new, at=to_datetime(place.at))
