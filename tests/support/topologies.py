"""Setups of several Redis servers: a Cluster, and a primary with Sentinels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot

from otp_engine.crypto.pepper import Pepper
from tests.support import redis_server
from tests.support.redis_server import RedisProcess
from tests.support.server_process import PEPPER

SLOTS = 16384
_CLUSTER = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
_NODES, _SLOTS = ("CLUSTER", "NODES"), ("CLUSTER", "SLOTS")
# A replica counts for `WAIT` after its first report, which these options speed up.
_FAST_REPLICATION = (
    *("--repl-diskless-sync-delay", "0"),
    *("--repl-ping-replica-period", "1"),
    *("--save", ""),
)


@dataclass
class Cluster:
    """A Redis Cluster that is running.

    Attributes:
        primaries: One server for each equal part of the slots, as at the start.
        replicas: The replica of each primary, in the same order, or none.
    """

    primaries: list[RedisProcess]
    replicas: list[RedisProcess]

    @property
    def url(self) -> str:
        hosts = [f"127.0.0.1:{node.port}" for node in self.primaries]
        return f"redis+cluster://{','.join(hosts)}"

    def index_of(self, phone: str) -> int:
        """Return the index of the primary that stores *phone*."""
        return slot(phone) * len(self.primaries) // SLOTS

    def index_of_global_limits(self) -> int:
        """Return the index of the primary that stores the global limits."""
        return key_slot(b"shared") * len(self.primaries) // SLOTS

    def promoted(self, index: int) -> bool:
        """Return whether a replica is now a primary and sees a healthy Cluster."""
        replica = self.replicas[index]
        return command(replica, "ROLE")[0] == b"master" and healthy(replica)


@dataclass
class SentinelSetup:
    """A primary with replicas, monitored by three Sentinels."""

    primary: RedisProcess
    replicas: list[RedisProcess]
    sentinels: list[int]

    @property
    def url(self) -> str:
        hosts = [f"127.0.0.1:{port}" for port in self.sentinels]
        return f"redis+sentinel://{','.join(hosts)}/otp"

    def failovers(self) -> int:
        """Return the number of failovers, the largest that any Sentinel reports."""
        return max(int(state["config-epoch"]) for state in self._states())

    def settled(self, replicas: int) -> bool:
        """Return whether all Sentinels name one primary with this many *replicas*."""
        ports = {int(state["port"]) for state in self._states()}
        return len(ports) == 1 and followers(ports.pop()) >= replicas

    def _states(self) -> list[Any]:
        states = []
        for port in self.sentinels:
            with redis.Redis(port=port) as sentinel:
                states.append(sentinel.sentinel_master("otp"))
        return states


def slot(phone: str, pepper: Pepper = PEPPER) -> int:
    """Return the slot of *phone* under the pepper of the processes of the tests."""
    return key_slot(pepper.pseudonymize("phone", phone).encode())


def command(node: RedisProcess, *arguments: object) -> Any:
    """Run one command on *node* with a new connection, and return the reply."""
    with redis.Redis.from_url(node.url, retry=None) as client:
        return client.execute_command(*arguments)


def healthy(node: RedisProcess) -> bool:
    """Return whether *node* sees a Cluster that serves every slot."""
    return b"cluster_state:ok" in command(node, "CLUSTER", "INFO")


@contextmanager
def cluster(
    folder: Path, *options: str, primaries: int = 3, replicas: bool = False
) -> Iterator[Cluster]:
    """Run a Redis Cluster of some primaries, each with a replica on request."""
    with ExitStack() as stack:
        nodes = []
        for n in range(primaries * 2 if replicas else primaries):
            node_folder = folder / f"node-{n}"
            node_folder.mkdir()
            node = redis_server.restartable_redis(
                node_folder, *_CLUSTER, *_FAST_REPLICATION, *options
            )
            nodes.append(stack.enter_context(node))
            _introduce(nodes)
        first, secondaries = nodes[:primaries], nodes[primaries:]
        _distribute_slots(first)
        redis_server.wait_until(lambda: all(map(healthy, nodes)))
        _replicate(first, secondaries)
        yield Cluster(first, secondaries)


def _introduce(nodes: Sequence[RedisProcess]) -> None:
    """Add the last of *nodes* to the Cluster of the first."""
    # Nodes with equal epochs would first have to resolve the conflict.
    command(nodes[-1], "CLUSTER", "SET-CONFIG-EPOCH", len(nodes))
    command(nodes[0], "CLUSTER", "MEET", "127.0.0.1", nodes[-1].port)


def _distribute_slots(primaries: Sequence[RedisProcess]) -> None:
    ends = [-(-SLOTS * n // len(primaries)) for n in range(len(primaries) + 1)]
    for node, first, after in zip(primaries, ends, ends[1:], strict=False):
        command(node, "CLUSTER", "ADDSLOTS", *range(first, after))


def _replicate(
    primaries: Sequence[RedisProcess], replicas: Sequence[RedisProcess]
) -> None:
    for primary, replica in zip(primaries, replicas, strict=False):
        name = command(primary, "CLUSTER", "MYID")
        _wait_for(replica, partial(_knows, name))
        command(replica, "CLUSTER", "REPLICATE", name)
    for replica in replicas:
        _wait_for(replica, follows)
    # The first and last slot, the primary, and its replica.
    length = 4 if replicas else 3
    for node in (*primaries, *replicas):
        _wait_for(node, lambda node: {length} == set(map(len, command(node, *_SLOTS))))


def _knows(name: bytes, node: RedisProcess) -> bool:
    return name in command(node, *_NODES)


def _wait_for(node: RedisProcess, condition: Callable[[RedisProcess], bool]) -> None:
    redis_server.wait_until(lambda: condition(node))


def follows(replica: RedisProcess) -> bool:
    """Return whether *replica* is synchronized, and its primary knows it."""
    role = command(replica, "ROLE")
    if role[0] != b"slave" or role[3] != b"connected":
        return False
    return replica.port in _followers(role[2])


def followers(port: int) -> int:
    """Return how many replicas a `WAIT` at the primary on *port* counts."""
    with suppress(redis.RedisError):
        return len(_followers(port))
    return 0


def _followers(port: int) -> list[int]:
    with redis.Redis.from_url(f"redis://127.0.0.1:{port}", retry=None) as primary:
        values = primary.info("replication").values()
    # `WAIT` counts the replicas that have reported their offset.
    return [v["port"] for v in values if isinstance(v, dict) and v["offset"]]


@contextmanager
def replicated(
    folder: Path, *, replicas: int
) -> Iterator[tuple[RedisProcess, list[RedisProcess]]]:
    """Run a primary with synchronized replicas."""
    with ExitStack() as stack:
        primary = stack.enter_context(primary_server(folder / "primary"))
        followers = [
            stack.enter_context(replica(folder / f"replica-{n}", primary.port))
            for n in range(replicas)
        ]
        redis_server.wait_until(lambda: all(map(follows, followers)))
        yield primary, followers


@contextmanager
def primary_server(folder: Path) -> Iterator[RedisProcess]:
    """Run a primary."""
    folder.mkdir()
    with redis_server.restartable_redis(folder, *_FAST_REPLICATION) as server:
        yield server


@contextmanager
def replica(folder: Path, port: int) -> Iterator[RedisProcess]:
    """Run a replica of the server on *port*, which first has to synchronize."""
    folder.mkdir()
    follow = ("--replicaof", "127.0.0.1", str(port))
    with redis_server.restartable_redis(folder, *_FAST_REPLICATION, *follow) as server:
        yield server


def follow(server: RedisProcess, primary: RedisProcess) -> None:
    """Make *server* a replica of *primary*, and wait until it is synchronized."""
    command(server, "REPLICAOF", "127.0.0.1", primary.port)
    redis_server.wait_until(lambda: follows(server))


@contextmanager
def sentinels(folder: Path, *, replicas: int) -> Iterator[SentinelSetup]:
    """Run a primary with replicas, and three Sentinels that know all of them."""
    with (
        replicated(folder, replicas=replicas) as (primary, followers),
        ExitStack() as stack,
    ):
        ports = []
        for n in range(3):
            settings = folder / f"sentinel-{n}.conf"
            settings.write_text(
                f"sentinel monitor otp 127.0.0.1 {primary.port} 2\n"
                "sentinel down-after-milliseconds otp 1000\n"
                "sentinel failover-timeout otp 3000\n"
            )
            ports.append(stack.enter_context(redis_server.sentinel_on_a_port(settings)))
        redis_server.wait_until(
            lambda: all(_knows_all(port, replicas) for port in ports)
        )
        yield SentinelSetup(primary, followers, ports)


def _knows_all(sentinel: int, replicas: int) -> bool:
    with redis.Redis(port=sentinel) as client:
        state = client.sentinel_master("otp")
        followers = client.sentinel_slaves("otp")
    seen = [s for s in followers if s["flags"] == "slave"]
    return state["num-other-sentinels"] == 2 and len(seen) == replicas
