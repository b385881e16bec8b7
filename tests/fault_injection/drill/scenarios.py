"""The days of the drill: some without an attack, and one with it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.fault_injection.drill.actors import DAY, Actor, Role
from tests.fault_injection.drill.attacks import Attack
from tests.fault_injection.drill.configurations import GUARD
from tests.fault_injection.drill.deployment import deployed
from tests.fault_injection.drill.models import CapPerBlock, Guard
from tests.fault_injection.drill.notices import first_of, notices
from tests.fault_injection.drill.people import Person, Population
from tests.fault_injection.drill.results import Result, result_of
from tests.fault_injection.drill.run import Log, differences, play
from tests.fault_injection.drill.service import Service

HISTORY_DAYS = 3


@dataclass
class World:
    """The people of one seed, and the data of the service after the quiet days.

    Attributes:
        seed: The seed.
        folder: The folder of all its files.
        history: The people of the quiet days.
        today: The people of the last day.
        population: The source of all people.
        past: The requests of the quiet days.
    """

    seed: int
    folder: Path
    history: list[list[Person]]
    today: list[Person]
    population: Population
    past: list[Log] = field(default_factory=list)
    _folders: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def of(cls, seed: int, folder: Path, *, scale: float, days: int) -> World:
        """Return a world after its quiet days, with the guard on.

        Args:
            seed: The seed.
            folder: An empty folder.
            scale: Share of the usual number of people.
            days: Quiet days; 0 means that the service is new.
        """
        population = Population(seed, scale)
        history = [population.next_day(special=False) for _ in range(days)]
        today = population.next_day(special=True)
        world = cls(seed, folder, history, today, population)
        world._pass_quiet_days()
        return world

    def _pass_quiet_days(self) -> None:
        if not self.history:
            return
        folder = self._new_folder()
        with deployed(folder, GUARD, seconds=0) as deployment:
            for number, people in enumerate(self.history):
                with Service(deployment, number * DAY) as service:
                    self.past.append(play(_actors(people), service.execute))
            deployment.save(self._data)

    def run(
        self,
        environ: Mapping[str, str],
        attack: Attack | None,
        guests: Iterable[Person] = (),
    ) -> Result:
        """Run the last day on the real service, and return its result.

        Args:
            environ: The configuration.
            attack: The attack; None means a day without one.
            guests: More good people of one block, which then is the busiest one.
        """
        guests = list(guests)
        start = len(self.history) * DAY
        data = self._data if self.history else None
        with deployed(
            self._new_folder(), environ, seconds=start, data=data
        ) as deployment:
            guarded = environ["OTP_GUARD"] != "off"
            with Service(deployment, start, guarded) as service:
                cast = self._cast(attack) + _actors(guests)
                log = play(cast, service.execute)
            found = notices(deployment.redis, start)
        countries = attack.countries if attack else ()
        first = first_of(found, countries) if attack else None
        busy = guests[0].role.block if guests else self.population.busy_block
        notice = first.at - start if first else None
        result = self._result(log, attack, busy, notice)
        if environ["OTP_GUARD"] == "on":
            unlike = differences(log, self._play_model(attack, guests))
            result = replace(result, unlike_model=unlike)
        return replace(result, missing_credits=service.missing_credits)

    def _play_model(self, attack: Attack | None, guests: Iterable[Person]) -> Log:
        """Play the same day against the model of the guard."""
        guard = Guard()
        for number, people in enumerate(self.history):
            guard.start = number * DAY
            play(_actors(people), guard.execute)
        guard.start = len(self.history) * DAY
        return play(self._cast(attack) + _actors(guests), guard.execute)

    def run_cap(self, attack: Attack | None, cap: int) -> Result:
        """Run the last day on the model of a plain cap of messages into a block."""
        log = play(self._cast(attack), CapPerBlock(cap).execute)
        return self._result(log, attack, self.population.busy_block, None)

    def _cast(self, attack: Attack | None) -> list[tuple[Role, Actor]]:
        cast = _actors(self.today)
        if attack:
            actor = attack.actor(self.seed, self.population.busy_block)
            cast.append((Role("attacker", attacker=True), actor))
        return cast

    def _result(
        self, log: Log, attack: Attack | None, busy_block: str, notice: float | None
    ) -> Result:
        return result_of(
            log,
            countries=attack.countries if attack else (),
            busy_block=busy_block,
            notice=notice,
        )

    @property
    def _data(self) -> Path:
        return self.folder / "history.rdb"

    def _new_folder(self) -> Path:
        folder = self.folder / str(next(self._folders))
        folder.mkdir()
        return folder


def _actors(people: Iterable[Person]) -> list[tuple[Role, Actor]]:
    return [(person.role, person.act()) for person in people]
