"""The decisions of the pumping guard, without Redis and without a clock.

`store/lua/lib/pumping_guard.lua` has the same arithmetic, and a test compares both over
random streams. `GuardState` holds the places as Redis does: as text, by their names.

Rules are in this order; the first one that applies decides:

1. a proven phone, or a recipient that a client vouches for, passes;
2. a suspended place refuses;
3. a country or network with too many unproven messages is closed, the wider first;
4. under pressure, a block with fewer than three approvals may have few unproven ones;
5. any other block may have more;
6. a block over 4 or 5 is suspended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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
class _Reading:
    """The places of a destination at one time, with what its rules allow.

    Attributes:
        places: The state of each place, the narrowest first.
        pressed: The levels that are under pressure.
        block_allowance: Unproven messages that the block may have.
    """

    places: Mapping[Level, Place]
    pressed: frozenset[Level]
    block_allowance: int


@dataclass(slots=True)
class GuardState:
    """The places and the usual share, as the hash of the guard in Redis holds them.

    Attributes:
        fields: The stored texts by their names.
    """

    fields: dict[str, str] = field(default_factory=dict)

    def place(self, name: str) -> Place:
        """Return the stored state of a place, which is empty without one."""
        return Place.parse(self.fields.get(name, ""))

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
        reading = self._read(destination, rules, now)
        if not passes and (refusal := self._refuse(destination, rules, reading)):
            if rules.mode is GuardMode.ON:
                raise refusal
            suspension = Suspension.from_error(refusal)
            return GuardUsage(
                would_refuse=suspension,
                suspension=suspension if refusal.is_new else None,
            )
        return GuardUsage(
            counted=True, pressures=self._charge(destination, rules, reading)
        )

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
        share = self._share(now)
        usual = min(rules.conversion, _USUAL_SHARE * share.value)
        more = 1 / max(_LEAST_CONVERSION, usual) - 1
        for level, place in self._read(destination, rules, now).places.items():
            credited = replace(
                place.counted(level, -(messages + more)),
                approvals=place.approvals + 1,
                recent_approvals=place.recent_approvals + 1,
            )
            self._store(destination.name(level), credited)
        self.fields[USUAL] = str(replace(share, approved=share.approved + 1))

    def release(self, destination: Destination, rules: GuardRules, *, now: int) -> None:
        """Take back one counted message, which was not sent."""
        share = self._share(now)
        for level, place in self._read(destination, rules, now).places.items():
            self._store(destination.name(level), place.counted(level, -1))
        self.fields[USUAL] = str(replace(share, sent=max(0.0, share.sent - 1)))

    def _share(self, now: int) -> Share:
        return Share.parse(self.fields.get(USUAL, "")).read(now)

    def _store(self, name: str, place: Place) -> None:
        self.fields[name] = str(place)

    def _read(self, destination: Destination, rules: GuardRules, now: int) -> _Reading:
        """Read the places, the widest first: pressure decides about the block."""
        places: dict[Level, Place] = {}
        pressed: set[Level] = set()
        allowance = rules.block
        for level, name in reversed(destination.places.items()):
            place, ended = self.place(name).read(level, now)
            if level is Level.BLOCK:
                if pressed and place.approvals < _APPROVALS_OF_PAST:
                    allowance = min(rules.block, rules.strict)
                most: float | None = allowance
            else:
                most = _allowance(place, rules.wide, _WIDE_PER_APPROVAL)
            if ended is not None:
                place = _restart(place, level, most, ended)
            if place.is_quiet():
                place = Place(at=now)
            if level is not Level.BLOCK and _is_pressed(place, rules):
                pressed.add(level)
            places[level] = place
        in_order = {level: places[level] for level in Level}
        return _Reading(in_order, frozenset(pressed), allowance)

    def _refuse(
        self, destination: Destination, rules: GuardRules, reading: _Reading
    ) -> DestinationSuspended | None:
        """Return the error of a message that the rules 2 to 6 refuse."""
        suspended = [
            (place.until, level)
            for level, place in reading.places.items()
            if place.is_suspended
        ]
        if suspended:
            # The first of several with the same end is the narrowest one.
            _, level = max(suspended, key=lambda found: found[0])
            return _error(destination, level, reading.places[level], is_new=False)
        for level in (Level.COUNTRY, Level.NETWORK):
            place = reading.places[level]
            most = _allowance(place, rules.wide, _WIDE_PER_APPROVAL)
            if most is not None and place.unproven + 1 > most:
                return self._suspend(destination, level, place)
        block = reading.places[Level.BLOCK]
        if block.unproven + 1 > reading.block_allowance:
            return self._suspend(destination, Level.BLOCK, block)
        return None

    def _suspend(
        self, destination: Destination, level: Level, place: Place
    ) -> DestinationSuspended:
        doubled = level.first_suspension * 2 ** min(place.trips, _MOST_DOUBLINGS)
        duration = min(level.longest_suspension, doubled)
        suspended = replace(place, until=place.at + duration, trips=place.trips + 1)
        self._store(destination.name(level), suspended)
        return _error(destination, level, suspended, is_new=True)

    def _charge(
        self, destination: Destination, rules: GuardRules, reading: _Reading
    ) -> tuple[Pressure, ...]:
        """Count one message; return the pressure that it starts."""
        pressures = []
        for level, place in reading.places.items():
            name, charged = destination.name(level), place.counted(level, 1)
            if (
                level is not Level.BLOCK
                and level not in reading.pressed
                and _is_pressed(charged, rules)
                and not 0 <= place.at - place.pressed_at < _PRESSURE_REPORTED_EVERY
            ):
                charged = replace(charged, pressed_at=place.at)
                pressures.append(
                    Pressure(
                        level=level,
                        prefix=name,
                        country=destination.country,
                        unproven=charged.unproven,
                    )
                )
            self._store(name, charged)
        at = reading.places[Level.BLOCK].at
        share = self._share(at)
        self.fields[USUAL] = str(replace(share, sent=share.sent + 1))
        return tuple(pressures)


def _allowance(place: Place, most: int | None, per_approval: float) -> float | None:
    return None if most is None else most + per_approval * place.hourly_approvals


def _is_pressed(place: Place, rules: GuardRules) -> bool:
    most = _allowance(place, rules.pressure, _PRESSURE_PER_APPROVAL)
    return most is not None and place.unproven + 1 > most


def _restart(place: Place, level: Level, most: float | None, ended: int) -> Place:
    """Return a place after its suspension: it has room for the probes."""
    if most is None:
        return place
    unproven = halve(max(0.0, most - level.probes), ended, MS_PER_DAY)
    if level is not Level.BLOCK:
        unproven = min(unproven, place.unproven)
    return replace(place, unproven=unproven)


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
