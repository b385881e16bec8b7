"""The store on a Redis Cluster with moved slots and stopped nodes."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.models import DestinationCharge
from otp_engine.domain.money.budget import BudgetRules
from otp_engine.domain.pumping_guard.places import Destination
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules
from otp_engine.errors import BudgetExceeded, StoreUnavailable, VerificationNotFound
from otp_engine.store import keys
from otp_engine.store.connection import connect
from otp_engine.store.limit_hits import RedisLimitHits
from otp_engine.store.limit_usage import RedisLimitUsageStore
from otp_engine.store.redis_client import RedisClient
from otp_engine.store.redis_store import RedisStore
from tests.support import topologies
from tests.support.topologies import command

TIMEOUT = timedelta(seconds=2)


@pytest.fixture
def store():
    """Return None: each test makes its own store."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    options = ("--cluster-require-full-coverage", "no")
    with topologies.cluster(folder, *options, replicas=True) as cluster:
        yield cluster


@pytest.fixture(params=[0, 1], ids=["for no replica", "for a replica"])
def store_of(cluster, request):
    return RedisStore(connect(cluster.url, TIMEOUT), replicas=request.param)


class Move:
    """A slot that moves from one node to another."""

    def __init__(self, cluster, phone, pepper):
        self.slot = topologies.slot(phone, pepper)
        ranges = command(cluster.primaries[0], "CLUSTER", "SLOTS")
        port = next(r[2][1] for r in ranges if r[0] <= self.slot <= r[1])
        self.source, self.target, *_ = sorted(
            cluster.primaries, key=lambda node: node.port != port
        )

    def set_slot(self, node, *arguments):
        command(node, "CLUSTER", "SETSLOT", self.slot, *arguments)

    def start(self):
        source, target = (
            command(node, "CLUSTER", "MYID") for node in (self.source, self.target)
        )
        command(self.source, "FLUSHALL")
        self.set_slot(self.target, "IMPORTING", source)
        self.set_slot(self.source, "MIGRATING", target)

    def end(self):
        target = command(self.target, "CLUSTER", "MYID")
        for node in (self.target, self.source):
            self.set_slot(node, "NODE", target)


def test_moved_slot_is_found_on_its_new_node(
    cluster, store_of, engine, outbox, alice, check_request
):
    engine = replace(engine, store=store_of)
    move = Move(cluster, alice.address.e164, engine.peppers[0])
    store_of.ping()

    move.start()
    # Redis rejects a script while its keys are on two nodes.
    with pytest.raises(StoreUnavailable):
        engine.send(alice)
    move.end()
    engine.send(alice)
    approved = engine.check(check_request(outbox.code)).approved

    assert approved
    assert len(outbox.messages) == 1
    with pytest.raises(VerificationNotFound):
        engine.check(check_request(outbox.code))


def test_budget_is_never_passed_in_a_cluster(cluster, store_of):
    # The tests of this module share the Cluster.
    cluster_client: Any = connect(cluster.url, TIMEOUT)
    RedisClient(cluster_client).execute(
        lambda redis: redis.delete(keys.GUARD), keys.GUARD
    )

    def send(n):
        charge = DestinationCharge(
            hits=[LimitHit("sends_per_country", "IN", Limit.parse("1000/1h"))],
            destination=Destination("+91944501", "+91944", "IN"),
            guard=GuardRules(mode=GuardMode.OFF),
            price=7 + n % 5,
            proven=True,
            budget=BudgetRules(amount=100, parts=1),
        )
        try:
            store_of.acquire_destination(charge, idempotency_key=secrets.token_bytes(8))
        except BudgetExceeded:
            return 0
        return charge.price

    with ThreadPoolExecutor(8) as pool:
        total = sum(pool.map(send, range(40)))

    assert 88 < total <= 100
    assert store_of.budget.read().whole.spent == total


def test_shared_limits_use_several_nodes(cluster):
    client = RedisClient(connect(cluster.url, TIMEOUT))
    hits = RedisLimitHits(client, shared_slots=8)
    hit = LimitHit("sends_total", "", Limit.parse("8000/1h"))

    for _ in range(80):
        hits.acquire_hits([hit], idempotency_key=secrets.token_bytes(8))

    counted = [
        sum(command(node, "ZCARD", key) for key in command(node, "KEYS", "*total*"))
        for node in cluster.primaries
    ]
    [usage] = RedisLimitUsageStore(client, shared_slots=8).shared_usage([hit])
    assert sum(counted) == usage.used == 80
    assert all(counted)


def test_ping_succeeds_without_a_node_of_phones(cluster):
    store = RedisStore(connect(cluster.url, TIMEOUT))
    index = cluster.index_of_global_limits()
    nodes = (cluster.replicas[index], cluster.primaries[(index + 1) % 3])
    store.ping()

    for node in nodes:
        node.kill()

    store.ping()


def test_ping_fails_without_the_node_of_shared_limits(cluster):
    store = RedisStore(connect(cluster.url, TIMEOUT))
    store.ping()

    cluster.primaries[cluster.index_of_global_limits()].kill()

    with pytest.raises(StoreUnavailable):
        store.ping()
