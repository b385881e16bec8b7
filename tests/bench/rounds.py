"""The measurements of a service, each of them for some seconds of a round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from statistics import median

from tests.bench import clients, hashing
from tests.bench.figures import Figures, percentile
from tests.bench.load import Client, Load, LoadResult
from tests.bench.redis_stats import Counters, growth_of_shared
from tests.bench.service import Service

CONNECTIONS = (1, 8, 16, 64)
"""Numbers of connections. CPU times and the latencies of pairs are those with 8."""

COUNTED = 300
"""Requests of each kind for which the commands of Redis are counted."""

STORED = 2_000
"""Pending verifications for which the memory of Redis is measured."""

SENT, WRONG, RIGHT = "201 pending", "201 pending", "201 approved"


BURST = 100
"""Right checks that arrive at once, at the default cost."""

HASHES, LOAD, CPU, REDIS, MEMORY = "hashes", "load", "cpu", "redis", "memory"
"""The tables."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A load, and the CPU seconds that it took.

    Attributes:
        load: The responses.
        server: CPU time of all processes of the service.
        redis: CPU time of Redis.
        workers: CPU time of each worker.
    """

    load: LoadResult
    server: float
    redis: float
    workers: Sequence[float]


@dataclass(slots=True)
class Bench:
    """Measures one service.

    Attributes:
        tree: `BEFORE` or `AFTER`.
        service: The service.
        load: The load.
        phones: Numbers without a verification.
        figures: Receives the values.
        seconds: The duration of each load.
    """

    tree: str
    service: Service
    load: Load
    phones: Iterator[str]
    figures: Figures
    seconds: float

    def at_rest(self) -> None:
        """Measure the memory before any load."""
        pss, rss = self.service.memory()
        self._add(MEMORY, "memory of the server at rest, MiB (PSS)", pss, "≤ 120")
        self._add(MEMORY, "memory of the server at rest, MiB (RSS)", rss)

    def after_load(self) -> None:
        """Measure the memory after all loads."""
        pss, rss = self.service.memory()
        self._add(MEMORY, "memory of the server after load, MiB (PSS)", pss)
        self._add(MEMORY, "memory of the server after load, MiB (RSS)", rss)

    def counts(self) -> None:
        """Count round trips and commands of requests that come one by one."""
        # The first requests load scripts and open connections.
        self._run(clients.senders(self._next(50), 8))
        phones = list(self._next(COUNTED))
        codes = self.load.codes
        send = self._counted(clients.senders(iter(phones), 1))
        check = self._counted(clients.wrong_checkers(codes, phones, 1))
        right = self._counted(clients.right_checkers(codes, phones, 1))
        for name, of, goal in (
            ("round trips to Redis", attrgetter("reads"), ""),
            (
                "commands of Redis, those in scripts included",
                attrgetter("commands"),
                "≤ 18",
            ),
        ):
            self._add(REDIS, f"{name}, a check", of(check) / COUNTED)
            self._add(REDIS, f"{name}, a send", of(send) / COUNTED, goal)
            self._add(REDIS, f"{name}, a pair", (of(send) + of(right)) / COUNTED)

    def _counted(self, alone: Sequence[Client]) -> Counters:
        before = self.service.redis.settled()
        self._run([islice(client, COUNTED) for client in alone])
        return self.service.redis.settled() - before

    def bytes(self) -> None:
        """Measure the memory of Redis for each pending verification and each event."""
        redis = self.service.redis
        sizes, before = redis.sizes(), redis.settled()
        self._run(clients.senders(self._next(STORED), 8))
        spent = (redis.settled() - before).bytes
        spent -= growth_of_shared(sizes, redis.sizes())
        self._add(
            REDIS, "bytes of Redis, a pending verification", spent / STORED, "≤ 450"
        )
        self._add(REDIS, "bytes of Redis, an event", redis.bytes_of_an_event())

    def cheap_round(self) -> None:
        """Measure rates, latencies and CPU times without the cost of hashes."""
        sent: list[str] = []
        for connections in CONNECTIONS:
            result = self._sends(connections, sent)
            self._rate("sends", connections, result, SENT)
            if connections == 1:
                self._alone(result, "a send")
            if connections == 8:
                self._cpu(result, "a send", result.load.count, "≤ 1.1")
        for connections in CONNECTIONS:
            result = self._checks(connections, sent)
            self._rate("wrong checks", connections, result, WRONG)
            if connections == 1:
                self._alone(result, "a check")
            if connections == 16:
                share = max(result.workers) / sum(result.workers) * 100
                self._add(CPU, "busiest worker, % of the CPU of all workers", share)
            if connections == 8:
                self._cpu(result, "a check", result.load.count, "≤ 0.55")
        self._pairs()

    def full_cost_round(self) -> None:
        """Compare the checks at the default cost with the hashes of this machine."""
        sent: list[str] = []
        self._run(clients.senders(_recorded(self._next(16), sent), 4), seconds=60)
        # The hash rate before and after, because that of a shared core changes.
        before = hashing.hash_rate(hashing.OWASP, self.seconds / 2)
        result = self._checks(8, sent)
        raw = (before + hashing.hash_rate(hashing.OWASP, self.seconds / 2)) / 2
        rate = result.load.served(WRONG) / result.load.seconds
        self._add(HASHES, "hashes a second without the service", raw)
        self._add(HASHES, "checks a second at `owasp`, 8 connections", rate)
        self._add(HASHES, "checks divided by hashes", rate / raw, "≥ 0.95")
        self._refused(HASHES, "checks at `owasp`, 8 connections", result.load)
        self._burst(raw)
        self._alone_at_full_cost(sent)

    def _alone_at_full_cost(self, sent: Sequence[str]) -> None:
        """Compare each check with a hash just before it, for the same reason."""
        [checker] = clients.wrong_checkers(self.load.codes, sent, 1)
        hashes: list[float] = []

        def check_after_hash() -> Client:
            for request in checker:
                hashes.append(hashing.hash_seconds(hashing.OWASP))
                yield request

        result = self._run([check_after_hash()], seconds=2 * self.seconds)
        pairs = zip(result.load.latencies, hashes, strict=True)
        more = median(check - hashed for check, hashed in pairs)
        self._add(HASHES, "a hash alone, ms", median(hashes) * 1000)
        self._add(HASHES, "a check alone minus a hash, ms", more * 1000, "≤ 0.8")

    def _burst(self, hash_rate: float) -> None:
        """Check as many right codes at once as people may type in one second."""
        phones: list[str] = []
        self._run(clients.senders(_recorded(self._next(BURST), phones), 2))
        known = [phone for phone in phones if phone in self.load.codes]
        burst = self._run(clients.right_checkers(self.load.codes, known, len(known)))
        approved = burst.load.served(RIGHT)
        at = f"{BURST} right checks at once"
        self._add(HASHES, f"{at}, approved %", approved / len(known) * 100, "100")
        # The time in which the machine hashes as many codes without the service.
        least = approved / hash_rate
        slowest = max(burst.load.latencies)
        self._add(HASHES, f"{at}, slowest divided by hashes", slowest / least, "≤ 1.3")

    def _sends(self, connections: int, sent: list[str]) -> Measured:
        return self._run(
            clients.senders(_recorded(self.phones, sent), connections),
            seconds=self.seconds,
        )

    def _checks(self, connections: int, sent: Sequence[str]) -> Measured:
        known = [phone for phone in sent if phone in self.load.codes]
        return self._run(
            clients.wrong_checkers(self.load.codes, known, connections),
            seconds=self.seconds,
        )

    def _pairs(self) -> None:
        result = self._run(
            clients.verifiers(self.load.codes, self.phones, 8), seconds=self.seconds
        )
        pairs = result.load.served(RIGHT)
        self._add(LOAD, "pairs a second, 8 connections", pairs / result.load.seconds)
        self._cpu(result, "a pair", pairs, "≤ 1.7")

    def _rate(
        self, what: str, connections: int, result: Measured, outcome: str
    ) -> None:
        load = result.load
        at = f"{what}, {connections} connection{'s' if connections > 1 else ''}"
        self._add(LOAD, f"{at}, a second", load.served(outcome) / load.seconds)
        self._add(LOAD, f"{at}, median ms", median(load.latencies) * 1000)
        self._add(LOAD, f"{at}, p99 ms", percentile(load.latencies, 0.99) * 1000)
        self._refused(LOAD, at, load)

    def _refused(self, group: str, what: str, load: LoadResult) -> None:
        refused = sum(n for o, n in load.outcomes.items() if not o.startswith("2"))
        self._add(group, f"{what}, refused %", refused / load.count * 100)

    def _run(self, connections: Sequence[Client], *, seconds: float = 60) -> Measured:
        server, redis = self.service.cpu()
        workers = self.service.worker_cpu()
        load = self.load.run(self.service.port, connections, seconds)
        server_after, redis_after = self.service.cpu()
        after = self.service.worker_cpu()
        spent = [end - start for start, end in zip(workers, after, strict=True)]
        return Measured(load, server_after - server, redis_after - redis, spent)

    def _next(self, count: int) -> Iterator[str]:
        return islice(self.phones, count)

    def _cpu(self, measured: Measured, what: str, count: int, goal: str) -> None:
        """Add the CPU time for each of *count* requests, in milliseconds."""
        for name, seconds, bound in (
            ("server", measured.server, goal),
            ("Redis", measured.redis, ""),
            ("load and provider", measured.load.cpu, ""),
        ):
            self._add(CPU, f"{name}, ms {what}", seconds / count * 1000, bound)

    def _alone(self, measured: Measured, what: str) -> None:
        milliseconds = measured.server / measured.load.count * 1000
        self._add(CPU, f"server, ms {what} alone", milliseconds)

    def _add(self, group: str, name: str, value: float, goal: str = "") -> None:
        self.figures.add(self.tree, group, name, value, goal)


def _recorded(phones: Iterator[str], sent: list[str]) -> Iterator[str]:
    for phone in phones:
        sent.append(phone)
        yield phone
