"""Good people: when they request a code, from where, and what they do with it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tests.fault_injection.drill.actors import (
    DAY,
    HOUR,
    MINUTE,
    Actor,
    Api,
    Check,
    Role,
    Send,
)
from tests.fault_injection.drill.countries import (
    COUNTRIES,
    Country,
    address_in,
    block_of,
    number_in,
    random_block,
    seeded,
)

RETURNING = 0.3
TRAVELERS = 0.03
USE_NAT = {"IN": 0.15, "NG": 0.3, "ID": 0.15}
BURST_COUNTRY, BURST_RECIPIENTS, BURST_AT = "IN", 100, 13 * HOUR
OFFICE_COUNTRY, OFFICE_RECIPIENTS, OFFICE_AT = "DE", 12, 9 * HOUR
CLASS_COUNTRY, CLASS_SIZE, CLASS_AT = "GB", 25, 9 * HOUR
BUSY_COUNTRY, BUSY_RECIPIENTS = "IN", 60
NEW_RANGE_COUNTRY, NEW_RANGE_RECIPIENTS = "PH", 20
_APIS = {Api.KEY: 0.7, Api.VERIFY_V2: 0.2, Api.PAGE: 0.1}
# Share of a day's requests in each hour of the country's own clock.
_BY_HOUR = (1, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 10, 9, 9, 9, 9, 9, 10, 11, 11, 9, 7, 4, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A good person on one day.

    Attributes:
        role: The role.
        at: Seconds since the start of the day.
        phone: The number in E.164.
        address: The address.
        api: The way of the requests.
        types: Whether the person types the code in.
        resends: Whether the person requests a second message.
        mistypes: Whether the first code has a typing error.
        pause: Seconds from a message until the next action.
        vouched: Whether the client vouches for the person.
    """

    role: Role
    at: float
    phone: str
    address: str
    api: Api
    types: bool
    resends: bool
    mistypes: bool
    pause: float
    vouched: bool = False

    def act(self) -> Actor:
        """Request a code, and type it in or give up."""
        who = (self.phone, self.address, self.api)
        now = self.at
        if not (yield Send(now, *who, vouched=self.vouched)).sent:
            return
        if self.resends:
            now += 35 + self.pause
            if not (yield Send(now, *who, vouched=self.vouched)).sent:
                return
        if not self.types:
            return
        now += self.pause
        if self.mistypes:
            yield Check(now, *who, right=False)
            now += 8
        yield Check(now, *who)


@dataclass
class Population:
    """The good people of consecutive days, from one seed.

    Attributes:
        seed: The seed.
        scale: Share of the usual number of people.
    """

    seed: int
    scale: float = 1.0
    busy_block: str = ""
    _proven: dict[str, list[str]] = field(default_factory=dict)
    _absent: dict[str, list[str]] = field(default_factory=dict)
    _nat: dict[str, list[str]] = field(default_factory=dict)
    _day: int = 0

    def __post_init__(self) -> None:
        rng = seeded(f"{self.seed} places")
        self.busy_block = random_block(rng, BUSY_COUNTRY, crowded=False)
        self._nat = {
            code: [address_in(rng, code) for _ in range(8)] for code in USE_NAT
        }

    def next_day(self, *, special: bool) -> list[Person]:
        """Return the people of the next day.

        Args:
            special: Whether the day has a marketing burst, many people in one office,
                and a new range of numbers.
        """
        self._day += 1
        rng = seeded(f"{self.seed} people {self._day}")
        # Each phone requests one code a day, so that no limit of a phone refuses it.
        self._absent = {
            code: rng.sample(phones, len(phones))
            for code, phones in self._proven.items()
        }
        people = [
            self._person(rng, country, number)
            for country in COUNTRIES.values()
            for number in range(self._scaled(country.recipients))
        ]
        people += self._in_block(rng, BUSY_COUNTRY, self.busy_block, BUSY_RECIPIENTS)
        if special:
            people += self._special(rng)
        for person in people:
            if person.types and not person.role.returning:
                known = self._proven.setdefault(person.role.country, [])
                known.append(person.phone)
        return list({person.phone: person for person in people}.values())

    def school_class(self, *, vouched: bool) -> list[Person]:
        """Return people of one new block who request a code in the same minute.

        Args:
            vouched: Whether the client vouches for them.
        """
        rng = seeded(f"{self.seed} class")
        country, address = COUNTRIES[CLASS_COUNTRY], address_in(rng, CLASS_COUNTRY)
        block = random_block(rng, CLASS_COUNTRY, crowded=False)
        people = [
            self._person(
                rng,
                country,
                n,
                kind="class",
                at=CLASS_AT + rng.uniform(0, MINUTE),
                address=address if n < CLASS_SIZE // 2 else "",
                phone=number_in(rng, block),
            )
            for n in range(CLASS_SIZE)
        ]
        return [replace(one, api=Api.KEY, vouched=vouched) for one in people]

    def _scaled(self, recipients: int) -> int:
        return round(recipients * self.scale)

    def _special(self, rng: random.Random) -> Iterator[Person]:
        burst = COUNTRIES[BURST_COUNTRY]
        for n in range(self._scaled(BURST_RECIPIENTS)):
            at = BURST_AT + rng.triangular(0, 40 * MINUTE, 5 * MINUTE)
            yield self._person(rng, burst, n, kind="burst", at=at)
        office, address = COUNTRIES[OFFICE_COUNTRY], address_in(rng, OFFICE_COUNTRY)
        for n in range(self._scaled(OFFICE_RECIPIENTS)):
            at = OFFICE_AT + rng.uniform(0, HOUR)
            yield self._person(rng, office, n, kind="office", at=at, address=address)
        new = random_block(rng, NEW_RANGE_COUNTRY, crowded=False)
        yield from self._in_block(rng, NEW_RANGE_COUNTRY, new, NEW_RANGE_RECIPIENTS)

    def _in_block(
        self, rng: random.Random, code: str, block: str, recipients: int
    ) -> Iterator[Person]:
        for n in range(self._scaled(recipients)):
            phone = number_in(rng, block)
            yield self._person(rng, COUNTRIES[code], n, kind=block, phone=phone)

    def _person(
        self,
        rng: random.Random,
        country: Country,
        number: int,
        *,
        kind: str = "usual",
        at: float | None = None,
        address: str = "",
        phone: str = "",
    ) -> Person:
        code, absent = country.code, self._absent.get(country.code)
        returning = not phone and bool(absent) and rng.random() < RETURNING
        if absent and returning:
            phone = absent.pop()
        phone = phone or number_in(rng, random_block(rng, code))
        name = f"{kind} {code} {self._day} {number}"
        return Person(
            role=Role(name, code, block_of(phone), returning=returning),
            at=local_time(rng, country) if at is None else at,
            phone=phone,
            address=address or self._address(rng, code),
            api=rng.choices(list(_APIS), list(_APIS.values()))[0],
            types=rng.random() < country.conversion + (0.1 if returning else 0),
            resends=rng.random() < 0.1,
            mistypes=rng.random() < 0.06,
            pause=min(rng.lognormvariate(3.0, 0.7), 300),
        )

    def _address(self, rng: random.Random, code: str) -> str:
        if rng.random() < TRAVELERS:
            return address_in(rng, rng.choice(list(COUNTRIES)))
        if rng.random() < USE_NAT.get(code, 0):
            return rng.choice(self._nat[code])
        return address_in(rng, code)


def local_time(rng: random.Random, country: Country) -> float:
    """Return a time of the day in UTC, likely in the day of the country."""
    hour = rng.choices(range(24), _BY_HOUR)[0] + rng.random()
    return ((hour - country.utc_offset) * HOUR) % DAY
