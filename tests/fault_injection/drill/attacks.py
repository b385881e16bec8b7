"""The attacks of the drill."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.fault_injection.drill.actors import HOUR, MINUTE, Actor, Api
from tests.fault_injection.drill.attackers import Blocks, Rhythm, attacker
from tests.fault_injection.drill.countries import EXPENSIVE, random_block, seeded
from tests.fault_injection.drill.people import BUSY_COUNTRY


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A kind of attack.

    Attributes:
        title: Its name.
        done: What the attacker does, as a part of a sentence.
        countries: The attacked countries.
        rhythm: How the attacker sends.
        blocks: Blocks in use at a time; 0 means a new one for each send.
        good_blocks: Whether the blocks are those of good people.
        in_busy_block: Whether the only block is the busy one.
        limitation: Why a goal can be missed: the reason of a failure.
    """

    title: str
    done: str
    countries: tuple[str, ...]
    rhythm: Rhythm
    blocks: int = 1
    good_blocks: bool = False
    in_busy_block: bool = False
    limitation: str = ""

    def actor(self, seed: int, busy_block: str) -> Actor:
        """Return the attacker.

        Args:
            seed: The seed of all random values.
            busy_block: The block with the most good people.
        """
        rng = seeded(f"{seed} {self.title}")
        blocks = Blocks(rng, self.blocks, self._fresh(rng, busy_block))
        return attacker(rng, self.rhythm, blocks)

    def _fresh(self, rng: random.Random, busy_block: str) -> Callable[[], str]:
        if self.in_busy_block:
            return lambda: busy_block
        return lambda: random_block(
            rng, rng.choice(self.countries), crowded=self.good_blocks
        )


ATTACKS = {
    "A": Attack(
        title="one block in a row",
        done="consecutive numbers of one block in SN, a message each 10 s",
        countries=("SN",),
        rhythm=Rhythm(requests=600, every=10),
    ),
    "B": Attack(
        title="many slow blocks in expensive countries",
        done="60 blocks in 8 countries, a message each 50 s in turn",
        countries=EXPENSIVE,
        rhythm=Rhythm(requests=1_200, every=50),
        blocks=60,
    ),
    "C": Attack(
        title="low and slow beside good people",
        done="40 blocks of good people in ID, a message each 3 min in turn",
        countries=("ID",),
        rhythm=Rhythm(requests=400, every=3 * MINUTE),
        blocks=40,
        good_blocks=True,
    ),
    "D": Attack(
        title="inside a good block",
        done="the busiest block, a message each 2 min, 10 % typed in",
        countries=(BUSY_COUNTRY,),
        rhythm=Rhythm(requests=400, every=2 * MINUTE, typed=0.10),
        in_busy_block=True,
    ),
    "E": Attack(
        title="through an API key",
        done="20 blocks in PK and BD through a key, each with a `client_ip` of its own,"
        " a message each 30 s",
        countries=("PK", "BD"),
        rhythm=Rhythm(requests=1_000, every=30, per_address=1),
        blocks=20,
    ),
    "F": Attack(
        title="on the page",
        done="3 blocks in EG through the form of `/verify`, a message each 30 s",
        countries=("EG",),
        rhythm=Rhythm(requests=500, every=30, api=Api.PAGE),
        blocks=3,
    ),
    "G": Attack(
        title="random numbers over a country",
        done="random numbers of ID, 300 an hour for 5 h",
        countries=("ID",),
        rhythm=Rhythm(requests=1_500, every=12),
        blocks=0,
        limitation="messages all over a country close it to new phones, and people with"
        " one are refused until it opens.",
    ),
    "H": Attack(
        title="some codes typed in",
        done="10 blocks in PK, a message each 60 s, each from an address of its own,"
        " 25 % typed in",
        countries=("PK",),
        rhythm=Rhythm(requests=700, every=60, per_address=1, typed=0.25),
        blocks=10,
        limitation="each code that the attacker types in forgives as many messages as"
        " one of a good person.",
    ),
    "I": Attack(
        title="one message in two hours",
        done="60 blocks in ID, a message in 2 h each",
        countries=("ID",),
        rhythm=Rhythm(requests=660, every=2 * HOUR / 60),
        blocks=60,
        limitation="messages all over a country close it to new phones, and people with"
        " one are refused until it opens.",
    ),
    "J": Attack(
        title="half of the codes typed in",
        done="10 blocks in PK, a message each 30 s, 50 % typed in",
        countries=("PK",),
        rhythm=Rhythm(requests=2_000, every=30, per_address=1, typed=0.5),
        blocks=10,
        limitation="only the budget stops an attacker who types in as many codes as"
        " good people do; it limits the money of the country, and not of a block.",
    ),
}
