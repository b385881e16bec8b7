"""A Redis Cluster whose slots move, and whose nodes go."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.errors import StoreUnavailable, VerificationNotFound
from otp_engine.store.connection import connect
from otp_engine.store.verifications import RedisStore
from tests import topologies
from tests.topologies import asked

TIMEOUT = timedelta(seconds=2)


@pytest.fixture
def store():
    """None: each test brings its own."""


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
    """A slot on its way from one node to another."""

    def __init__(self, cluster, phone, pepper):
        self.slot = topologies.slot(phone, pepper)
        ranges = asked(cluster.primaries[0])("CLUSTER", "SLOTS")
        port = next(r[2][1] for r in ranges if r[0] <= self.slot <= r[1])
        self.source, self.target, *_ = sorted(
            cluster.primaries, key=lambda node: node.port != port
        )

    def tell(self, node, *words):
        asked(node)("CLUSTER", "SETSLOT", self.slot, *words)

    def begin(self):
        source, target = (
            asked(node)("CLUSTER", "MYID") for node in (self.source, self.target)
        )
        asked(self.source)("FLUSHALL")
        self.tell(self.target, "IMPORTING", source)
        self.tell(self.source, "MIGRATING", target)

    def end(self):
        target = asked(self.target)("CLUSTER", "MYID")
        for node in (self.target, self.source):
            self.tell(node, "NODE", target)


def test_a_slot_that_has_moved_is_found(
    cluster, store_of, engine, outbox, alice, guess
):
    engine = replace(engine, store=store_of)
    move = Move(cluster, alice.number.e164, engine.peppers[0])
    store_of.ping()

    move.begin()
    # Redis runs no script in it whose keys are not all there.
    with pytest.raises(StoreUnavailable):
        engine.send(alice)
    move.end()
    engine.send(alice)
    approved = engine.check(guess(outbox.code)).approved

    assert approved
    assert len(outbox.messages) == 1
    with pytest.raises(VerificationNotFound):
        engine.check(guess(outbox.code))


def test_it_is_ready_without_a_node_that_few_need(cluster):
    store = RedisStore(connect(cluster.url, TIMEOUT))
    place = cluster.shared_place()
    few = (cluster.replicas[place], cluster.primaries[(place + 1) % 3])
    store.ping()

    for node in few:
        node.kill()

    store.ping()


def test_without_the_node_of_the_shared_limits_it_is_not(cluster):
    store = RedisStore(connect(cluster.url, TIMEOUT))
    store.ping()

    cluster.primaries[cluster.shared_place()].kill()

    with pytest.raises(StoreUnavailable):
        store.ping()
