"""What a send and a check cost on this machine: `make measure`.

Prints milliseconds and round trips of the engine on a real Redis of its own, the bytes
that a pending verification takes there, and the processor time that a message costs
through Twilio's SDK. Not a test: it asserts nothing.
"""

from __future__ import annotations

import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
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
from otp_engine.crypto.hash_pool import HashPool
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
        redis.Redis.from_url(url) as watch,
    ):
        for name in ("owasp", "test"):
            engine, outbox = _engine(url, PROFILES[name])
            told = RedisStore(connect(url, timedelta(seconds=5))).events
            _times(replace(engine, emit=told.add), outbox, watch, name)
        _bytes(_engine(url, PROFILES["owasp"], sends_total=Limit()), watch)
    _messages()


def _times(service: Engine, outbox: FakeSender, watch: redis.Redis, cost: str) -> None:
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


def _bytes(engine: tuple[Engine, FakeSender], watch: redis.Redis) -> None:
    service, _ = engine
    watch.flushall()
    before = watch.info("memory")["used_memory"]
    quick = replace(service, hash_pool=Unhashed(1))
    for number in _numbers(PENDING):
        quick.send(SendRequest(number=number))
    each = (watch.info("memory")["used_memory"] - before) / PENDING
    print(f"a pending verification: {each:.0f} bytes of Redis, over {PENDING} phones")


class Unhashed(HashPool):
    """Answers so many bytes without the work: here only their number matters."""

    def hash(self, secret: bytes, salt: bytes, parameters: Argon2Parameters) -> bytes:
        return secret


def _messages() -> None:
    transports: dict[str, HttpClient] = {
        "the SDK's own transport": TwilioHttpClient(timeout=5),
        "ours": PooledHttpClient(),
    }
    with ProcessPoolExecutor(1) as other, Manager() as shared:
        url, done = shared.Queue(), shared.Event()
        other.submit(_serve_twilio, url, done)
        base = url.get()
        took = {name: _cpu(http, base) for name, http in transports.items()}
        done.set()
    for name, milliseconds in took.items():
        print(f"a message through {name}: {milliseconds:.2f} ms of CPU")


def _cpu(http: HttpClient, base: str) -> float:
    client = Client(twilio_server.ACCOUNT, twilio_server.TOKEN, http_client=http)
    client.api.base_url = base
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        client.messages.create(to="+919445012345", from_="+15005550006", body="123456")
        rounds.append((time.process_time() - began) * 1000)
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
        hash_pool=HashPool(2),
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


def _trips(watch: redis.Redis) -> int:
    stats = watch.info("commandstats")
    asked = ("cmdstat_evalsha", "cmdstat_eval", "cmdstat_xadd")
    return sum(stats[name]["calls"] for name in asked if name in stats)


if __name__ == "__main__":
    main()
