"""Measurements of a send and a check on this machine, for `make measure`.

Prints the milliseconds and round trips of the engine on a Redis of its own, the bytes
of a pending verification in it, and the CPU time of a message through Twilio's SDK.
"""

from __future__ import annotations

import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from multiprocessing import Manager
from pathlib import Path
from typing import Any

import redis
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from otp_engine.crypto.argon2 import PROFILES, Argon2Parameters
from otp_engine.crypto.hash_queue import Compute, HashQueue
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.engine import Engine
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import CheckRequest, SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.policy.policy import Policy
from otp_engine.senders.twilio_http import PooledHttpClient
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from tests.support import twilio_server
from tests.support.fakes import FakeSender, different_code
from tests.support.redis_server import redis_on_a_socket

ROUNDS = 200
PENDING = 20_000


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        redis_on_a_socket(Path(folder)) as url,
        redis.Redis.from_url(url) as admin,
    ):
        for name in ("owasp", "test"):
            engine, outbox = _engine(url, PROFILES[name])
            events = RedisStore(connect(url, timedelta(seconds=5))).events
            _times(replace(engine, emit=events.add), outbox, admin, name)
        _bytes(_engine(url, PROFILES["owasp"], sends_total=Limit()), admin)
    _messages()


def _times(service: Engine, outbox: FakeSender, admin: redis.Redis, cost: str) -> None:
    numbers = _numbers(ROUNDS)
    steps: dict[str, Callable[[int], object]] = {
        "send": lambda n: service.send(SendRequest(number=numbers[n])),
        "wrong check": lambda n: service.check(
            CheckRequest(number=numbers[n], code=different_code(outbox.codes[n]))
        ),
        "right check": lambda n: service.check(
            CheckRequest(number=numbers[n], code=outbox.codes[n])
        ),
    }
    admin.flushall()
    for name, step in steps.items():
        milliseconds, before = [], _trips(admin)
        for n in range(ROUNDS):
            started = time.perf_counter()
            step(n)
            milliseconds.append((time.perf_counter() - started) * 1000)
        trips = (_trips(admin) - before) / ROUNDS
        middle = statistics.median(milliseconds)
        print(f"{name}, Argon2 {cost}: median {middle:.2f} ms, {trips:.1f} round trips")


def _bytes(engine: tuple[Engine, FakeSender], admin: redis.Redis) -> None:
    service, _ = engine
    admin.flushall()
    before = admin.info("memory")["used_memory"]
    quick = replace(service, hash_queue=Unhashed(1))
    for number in _numbers(PENDING):
        quick.send(SendRequest(number=number))
    each = (admin.info("memory")["used_memory"] - before) / PENDING
    print(f"a pending verification: {each:.0f} bytes of Redis, over {PENDING} phones")


class Unhashed(HashQueue):
    """A queue without hashes, because only the length of a hash matters."""

    @contextmanager
    def acquire_slot(
        self, client: str | None = None, client_ip: str | None = None
    ) -> Iterator[Compute]:
        yield lambda secret, salt, parameters: secret


def _messages() -> None:
    transports: dict[str, HttpClient] = {
        "the SDK's own transport": TwilioHttpClient(timeout=5),
        "ours": PooledHttpClient(),
    }
    with ProcessPoolExecutor(1) as other, Manager() as manager:
        url, done = manager.Queue(), manager.Event()
        other.submit(_serve_twilio, url, done)
        base = url.get()
        milliseconds = {name: _cpu(http, base) for name, http in transports.items()}
        done.set()
    for name, median in milliseconds.items():
        print(f"a message through {name}: {median:.2f} ms of CPU")


def _cpu(http: HttpClient, base: str) -> float:
    client = Client(twilio_server.ACCOUNT, twilio_server.TOKEN, http_client=http)
    client.api.base_url = base
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        client.messages.create(to="+919445012345", from_="+15005550006", body="123456")
        rounds.append((time.process_time() - started) * 1000)
    return statistics.median(rounds)


def _serve_twilio(url: Any, done: Any) -> None:
    with twilio_server.running() as twilio:
        url.put(twilio.url)
        done.wait()


def _engine(
    url: str, cost: Argon2Parameters, **policy: Any
) -> tuple[Engine, FakeSender]:
    outbox = FakeSender()
    engine = Engine(
        store=RedisStore(connect(url, timedelta(seconds=5))),
        sender=outbox,
        hash_queue=HashQueue(2),
        peppers=(Pepper(b"p" * 32),),
        policy=Policy(**{"sends_total": Limit.parse("1000000/1h")} | policy),
        argon2=cost,
        destinations=AllowedDestinations({"IN"}),
        default_brand="Acme",
        random_bytes=secrets.token_bytes,
        clock=time.monotonic,
    )
    return engine, outbox


def _numbers(count: int) -> list[PhoneNumber]:
    return [numbers.parse(f"+9194450{n:05}", "IN") for n in range(count)]


def _trips(admin: redis.Redis) -> int:
    stats = admin.info("commandstats")
    scripts = ("cmdstat_evalsha", "cmdstat_eval")
    return sum(stats[name]["calls"] for name in scripts if name in stats)


if __name__ == "__main__":
    main()
