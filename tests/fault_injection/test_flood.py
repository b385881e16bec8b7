"""More checks than the processors can hash: bursts are served, floods are shed."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from otp_engine.composition.capacity import THREADS, cpu_count
from otp_engine.crypto import api_keys
from otp_engine.crypto.argon2 import PROFILES
from tests.fault_injection.flood_clients import Answer, flood
from tests.fault_injection.load import (
    KEY,
    Call,
    Reply,
    check,
    numbers,
    run_clients,
    run_in_parallel,
    run_in_shares,
    send,
)
from tests.support import redis_server
from tests.support.fakes import different_code

CLIENTS = 500
SECONDS = 20.0
BURST = 100
ARGON2 = PROFILES["owasp"]
ARGON2_MIB = 19
THREAD_MIB = 0.25
ADMIN_PATHS = ("/healthz", "/readyz", "/metrics")
METRICS_KEY = api_keys.hashed_form(KEY["Authorization"].removeprefix("Bearer "))
DEFAULT_COST = {
    "OTP_ARGON2": "owasp",
    "OTP_MAX_CHECKS": "100",
    "OTP_FAILED_CHECKS_PER_PHONE": "100/1h",
}
REASON = (
    "500 clients that never pause have 500 requests waiting at any moment, so by"
    " Little's law each answer takes 500 divided by the answers a second, on cores that"
    " hash and serve the clients as well. A 503 takes 0.4 ms of processor time, because"
    " the whole request is read before its hash is refused."
)
REASON_PATIENT = (
    "the cores also serve the clients and refuse checks, and four hashes at once, two"
    " in each worker, are a tenth slower on two cores than two are."
)
# Requests a second to the admin port. Few of them leave the cores to the hashes.
WATCHES = {True: 5, False: 50}
TITLES = {
    True: "A flood of checks by clients that honor Retry-After",
    False: "A flood of checks by clients that never pause",
}


@pytest.mark.whole
@pytest.mark.parametrize("request_name", ["checks", "sends"])
def test_burst_is_served(request_name, trial, start_service, twilio):
    trial.describe(
        f"A burst of {request_name}",
        f"{BURST} {request_name} in the same moment at the default cost of Argon2,"
        " two workers",
        promise="a burst is served",
    )
    served = start_service(2, **DEFAULT_COST)
    calls = list(map(send, numbers(BURST)))
    if request_name == "checks":
        run_in_shares(served.port, calls, 1)
        calls = [check(call.phone, twilio.code_to(call.phone)) for call in calls]
    hashing = BURST / hashes_per_second()

    replies = run_in_parallel(served.port, calls)

    served_count = sum(reply.status == 201 for reply in replies)
    trial.at_least("requests served", served_count, BURST)
    slowest = max(reply.seconds for reply in replies)
    trial.record("slowest", slowest, " s")
    trial.within("slowest, by the time of all hashes", slowest / hashing, 1.3, "")


@pytest.mark.whole
@pytest.mark.parametrize(
    "patient", [True, False], ids=["clients honor Retry-After", "clients never pause"]
)
def test_flood_is_shed(patient, trial, start_service, twilio):
    trial.reason = REASON_PATIENT if patient else REASON
    trial.describe(
        TITLES[patient],
        f"{CLIENTS} clients checking at the default cost of Argon2 for {SECONDS:.0f} s"
        f"{', each waiting after a 503' if patient else ' without a pause'},"
        " two workers; and one that requests `/healthz`, `/readyz` and `/metrics` of"
        f" the admin port in turn, {WATCHES[patient]} times a second",
        promise="a bounded queue",
    )
    admin_port = redis_server.free_port()
    served = start_service(
        2,
        OTP_ADMIN_PORT=str(admin_port),
        OTP_METRICS_KEY=METRICS_KEY,
        **DEFAULT_COST,
    )
    calls = wrong_checks(served.port, twilio, 40)
    before = hashes_per_second()
    with memory_of(served.workers) as memory, processes() as pool:
        end = time.monotonic() + SECONDS
        flooding = start_flood(pool, served.port, calls, patient=patient)
        watching = pool.submit(watch, admin_port, end, 1 / WATCHES[patient])
        answers, watched = flooding.result(), watching.result()
    raw = (before + hashes_per_second()) / 2

    record_shedding(trial, answers, end, raw, bounded=patient)
    for path in ADMIN_PATHS:
        replies = [reply for reply in watched if reply.call.path == path]
        trial.at_most(f"`{path}` without its answer", failures(replies), 0)
        trial.within(f"p99 of `{path}`", p99(r.seconds for r in replies), 0.05)
    # Each worker hashes twice at once, and its threads start on demand.
    bound = 2 * (2 * ARGON2_MIB + THREADS * THREAD_MIB)
    trial.at_most("additional memory", memory.grown, bound, " MiB")


@pytest.mark.whole
def test_client_with_a_key_is_served_beside_a_flood(trial, start_service, twilio):
    trial.describe(
        "A client with an API key beside an anonymous flood",
        f"{CLIENTS} anonymous clients that never pause, for {SECONDS:.0f} s, and one"
        " client with a key that sends one check after the other, two workers",
        promise="the flood of one client refuses no request of another one",
    )
    served = start_service(2, OTP_ALLOW_ANONYMOUS="1", **DEFAULT_COST)
    calls = wrong_checks(served.port, twilio, 40)
    anonymous = [Call(call.path, call.body, key=False) for call in calls]
    with processes() as pool:
        flooding = start_flood(pool, served.port, anonymous, patient=False)
        own = start_flood(pool, served.port, calls, patient=False, clients=1)
        replies = own.result()
        flooding.result()

    trial.record("checks of the client", len(replies))
    served_part = sum(reply.failed_check for reply in replies) / len(replies)
    trial.at_least("of them served", served_part, 0.95)


def wrong_checks(port: int, twilio, count: int) -> list[Call]:
    """Send codes to *count* phones, and return a wrong check of each."""
    phones = numbers(count)
    run_in_shares(port, list(map(send, phones)), 1)
    return [check(phone, different_code(twilio.code_to(phone))) for phone in phones]


def hashes_per_second(seconds: float = 3.0) -> float:
    """Return the hashes that the cores compute while nothing else runs."""
    end = time.monotonic() + seconds
    counts = [0] * cpu_count()

    def hash_until_the_end(n: int) -> None:
        while time.monotonic() < end:
            ARGON2.hash(b"x" * 32, b"s" * 16)
            counts[n] += 1

    threads = [
        threading.Thread(target=hash_until_the_end, args=(n,))
        for n in range(len(counts))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


@contextmanager
def processes() -> Iterator[ProcessPoolExecutor]:
    """Yield processes for the clients, which have started."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        list(pool.map(time.sleep, [0.1, 0.1]))
        yield pool


def start_flood(
    pool: ProcessPoolExecutor,
    port: int,
    calls: list[Call],
    *,
    patient: bool,
    clients: int = CLIENTS,
) -> Future[list[Answer]]:
    return pool.submit(
        flood, port, calls, clients=clients, seconds=SECONDS, patient=patient
    )


def watch(port: int, end: float, pause: float) -> list[Reply]:
    """Request the paths of the admin listener in turn, *pause* seconds apart."""
    return run_clients(
        port,
        lambda n: Call(ADMIN_PATHS[n % len(ADMIN_PATHS)]),
        clients=1,
        until=lambda: time.monotonic() > end,
        pause=pause,
    )


def failures(replies: Iterable[Reply]) -> int:
    return sum(reply.status != 200 for reply in replies)


def record_shedding(
    trial, answers: list[Answer], end: float, raw: float, *, bounded: bool
) -> None:
    """Record what a flood got, which ended at *end*.

    Args:
        trial: Gets the figures.
        answers: The answers to the flood.
        end: Monotonic time of its end.
        raw: Hashes a second of an idle machine.
        bounded: Whether the useful work has a bound.
    """
    rejected = [answer.seconds for answer in answers if answer.status == 503]
    compared = [answer for answer in answers if answer.failed_check]
    rate = sum(answer.ended <= end for answer in compared) / SECONDS
    trial.record("checks completed per second", rate)
    trial.record("checks rejected per second", len(rejected) / SECONDS)
    if bounded:
        trial.at_least("useful work, as a part of the raw hash rate", rate / raw, 0.9)
    else:
        trial.record("useful work, as a part of the raw hash rate", rate / raw)
    odd = [answer for answer in answers if answer.status not in {201, 503}]
    trial.at_most("other answers and lost connections", len(odd), 0)
    trial.within("p99 of a rejection", p99(rejected), 0.3)
    trial.record("slowest rejection", max(rejected), " s")
    middle = statistics.median(answer.seconds for answer in compared)
    trial.record("median of a completed check", middle, " s")


def p99(seconds: Iterable[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


@dataclass
class Memory:
    """The memory of processes while they serve.

    Attributes:
        grown: The largest addition, in MiB.
    """

    grown: float = 0


@contextmanager
def memory_of(workers: list[int]) -> Iterator[Memory]:
    """Weigh *workers* ten times a second."""
    memory, before, over = Memory(), resident(workers), threading.Event()

    def weigh() -> None:
        while not over.wait(0.1):
            grown = (resident(workers) - before) / 2**20
            memory.grown = max(memory.grown, grown)

    thread = threading.Thread(target=weigh)
    thread.start()
    try:
        yield memory
    finally:
        over.set()
        thread.join()


def resident(processes: Iterable[int]) -> int:
    """Return the memory of *processes*, in bytes."""
    page = os.sysconf("SC_PAGE_SIZE")
    stats = (Path(f"/proc/{pid}/statm").read_text().split() for pid in processes)
    return sum(int(stat[1]) * page for stat in stats)
