"""What a send and a check cost on this machine: `make measure`.

Prints milliseconds and round trips of the engine on a real Redis of its own, and the
bytes that a pending verification takes there. Not a test: it asserts nothing.
"""

from __future__ import annotations

import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import redis

from otp_engine.domain import phone
from otp_engine.domain.engine import Engine
from otp_engine.domain.hashing import COSTS, Cost, HashingPool
from otp_engine.domain.limits import Limit
from otp_engine.domain.pepper import Pepper
from otp_engine.domain.phone import PhoneNumber, Served
from otp_engine.domain.policy import Policy
from otp_engine.domain.verification import Asked, Guess
from otp_engine.store.connection import connect
from otp_engine.store.verifications import RedisStore
from tests.fakes import Outbox, other_than
from tests.servers import redis_on_a_socket

ROUNDS = 200
PENDING = 20_000


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        redis_on_a_socket(Path(folder)) as url,
        redis.Redis.from_url(url) as watch,
    ):
        for name in ("owasp", "test"):
            _times(_engine(url, COSTS[name]), watch, name)
        _bytes(_engine(url, COSTS["test"]), watch)


def _times(engine: tuple[Engine, Outbox], watch: redis.Redis, cost: str) -> None:
    service, outbox = engine
    numbers = _numbers(ROUNDS)
    steps: dict[str, Callable[[int], object]] = {
        "send": lambda n: service.send(Asked(number=numbers[n])),
        "wrong check": lambda n: service.check(
            Guess(number=numbers[n], code=other_than(outbox.codes[n]))
        ),
        "right check": lambda n: service.check(
            Guess(number=numbers[n], code=outbox.codes[n])
        ),
    }
    watch.flushall()
    for name, step in steps.items():
        took, before = [], _trips(watch)
        for n in range(ROUNDS):
            began = time.perf_counter()
            step(n)
            took.append((time.perf_counter() - began) * 1000)
        trips = (_trips(watch) - before) / ROUNDS
        middle = statistics.median(took)
        print(f"{name}, Argon2 {cost}: median {middle:.2f} ms, {trips:.1f} round trips")


def _bytes(engine: tuple[Engine, Outbox], watch: redis.Redis) -> None:
    service, _ = engine
    watch.flushall()
    before = watch.info("memory")["used_memory"]
    for number in _numbers(PENDING):
        service.send(Asked(number=number))
    each = (watch.info("memory")["used_memory"] - before) / PENDING
    print(f"a pending verification: {each:.0f} bytes of Redis, over {PENDING} phones")


def _engine(url: str, cost: Cost) -> tuple[Engine, Outbox]:
    outbox = Outbox()
    engine = Engine(
        store=RedisStore(connect(url, timedelta(seconds=5))),
        sender=outbox,
        hashing=HashingPool(2),
        peppers=(Pepper(b"p" * 32),),
        policy=Policy(sends_total=Limit()),
        cost=cost,
        served=Served({"IN"}),
        brand="Acme",
        entropy=secrets.token_bytes,
    )
    return engine, outbox


def _numbers(count: int) -> list[PhoneNumber]:
    return [phone.read(f"+9194450{n:05}", "IN") for n in range(count)]


def _trips(watch: redis.Redis) -> int:
    stats = watch.info("commandstats")
    scripts = ("cmdstat_evalsha", "cmdstat_eval")
    return sum(stats[name]["calls"] for name in scripts if name in stats)


if __name__ == "__main__":
    main()
