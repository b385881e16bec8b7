"""What the pumping guard costs in Redis: `python -m tests.bench.guard`.

It starts a Redis of its own, and calls the store in this process. A round has all kinds
of calls in turn, so that other work on the machine affects all of them.
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from statistics import median

from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.models import DestinationCharge
from otp_engine.domain.pumping_guard.places import Destination
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules
from otp_engine.errors import DestinationSuspended
from otp_engine.store import keys
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from tests.bench.figures import number, table
from tests.bench.redis_stats import RedisStats
from tests.support import redis_server

PLACES = (1_000, 100_000)
ROUNDS = 15
CALLS = 400
ON = GuardRules(mode=GuardMode.ON, pressure=None, wide=None)
OFF = GuardRules(mode=GuardMode.OFF)
HITS = [
    LimitHit("sends_per_country", "SN", Limit.parse("1000000/1h")),
    LimitHit("sends_total", "", Limit.parse("1000000/1h")),
]


def destination(n: int) -> Destination:
    """Return one of a million blocks, in networks of a hundred."""
    return Destination(f"+221{n:06}", f"+221{n // 100:04}"[:7], "SN")


def measure(folder: Path) -> str:
    """Return the table of the costs by the number of places."""
    with redis_server.redis_on_a_socket(folder) as url:
        stats = RedisStats(url)
        store = RedisStore(connect(url, timedelta(seconds=30)))
        rows, blocks = [], count()
        for places in PLACES:
            while stats.client.hlen(keys.GUARD) < places:
                send(store, destination(next(blocks)), ON, hits=[])
            used = stats.client.memory_usage(keys.GUARD, samples=0) or 0
            fields = stats.client.hlen(keys.GUARD)
            costs = rounds(store, stats, blocks)
            off, on = costs[0], costs[1]
            rows.append(
                [
                    f"{places:,}",
                    number(used / fields),
                    *map(number, costs),
                    f"{on / off:.2f}",
                ]
            )
        stats.close()
    columns = (
        "places",
        "bytes a place",
        "limits only, µs",
        "with the guard, µs",
        "in a new block, µs",
        "refused, µs",
        "credit, µs",
        "ratio with the guard",
    )
    return table(columns, rows)


def rounds(store: RedisStore, stats: RedisStats, blocks: count[int]) -> list[float]:
    """Return the medians of the microseconds of each kind of call."""
    suspended = destination(next(blocks))
    for _ in range(11):
        send(store, suspended, ON)
    known = [destination(next(blocks)) for _ in range(CALLS)]
    for each in known:
        send(store, each, ON)
        credit(store, each)
    kinds: list[Callable[[int], None]] = [
        lambda n: send(store, known[n], OFF),
        lambda n: send(store, known[n], ON),
        lambda _: send(store, destination(next(blocks)), ON),
        lambda _: send(store, suspended, ON),
        lambda n: credit(store, known[n]),
    ]
    times: list[list[float]] = [[] for _ in kinds]
    for _ in range(ROUNDS):
        for kind, measured in zip(kinds, times, strict=True):
            stats.client.config_resetstat()
            for n in range(CALLS):
                kind(n)
            evalsha = stats.client.info("commandstats")["cmdstat_evalsha"]
            measured.append(evalsha["usec"] / evalsha["calls"])
    return [median(measured) for measured in times]


def send(
    store: RedisStore,
    place: Destination,
    rules: GuardRules,
    hits: Sequence[LimitHit] = HITS,
) -> None:
    """Send one message, which the guard can refuse."""
    charge = DestinationCharge(hits=hits, destination=place, guard=rules)
    with contextlib.suppress(DestinationSuspended):
        store.acquire_destination(charge, idempotency_key=secrets.token_bytes(8))


def credit(store: RedisStore, place: Destination) -> None:
    """Credit an approval of one message."""
    store.credit_approval(
        place, verification_id=secrets.token_bytes(16), messages=1, rules=ON
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(measure(Path(folder)))
