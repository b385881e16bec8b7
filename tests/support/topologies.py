"""Redis servers that belong together: a Cluster, and a primary with Sentinels."""

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
# So that a replica is there at once: it counts as one once it has heard something.
_AT_ONCE = (
    *("--repl-diskless-sync-delay", "0"),
    *("--repl-ping-replica-period", "1"),
    *("--save", ""),
)


@dataclass
class Cluster:
    """A Redis Cluster that is running.

    Attributes:
        primaries: One for each third of the slots, as they were at the start.
        replicas: Of the primary in the same place; none without them.
    """

    primaries: list[RedisProcess]
    replicas: list[RedisProcess]

    @property
    def url(self) -> str:
        hosts = [f"127.0.0.1:{node.port}" for node in self.primaries]
        return f"redis+cluster://{','.join(hosts)}"

    def place(self, phone: str) -> int:
        """Which third keeps *phone*."""
        return slot(phone) * len(self.primaries) // SLOTS

    def shared_place(self) -> int:
        """Which third keeps the limits that phones share."""
        return key_slot(b"shared") * len(self.primaries) // SLOTS

    def promoted(self, place: int) -> bool:
        """Whether the replica of a third has taken over, and its Cluster is well."""
        says = asked(self.replicas[place])
        return says("ROLE")[0] == b"master" and well(self.replicas[place])


@dataclass
class SentinelSetup:
    """A primary with replicas that three Sentinels watch."""

    primary: RedisProcess
    replicas: list[RedisProcess]
    sentinels: list[int]

    @property
    def url(self) -> str:
        hosts = [f"127.0.0.1:{port}" for port in self.sentinels]
        return f"redis+sentinel://{','.join(hosts)}/otp"

    def failovers(self) -> int:
        """Return how often another has become the primary, as any Sentinel knows it."""
        return max(int(state["config-epoch"]) for state in self._states())

    def settled(self, replicas: int) -> bool:
        """Whether all Sentinels name one primary, and it has this many *replicas*."""
        ports = {int(state["port"]) for state in self._states()}
        return len(ports) == 1 and followers(ports.pop()) >= replicas

    def _states(self) -> list[Any]:
        states = []
        for port in self.sentinels:
            with redis.Redis(port=port) as sentinel:
                states.append(sentinel.sentinel_master("otp"))
        return states


def slot(phone: str, pepper: Pepper = PEPPER) -> int:
    """Where *phone* is, under the pepper that processes are started with."""
    return key_slot(pepper.pseudonymize("phone", phone).encode())


def asked(node: RedisProcess) -> Callable[..., Any]:
    """Put commands to *node*, each on a connection of its own."""

    def ask(*words: object) -> Any:
        with redis.Redis.from_url(node.url, retry=None) as client:
            return client.execute_command(*words)

    return ask


def well(node: RedisProcess) -> bool:
    """Whether *node* sees a Cluster that serves every slot."""
    return b"cluster_state:ok" in asked(node)("CLUSTER", "INFO")


@contextmanager
def cluster(folder: Path, *options: str, replicas: bool = False) -> Iterator[Cluster]:
    """Run a Redis Cluster of three primaries, each with a replica on request."""
    with ExitStack() as stack:
        nodes = []
        for n in range(6 if replicas else 3):
            bus = str(redis_server.free_port())
            words = [*_CLUSTER, "--cluster-port", bus, *_AT_ONCE]
            place = folder / f"node-{n}"
            place.mkdir()
            node = redis_server.restartable_redis(place, *words, *options)
            nodes.append(stack.enter_context(node))
            _introduce(nodes, bus)
        primaries, others = nodes[:3], nodes[3:]
        _share_out(primaries)
        redis_server.wait_until(lambda: all(map(well, nodes)))
        _replicate(primaries, others)
        yield Cluster(primaries, others)


def _introduce(nodes: Sequence[RedisProcess], bus: str) -> None:
    """Let the first node know the last, which listens to its kind on port *bus*."""
    # Epochs that differ, for nodes of one epoch would first have to settle it.
    asked(nodes[-1])("CLUSTER", "SET-CONFIG-EPOCH", len(nodes))
    asked(nodes[0])("CLUSTER", "MEET", "127.0.0.1", nodes[-1].port, bus)


def _share_out(primaries: Sequence[RedisProcess]) -> None:
    ends = [-(-SLOTS * n // len(primaries)) for n in range(len(primaries) + 1)]
    for node, first, after in zip(primaries, ends, ends[1:], strict=False):
        asked(node)("CLUSTER", "ADDSLOTSRANGE", first, after - 1)


def _replicate(
    primaries: Sequence[RedisProcess], replicas: Sequence[RedisProcess]
) -> None:
    for primary, replica in zip(primaries, replicas, strict=False):
        name = asked(primary)("CLUSTER", "MYID")
        _wait_for(replica, partial(_knows, name))
        asked(replica)("CLUSTER", "REPLICATE", name)
    for replica in replicas:
        _wait_for(replica, follows)
    # First and last slot, the primary, and its replica.
    words = 4 if replicas else 3
    for node in (*primaries, *replicas):
        _wait_for(node, lambda node: {words} == set(map(len, asked(node)(*_SLOTS))))


def _knows(name: bytes, node: RedisProcess) -> bool:
    return name in asked(node)(*_NODES)


def _wait_for(node: RedisProcess, true: Callable[[RedisProcess], bool]) -> None:
    redis_server.wait_until(lambda: true(node))


def follows(replica: RedisProcess) -> bool:
    """Whether *replica* has all of its primary's data, and the primary knows it."""
    role = asked(replica)("ROLE")
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
        facts = primary.info("replication").values()
    # A `WAIT` counts replicas that have reported their offset.
    return [fact["port"] for fact in facts if isinstance(fact, dict) and fact["offset"]]


@contextmanager
def followed(
    folder: Path, *, replicas: int
) -> Iterator[tuple[RedisProcess, list[RedisProcess]]]:
    """Run a primary with replicas that have caught up."""
    with ExitStack() as stack:
        primary = stack.enter_context(alone(folder / "primary"))
        followers = [
            stack.enter_context(replica(folder / f"replica-{n}", primary.port))
            for n in range(replicas)
        ]
        redis_server.wait_until(lambda: all(map(follows, followers)))
        yield primary, followers


@contextmanager
def alone(folder: Path) -> Iterator[RedisProcess]:
    """Run a primary."""
    folder.mkdir()
    with redis_server.restartable_redis(folder, *_AT_ONCE) as server:
        yield server


@contextmanager
def replica(folder: Path, port: int) -> Iterator[RedisProcess]:
    """Run a replica of the server on *port*; it has to catch up first."""
    folder.mkdir()
    follow = ("--replicaof", f"127.0.0.1 {port}")
    with redis_server.restartable_redis(folder, *_AT_ONCE, *follow) as server:
        yield server


def follow(server: RedisProcess, primary: RedisProcess) -> None:
    """Make a replica of *server*, and let it catch up."""
    asked(server)("REPLICAOF", "127.0.0.1", primary.port)
    redis_server.wait_until(lambda: follows(server))


@contextmanager
def watched(folder: Path, *, replicas: int) -> Iterator[SentinelSetup]:
    """Run a primary with replicas, and three Sentinels that know all of them."""
    with followed(folder, replicas=replicas) as it, ExitStack() as stack:
        primary, followers = it
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
