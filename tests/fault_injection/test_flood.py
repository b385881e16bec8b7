"""More checks than the processors can hash."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.fault_injection.load import (
    Call,
    Reply,
    check,
    numbers,
    run_clients,
    run_in_shares,
    send,
)
from tests.support.fakes import different_code

CLIENTS = 500
SECONDS = 20.0
ARGON2_MIB = 19
REASON_OF_PAUSING = (
    "a check is refused late: a free place in the hashing queue is looked for at its"
    " beginning but not reserved, so a check that finds the queue full after all has"
    " been counted in Redis, which is then undone, on the two cores that also hash."
    " Reserving the place first is a change still to come."
)
REASON = (
    "the clients, the two workers and their hashing share two cores, all of them busy."
    " 500 clients that never pause have 500 requests waiting at any moment, so by"
    " Little's law each answer takes 500 divided by the answers a second, and"
    " `/healthz` waits in the same line. Neither a lower priority of the hashing"
    " threads nor a shorter switch interval of the interpreter changed it."
)


def flood(port: int, calls: list[Call], end: float, pause: float) -> list[Reply]:
    """Send *calls* by 500 clients; each waits *pause* seconds after a reply."""
    return run_clients(
        port,
        lambda n: calls[n % len(calls)],
        clients=CLIENTS,
        until=lambda: time.monotonic() > end,
        pause=pause,
    )


def watch(port: int, end: float) -> list[Reply]:
    """Request /healthz fifty times a second."""
    return run_clients(
        port,
        lambda _: Call("/healthz"),
        clients=1,
        until=lambda: time.monotonic() > end,
        pause=0.02,
    )


TITLES = {
    1.0: "A flood of checks by clients that honor Retry-After",
    0.0: "A flood of checks by clients that never pause",
}


@pytest.mark.whole
@pytest.mark.parametrize(
    "pause", [1.0, 0.0], ids=["clients honor Retry-After", "clients never pause"]
)
def test_checks_beyond_capacity_are_rejected_quickly(
    pause, trial, start_service, twilio
):
    trial.reason = REASON_OF_PAUSING if pause else REASON
    trial.describe(
        TITLES[pause],
        f"{CLIENTS} clients checking at the default cost of Argon2 for {SECONDS:.0f} s"
        f"{', each a second after its last answer' if pause else ' without a pause'},"
        " two workers; and one that requests `/healthz` 50 times a second",
        promise="a bounded queue",
    )
    served = start_service(2, OTP_ARGON2="owasp", OTP_MAX_CHECKS="100")
    phones = numbers(40)
    run_in_shares(served.port, list(map(send, phones)), 1)
    calls = [check(phone, different_code(twilio.code_to(phone))) for phone in phones]
    workers = children(served.process.pid)
    before, end = resident(workers), time.monotonic() + SECONDS
    most, over = [before], threading.Event()
    weighing = threading.Thread(target=weigh, args=(workers, most, over))
    weighing.start()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as processes:
        flooding = processes.submit(flood, served.port, calls, end, pause)
        watching = processes.submit(watch, served.port, end)
        replies, healthz = flooding.result(), watching.result()
    over.set()
    weighing.join()

    refused = [reply.seconds for reply in replies if reply.status == 503]
    compared = sum(reply.failed_check for reply in replies)
    trial.record("checks completed per second", compared / SECONDS)
    trial.record("checks rejected per second", len(refused) / SECONDS)
    odd = [r for r in replies if r.status not in {201, 429, 503}]
    trial.at_most("500s and lost connections", len(odd), 0)
    trial.within("p99 of a rejection", p99(refused), 0.3)
    trial.record("slowest rejection", max(refused), " s")
    trial.within("p99 of `/healthz`", p99(r.seconds for r in healthz), 0.05)
    bound = 2 * 2 * ARGON2_MIB
    trial.at_most("additional memory", (max(most) - before) / 2**20, bound, " MiB")


def p99(seconds: Iterable[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


def children(parent: int) -> list[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in listed.split()]


def resident(processes: Iterable[int]) -> int:
    """Return the memory of *processes*, in bytes."""
    page = os.sysconf("SC_PAGE_SIZE")
    stats = (Path(f"/proc/{pid}/statm").read_text().split() for pid in processes)
    return sum(int(stat[1]) * page for stat in stats)


def weigh(processes: list[int], seen: list[int], over: threading.Event) -> None:
    while not over.wait(0.1):
        seen.append(resident(processes))
