"""What authenticator apps cost: `make bench scale=1 only=factors,entities`."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, cycle, islice, repeat
from statistics import median
from typing import Any

from otp_engine.api import qr_codes
from tests.bench import apps, clients
from tests.bench.apps import BUDGET, Enroller
from tests.bench.copies import Copies
from tests.bench.figures import number, table
from tests.bench.load import Client
from tests.bench.scale import Measurer
from tests.bench.service import Service

FACTORS = (1, 10, 100)
COPIES = 10_000
ROUNDS = 3
SECONDS = 4
_BATCH = 30  # identities of one round
_RATED = 15  # identities of a load, with 100 checks each
_QR_CODES = 20
_ENTITY = re.compile(rb":entity$")
_CHALLENGE = re.compile(rb":challenge")

Requests = Callable[[], Iterable[bytes]]


def factors(measurer: Measurer) -> str:
    """Return the costs of requests one by one, and rates with their hashes."""
    with measurer.service(apps.SETTINGS, 1) as service:
        enroller = Enroller(service)
        costs = Costs(service, measurer).table(_kinds(service, enroller, measurer))
        [app] = enroller.enrolled(1)
    qr_code = f"A QR code alone takes {number(_qr_code_ms(app.uri))} ms of the server."
    return "\n\n".join([costs, qr_code, _rates(measurer)])


@dataclass(frozen=True, slots=True)
class Costs:
    """Measures requests that come one by one.

    Attributes:
        service: The service, with hashes that cost almost nothing.
        measurer: Has the load.
    """

    service: Service
    measurer: Measurer

    def table(self, kinds: Mapping[str, Requests]) -> str:
        """Return the costs of each kind of request, medians of some rounds."""
        values: dict[str, list[Sequence[float]]] = {name: [] for name in kinds}
        for n in range(ROUNDS):
            self.measurer.progress(f"round {n + 1} of {ROUNDS}")
            for name, requests in kinds.items():
                values[name].append(self._measure(list(requests())))
        rows = [
            [name, *(number(median(each)) for each in zip(*rounds, strict=True))]
            for name, rounds in values.items()
        ]
        columns = ("", "server, ms", "Redis, ms", "round trips", "commands")
        return table(columns, rows)

    def _measure(self, requests: Sequence[bytes]) -> Sequence[float]:
        """Return the values of a row."""
        stats, load, count = self.service.redis, self.measurer.load, len(requests)
        counters, before = stats.settled(), self.service.cpu()
        result = load.run(self.service.port, [iter(requests)], 60)
        spent = [
            (end - start) / count * 1_000
            for start, end in zip(before, self.service.cpu(), strict=True)
        ]
        done = stats.settled() - counters
        assert all(each.startswith("2") for each in result.outcomes), result.outcomes
        return (*spent, done.reads / count, done.commands / count)


def _kinds(
    service: Service, enroller: Enroller, measurer: Measurer
) -> Mapping[str, Requests]:
    """Return the rows of the table."""
    phones = measurer.send(service.port, _BATCH)
    [checker] = clients.wrong_checkers(measurer.load.codes, phones, 1)

    def wrong(count: int) -> Iterable[bytes]:
        known = enroller.activated(_BATCH // 3)
        add_factors(service.redis.client, count - 1)
        return chain.from_iterable(repeat(apps.wrong(app), BUDGET) for app in known)

    def answers() -> Iterable[bytes]:
        challenges = [(a, enroller.challenged(a)) for a in enroller.activated(_BATCH)]
        return (apps.answer(app, path) for app, path in challenges)

    activated = partial(enroller.activated, _BATCH)
    identities = map(apps.enrollment, iter(apps.new_identity, None))
    return {
        "wrong check of a code of a message": lambda: islice(checker, 10 * _BATCH),
        "wrong check": partial(wrong, 1),
        **{f"wrong check, {n} factors": partial(wrong, n) for n in FACTORS[1:]},
        "right check": lambda: map(apps.right, activated()),
        "right recovery code": lambda: map(apps.recovery, activated()),
        "enrollment": lambda: islice(identities, _BATCH),
        "activation": lambda: map(apps.activation, enroller.enrolled(_BATCH)),
        "page of an enrollment, shown again": lambda: [enroller.page()] * _BATCH,
        "challenge of `/v2`": lambda: map(enroller.challenge, activated()),
        "right check of a challenge": answers,
    }


def add_factors(client: Any, count: int) -> None:
    """Add copies of its factor to each entity with one factor."""
    for name in client.scan_iter("otp:*:entity") if count else ():
        fields = {f: v for f, v in client.hgetall(name).items() if f[16:17] == b":"}
        if len({field[:16] for field in fields}) > 1:
            continue
        added = [secrets.token_bytes(16) for _ in range(count)]
        copies = {new + f[16:]: value for new in added for f, value in fields.items()}
        client.hset(name, mapping=copies)


def _qr_code_ms(uri: str) -> float:
    times = []
    for _ in range(_QR_CODES):
        started = time.thread_time()
        qr_codes.to_svg(uri)
        times.append(time.thread_time() - started)
    return median(times) * 1_000


def _rates(measurer: Measurer) -> str:
    """Return the rates at the default cost of hashes."""
    settings = {
        "OTP_ARGON2": "owasp",
        "OTP_FAILED_CHECKS_PER_FACTOR": "100/1h",
        "OTP_MAX_CONSECUTIVE_FAILURES": "100",
    }
    with measurer.service({**apps.SETTINGS, **settings}, 1) as service:
        measurer.progress("rates at the default cost")
        phones = measurer.send(service.port, 200)
        known = Enroller(service).activated(_RATED)
        turns = cycle(known)
        loads: Mapping[str, Sequence[Client]] = {
            "wrong checks of codes of messages": clients.wrong_checkers(
                measurer.load.codes, phones, 8
            ),
            "wrong checks of codes of apps": [map(apps.wrong, turns) for _ in range(8)],
            "enrollments": [
                map(apps.enrollment, iter(apps.new_identity, None)) for _ in range(8)
            ],
        }
        rows = [
            [name, number(_rate(measurer, service, load))]
            for name, load in loads.items()
        ]
    return table(("one worker at `owasp`", "a second of a core"), rows)


def _rate(measurer: Measurer, service: Service, load: Sequence[Client]) -> float:
    """Return the requests in a second of CPU time of the service."""
    before, _ = service.cpu()
    result = measurer.load.run(service.port, load, SECONDS)
    after, _ = service.cpu()
    return result.served("201 pending") / (after - before)


def entities(measurer: Measurer) -> str:
    """Return the memory in Redis of entities, challenges and their index."""
    with measurer.service(apps.SETTINGS, 1) as service:
        enroller, client = Enroller(service), service.redis.client
        [app] = enroller.activated(1)
        of_app = _new_keys(client, ())
        enroller.without_recovery_codes()
        other = _new_keys(client, of_app)
        known = [*of_app, *other]
        enroller.challenged(app)
        challenge = [n for n in _new_keys(client, known) if _CHALLENGE.search(n)]
        kinds = {
            "entity, a factor and ten recovery codes": _named(of_app, _ENTITY),
            "entity and a factor without recovery codes": _named(other, _ENTITY),
            "challenge, with its index and its log": challenge,
        }
        copies = {name: Copies(client, found) for name, found in kinds.items()}
        index = _index_bytes(client)
        rows = [
            [name, *_row(_bytes_each(service, each))] for name, each in copies.items()
        ]
        rows.append(["member of the index of a service", *_row(index)])
    return table((f"in {COPIES:,}", "bytes each", "MiB for a million"), rows)


def _new_keys(client: Any, known: Iterable[bytes]) -> list[bytes]:
    return sorted(set(client.scan_iter(count=1_000)) - set(known))


def _named(names: Iterable[bytes], pattern: re.Pattern[bytes]) -> list[bytes]:
    return [name for name in names if pattern.search(name)]


def _row(bytes_each: float) -> list[str]:
    return [number(bytes_each), number(bytes_each * 1_000_000 / 2**20)]


def _bytes_each(service: Service, copies: Copies) -> float:
    """Return the memory of each of many copies, in a Redis with nothing else."""
    service.redis.client.flushall()
    before = service.redis.settled().bytes
    copies.fill(COPIES)
    return (service.redis.settled().bytes - before) / COPIES


def _index_bytes(client: Any) -> float:
    """Return the memory of each member of an index with many members."""
    [name] = client.scan_iter("otp:*:entities:*")
    members = client.zrange(name, 0, -1)
    length, score = len(members[0]), client.zscore(name, members[0])
    added = (secrets.token_hex(length)[:length] for _ in range(COPIES))
    client.zadd("index", dict.fromkeys(added, score))
    return (client.memory_usage("index", samples=0) or 0) / COPIES


PARTS: Mapping[str, Callable[[Measurer], str]] = {
    "factors": factors,
    "entities": entities,
}
"""The parts about authenticator apps."""
