"""How the cost of sends and checks grows: `make bench scale=1`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median

from tests.bench import clients, processes
from tests.bench.copies import Copies
from tests.bench.figures import number, table
from tests.bench.load import Load, LoadResult
from tests.bench.redis_stats import RedisStats
from tests.bench.replay import SHARED, Replay, recorded
from tests.bench.service import SETTINGS, TRIVIAL, Service, running, serving
from tests.support import server_process, topologies
from tests.support.fake_wall_clock import FakeWallClock

Row = list[str]

PHONES = (10_000, 100_000, 1_000_000)
WORKERS = (1, 2, 4)
NODES = (1, 3, 6)
SLOTS = 16
"""The slots of global limits, with `OTP_SHARED_SLOTS`."""

HITS = (1_000, 10_000, 100_000, 1_000_000)
MINUTES = 48
"""Minutes over which the sends of a window are distributed: 80 % of an hour."""

SECONDS = 2
ROUNDS = 3
CHEAP = {"OTP_ARGON2": TRIVIAL}
UNGUARDED = {"OTP_GUARD": "off"}
"""For repeated calls, which all send to one block; `guard.py` measures the guard."""


@dataclass(slots=True)
class Measurer:
    """Measures services of one tree.

    Attributes:
        load: The load.
        tree: The files of the service.
        progress: Shows what is measured.
        phones: Numbers without a verification.
    """

    load: Load
    tree: Path
    progress: Callable[[str], None]
    phones: Iterator[str] = field(default_factory=clients.phones)

    @contextmanager
    def service(
        self, settings: Mapping[str, str], workers: int = 2
    ) -> Iterator[Service]:
        """Run a service with hashes that cost almost nothing."""
        with (
            tempfile.TemporaryDirectory() as folder,
            running(
                Path(folder),
                self.tree,
                self.load.provider_url,
                workers,
                {**CHEAP, **settings},
            ) as service,
        ):
            yield service

    @contextmanager
    def clocked_service(
        self, settings: Mapping[str, str]
    ) -> Iterator[tuple[Service, FakeWallClock]]:
        """Run a service with a Redis that has a clock of its own."""
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            clock = FakeWallClock.compiled_in(Path(folder))
            url, cheap = self.load.provider_url, {**CHEAP, **settings}
            service = running(Path(folder), self.tree, url, 2, cheap, clock)
            yield stack.enter_context(service), clock

    def send(self, port: int, count: int, connections: int = 8) -> list[str]:
        """Send to *count* phones, and return those that got a code."""
        phones = list(islice(self.phones, count))
        senders = clients.senders(iter(phones), connections)
        self.load.run(port, senders, 60).served("201 pending")
        # A service that is overloaded refuses a send.
        return [phone for phone in phones if phone in self.load.codes]

    def sends(self, port: int) -> LoadResult:
        """Send for some seconds."""
        result = self.load.run(port, clients.senders(self.phones, 8), SECONDS)
        result.served("201 pending")
        return result

    def checks(self, port: int, phones: Sequence[str]) -> LoadResult:
        """Check for some seconds."""
        checkers = clients.wrong_checkers(self.load.codes, phones, 8)
        result = self.load.run(port, checkers, SECONDS)
        result.served("201 pending")
        return result


def phones(measurer: Measurer) -> str:
    """Return the cost against the pending verifications in Redis."""
    rows = []
    with measurer.service({"OTP_SENDS_TOTAL": "off"}) as service:
        redis = service.redis.client
        known = measurer.send(service.port, 500)
        before = set(redis.scan_iter(count=1_000))
        measurer.send(service.port, 1)
        copies = Copies(redis, set(redis.scan_iter(count=1_000)) - before)
        empty = service.redis.settled().bytes
        for count in PHONES:
            measurer.progress(f"{count:,} pending verifications")
            copies.fill(count)
            each = (service.redis.settled().bytes - empty) / count
            rows.append([f"{count:,}", number(each), *_costs(measurer, service, known)])
    columns = ("pending verifications", "bytes each", *_COSTS)
    return table(columns, rows)


def workers(measurer: Measurer) -> str:
    """Return the rates against the number of workers."""
    rows = []
    for count in WORKERS:
        measurer.progress(f"{count} workers")
        with measurer.service({}, count) as service:
            known = measurer.send(service.port, 500)
            rates: dict[str, list[float]] = {"send": [], "check": []}
            for _ in range(ROUNDS):
                sent = measurer.sends(service.port)
                checked = measurer.checks(service.port, known)
                rates["send"].append(sent.outcomes["201 pending"] / sent.seconds)
                rates["check"].append(checked.outcomes["201 pending"] / checked.seconds)
            middle = [number(median(values)) for values in rates.values()]
            costs = _costs(measurer, service, known)
            memory = number(service.memory()[0])
        rows.append([str(count), *middle, *costs[:2], memory])
    return table(
        ("workers", "sends a second", "checks a second", *_COSTS[:2], "MiB (PSS)"), rows
    )


_COSTS = (
    "server, ms a send",
    "server, ms a check",
    "Redis, ms a send",
    "Redis, ms a check",
)


def _costs(measurer: Measurer, service: Service, known: Sequence[str]) -> Row:
    """Return the CPU times of `_COSTS`, medians of some rounds."""
    values: list[list[float]] = [[], [], [], []]
    for _ in range(ROUNDS):
        for n, drive in enumerate(
            (
                lambda: measurer.sends(service.port),
                lambda: measurer.checks(service.port, known),
            )
        ):
            before = service.cpu()
            count = drive().count
            for at, (start, end) in enumerate(zip(before, service.cpu(), strict=True)):
                values[n + 2 * at].append((end - start) / count * 1000)
    return [number(median(each)) for each in values]


def window(measurer: Measurer) -> str:
    """Return the cost of a send in Redis against the hits in `sends_total`."""
    rows = []
    for count in HITS:
        measurer.progress(f"a window of {count:,} sends")
        with measurer.clocked_service(
            {"OTP_SENDS_TOTAL": f"{count}/1h", **UNGUARDED}
        ) as (
            service,
            clock,
        ):
            replay = _replay(measurer, service)
            stored = count * MINUTES // 60
            for minute in range(MINUTES):
                clock.jump_to(60 * minute)
                replay.run(count // 60)
            used_bytes = _shared_bytes(service.redis)
            used = _microseconds(service.redis, replay, min(count // 10, 5_000))
            cpu = processes.cpu_seconds([service.redis.pid])
            measurer.send(service.port, 50, connections=1)
            cpu = processes.cpu_seconds([service.redis.pid]) - cpu
        rows.append(
            [
                f"{count:,}",
                number(used),
                number(cpu / 50 * 1000),
                number(used_bytes / stored),
                number(used_bytes / 2**20),
            ]
        )
    return table(
        (
            "limit an hour, 80 % used",
            "script, µs",
            "Redis, ms a send",
            "bytes a hit",
            "MiB",
        ),
        rows,
    )


def shared(measurer: Measurer) -> str:
    """Return the ceiling of the slot of the shared limits in sends a second."""
    limits = {
        "`sends_total`": {"OTP_SENDS_TOTAL": "1000000/1h"},
        "and `sends_per_country`": {"OTP_SENDS_PER_COUNTRY": "1000000/1h"},
        "and `sends_per_key`": {
            "OTP_SENDS_PER_COUNTRY": "1000000/1h",
            "OTP_SENDS_PER_KEY": "1000000/1h",
        },
    }
    rows = []
    for name, settings in limits.items():
        measurer.progress(f"the shared slot, {name}")
        with measurer.service({**settings, **UNGUARDED}) as service:
            calls = recorded(
                service.redis.client, lambda: measurer.send(service.port, 1)
            )
            replays = _replays(measurer, service)
            times = []
            for batch in (1, 100):
                cpu = processes.cpu_seconds([service.redis.pid])
                for replay in replays:
                    replay.run(10_000, batch=batch)
                spent = processes.cpu_seconds([service.redis.pid]) - cpu
                times.append(10_000 / spent)
        rows.append([name, str(len(calls)), *map(number, times)])
    return table(
        (
            "limits",
            "scripts a send",
            "sends a second, one command a packet",
            "in pipelines of 100",
        ),
        rows,
    )


def _replay(measurer: Measurer, service: Service) -> Replay:
    [replay] = _replays(measurer, service)
    return replay


def _replays(measurer: Measurer, service: Service) -> list[Replay]:
    """Return a replay of each script call of a send on the shared limits."""
    client = service.redis.client
    measurer.send(service.port, 20)
    calls = recorded(client, lambda: measurer.send(service.port, 1))
    return [Replay(client, call) for call in calls]


def _shared_bytes(stats: RedisStats) -> int:
    names = stats.client.scan_iter(f"{SHARED.decode()}*", count=1_000)
    return sum(stats.client.memory_usage(name, samples=0) or 0 for name in names)


def _microseconds(stats: RedisStats, replay: Replay, count: int) -> float:
    """Return the CPU time of Redis for each of *count* calls in pipelines."""
    cpu = processes.cpu_seconds([stats.pid])
    replay.run(count, batch=100)
    return (processes.cpu_seconds([stats.pid]) - cpu) / count * 1_000_000


def shards(measurer: Measurer) -> str:
    """Return how many requests a Redis Cluster executes before a node is full."""
    rows: list[Row] = []
    base: list[float] = []
    for count in NODES:
        measurer.progress(f"a Cluster of {count}")
        ceilings = _ceilings(measurer, count)
        base = base or ceilings
        ratios = [f"{now / one:.2f}" for now, one in zip(ceilings, base, strict=True)]
        rows.append([str(count), *map(number, ceilings), *ratios])
    slots = f"{SLOTS} slots"
    columns = (
        "nodes",
        *("checks a second", "sends a second", f"sends a second, {slots}"),
        *("ratio of checks", "ratio of sends", f"ratio of sends, {slots}"),
    )
    return table(columns, rows)


def _ceilings(measurer: Measurer, nodes: int) -> list[float]:
    """Return the requests a second that fill the busiest of *nodes*.

    The requests are checks, sends, and sends with global limits in several slots.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(topologies.cluster(folder, primaries=nodes))
        pids = [node.pid() for node in cluster.primaries]
        environ = server_process.production(cluster.url, measurer.load.provider_url)
        environ |= SETTINGS | CHEAP
        with serving(folder, measurer.tree, 2, environ) as (port, _):
            known = measurer.send(port, 500)
            ceilings = [
                _ceiling(pids, lambda: measurer.checks(port, known)),
                _ceiling(pids, lambda: measurer.sends(port)),
            ]
        environ["OTP_SHARED_SLOTS"] = str(SLOTS)
        with serving(folder, measurer.tree, 2, environ) as (other, _):
            ceilings.append(_ceiling(pids, lambda: measurer.sends(other)))
    return ceilings


def _ceiling(pids: Sequence[int], drive: Callable[[], LoadResult]) -> float:
    before = [processes.cpu_seconds([pid]) for pid in pids]
    count = sum(drive().count for _ in range(ROUNDS))
    after = [processes.cpu_seconds([pid]) for pid in pids]
    return count / max(end - start for start, end in zip(before, after, strict=True))


PARTS: Mapping[str, Callable[[Measurer], str]] = {
    "phones": phones,
    "workers": workers,
    "shards": shards,
    "window": window,
    "shared": shared,
}
