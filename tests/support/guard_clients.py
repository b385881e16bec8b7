"""Clients that send to places of the pumping guard at the same time."""

from __future__ import annotations

import multiprocessing
import secrets
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.models import DestinationCharge
from otp_engine.domain.pumping_guard.places import Destination
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules
from otp_engine.errors import DestinationSuspended
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore

RULES = GuardRules(mode=GuardMode.ON, pressure=None)
PROCESSES = 4
THREADS = 8
_TIMEOUT = timedelta(seconds=30)
_TOTAL = LimitHit("sends_total", "", Limit.parse("100000/1h"))


@dataclass
class Outcome:
    """What several clients got together.

    Attributes:
        accepted: The block of each accepted message.
        suspended: The place of each suspension that a message reported as new.
    """

    accepted: list[str] = field(default_factory=list)
    suspended: list[str] = field(default_factory=list)


def blocks(count: int) -> list[Destination]:
    """Return that many blocks of one network."""
    return [Destination(f"+221779{n:02}", "+221779", "SN") for n in range(count)]


def send_to(
    store: RedisStore, destination: Destination, rules: GuardRules, outcome: Outcome
) -> None:
    """Send one message twice with one idempotency key, as a retry does."""
    charge = DestinationCharge(hits=[_TOTAL], destination=destination, guard=rules)
    key = secrets.token_bytes(8)
    for attempt in range(2):
        try:
            store.acquire_destination(charge, idempotency_key=key)
        except DestinationSuspended as error:
            if attempt == 0 and error.is_new:
                outcome.suspended.append(error.prefix)
        else:
            if attempt == 0:
                outcome.accepted.append(destination.block)


def send_from_threads(
    url: str, destinations: Sequence[Destination], rules: GuardRules
) -> Outcome:
    """Send one message to each of *destinations* from several threads."""
    store, outcome = RedisStore(connect(url, _TIMEOUT)), Outcome()
    with ThreadPoolExecutor(THREADS) as threads:
        send = partial(send_to, store, rules=rules, outcome=outcome)
        list(threads.map(send, destinations))
    return outcome


def send_from_processes(
    url: str, destinations: Sequence[Destination], rules: GuardRules
) -> Outcome:
    """Send one message to each of *destinations* from each of several processes."""
    spawn = multiprocessing.get_context("spawn")
    together = Outcome()
    with ProcessPoolExecutor(PROCESSES, mp_context=spawn) as pool:
        send = partial(send_from_threads, url, destinations, rules)
        results = [pool.submit(send) for _ in range(PROCESSES)]
    for result in results:
        together.accepted += result.result().accepted
        together.suspended += result.result().suspended
    return together
