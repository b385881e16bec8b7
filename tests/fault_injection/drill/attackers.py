"""Attackers who request messages to numbers that pay them a share of the price.

They react as real ones do: a block that is refused is replaced by the next one, and an
address that is limited by another address.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.fault_injection.drill.actors import (
    DAY,
    HOUR,
    MINUTE,
    Actor,
    Api,
    Check,
    Outcome,
    Send,
)
from tests.fault_injection.drill.countries import (
    BLOCK_DIGITS,
    address_in,
    number_in,
)

START = 1 * HOUR
_END = DAY - 10 * MINUTE
# An attacker leaves a block after this many refusals in a row.
_PATIENCE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How an attacker sends.

    Attributes:
        requests: Sends in total.
        every: Seconds between two sends, on average.
        api: The way of the requests.
        per_address: Sends from one address.
        typed: Share of the codes that the attacker types in.
        home: The country of the addresses.
    """

    requests: int
    every: float
    api: Api = Api.KEY
    per_address: int = 4
    typed: float = 0.0
    home: str = "US"


class Blocks:
    """The blocks of an attacker in turn; a refused one is replaced."""

    def __init__(
        self, rng: random.Random, count: int, fresh: Callable[[], str]
    ) -> None:
        """Take the first blocks.

        Args:
            rng: Selects the first number of each block.
            count: Blocks in use at a time; 0 means a new one for each send.
            fresh: Returns another block.
        """
        self._rng, self._fresh = rng, fresh
        self._blocks = [fresh() for _ in range(count)]
        self._refused: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._turn = 0

    def next_number(self) -> str:
        """Return the number of the next send; in one block they are consecutive."""
        if not self._blocks:
            return number_in(self._rng, self._fresh())
        self._turn += 1
        block = self._blocks[self._turn % len(self._blocks)]
        last = self._last.get(block, self._rng.randrange(5_000)) + 1
        self._last[block] = last
        return f"{block}{last % 10**BLOCK_DIGITS:0{BLOCK_DIGITS}}"

    def learn(self, phone: str, outcome: Outcome) -> None:
        """Replace the block of *phone* after several refusals in a row."""
        block = phone[:-BLOCK_DIGITS]
        if outcome.sent:
            self._refused[block] = 0
        elif block in self._blocks and not outcome.limited:
            self._refused[block] = self._refused.get(block, 0) + 1
            if self._refused[block] >= _PATIENCE:
                self._blocks[self._blocks.index(block)] = self._fresh()


def attacker(rng: random.Random, rhythm: Rhythm, blocks: Blocks) -> Actor:
    """Request codes by *rhythm* for the numbers of *blocks*."""
    at, address, used = START, address_in(rng, rhythm.home), 0
    for _ in range(rhythm.requests):
        at += rng.uniform(0.5, 1.5) * rhythm.every
        if at >= _END:
            return
        if used >= rhythm.per_address:
            address, used = address_in(rng, rhythm.home), 0
        phone = blocks.next_number()
        outcome = yield Send(at, phone, address, rhythm.api)
        used += 1
        blocks.learn(phone, outcome)
        if outcome.limited:
            used = rhythm.per_address
        if outcome.sent and rng.random() < rhythm.typed:
            at += rng.uniform(3, 12)
            yield Check(at, phone, address, rhythm.api)
