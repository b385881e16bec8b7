"""The store on a Redis Cluster, with Sentinel, and with a replica."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import redis

from otp_engine.domain.factors.ports import EntityKey
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.errors import RateLimited, StoreUnavailable, VerificationNotFound
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from tests.fault_injection import fault_proxy
from tests.support import redis_server, topologies
from tests.support.fakes import different_code
from tests.support.tuning import with_policy

TIMEOUT = timedelta(seconds=2)
PHONE = PhoneKey("digest")


def connected(url):
    client: Any = connect(url, TIMEOUT)
    return closing(client)


@pytest.fixture
def store():
    """Return None: each test makes its own store."""


@pytest.fixture
def cluster(tmp_path):
    """Yield a Cluster of one node, which rejects keys of two slots."""
    options = ("--cluster-enabled", "yes")
    with redis_server.redis_on_a_port(tmp_path, *options) as port:
        with redis.Redis(port=port) as node:
            redis_server.serve_every_slot(node)
        yield f"redis+cluster://127.0.0.1:{port}"


@pytest.fixture
def sentinel(tmp_path):
    """Yield the URL of a Sentinel with a primary."""
    (tmp_path / "primary").mkdir()
    with redis_server.redis_on_a_port(tmp_path / "primary") as primary:
        settings = tmp_path / "sentinel.conf"
        settings.write_text(f"sentinel monitor otp 127.0.0.1 {primary} 1\n")
        with redis_server.sentinel_on_a_port(settings) as port:
            yield f"redis+sentinel://127.0.0.1:{port}/otp"


@pytest.fixture
def replicated(tmp_path):
    """Yield the URL of a primary with one replica that is up to date."""
    for name in ("primary", "replica"):
        (tmp_path / name).mkdir()
    soon = ("--repl-diskless-sync-delay", "0")
    with (
        redis_server.redis_on_a_port(tmp_path / "primary", *soon) as primary,
        redis_server.redis_on_a_port(
            tmp_path / "replica", "--replicaof", "127.0.0.1", str(primary)
        ),
        redis.Redis(port=primary) as client,
    ):
        redis_server.wait_until(
            lambda: bool(client.set("x", "y") and client.wait(1, 100))
        )
        yield f"redis://127.0.0.1:{primary}"


@pytest.mark.parametrize("topology", ["cluster", "sentinel"])
def test_every_step_works(topology, engine, outbox, alice, check_request, request):
    url = request.getfixturevalue(topology)
    engine = replace(engine, store=RedisStore(connect(url, TIMEOUT)))
    engine = with_policy(
        engine,
        sends_per_phone=Limit.parse("2/1h"),
        sends_per_ip=Limit.parse("5/1h"),
        sends_per_country=PARSERS["sends_per_country"]("9/1h, IN=5/1h"),
        sends_per_prefix=PARSERS["sends_per_prefix"]("+91=5/1h, +919445=5/1h shadow"),
        sends_per_channel=PARSERS["sends_per_channel"]("sms=5/1h"),
        sends_per_network=PARSERS["sends_per_network"]("203.0.113.0/24=5/1h"),
        sends_total=Limit.parse("5/1h"),
        checks_per_ip=Limit.parse("5/1h"),
    )
    send_request = replace(alice, client_ip="203.0.113.7")

    engine.store.ping()
    engine.send(send_request)
    engine.send(send_request)
    with pytest.raises(RateLimited):
        engine.send(send_request)
    wrong = engine.check(check_request(different_code(*outbox.codes), "203.0.113.7"))
    right = engine.check(check_request(outbox.code, "203.0.113.7"))

    assert (wrong.approved, right.approved) == (False, True)
    with pytest.raises(VerificationNotFound):
        engine.check(check_request(outbox.code))


@pytest.mark.parametrize("topology", ["cluster", "replicated"])
def test_step_fails_without_the_required_replica(
    topology, engine, outbox, alice, check_request, request
):
    url = request.getfixturevalue(topology)
    store = RedisStore(connect(url, TIMEOUT), replicas=1)
    engine = replace(engine, store=store)

    if topology == "replicated":
        engine.send(alice)
        assert engine.check(check_request(outbox.code)).approved
    else:
        with pytest.raises(StoreUnavailable):
            engine.send(alice)
        assert outbox.messages == []


@pytest.mark.parametrize("topology", ["cluster", "sentinel", "replicated"])
def test_factor_is_stored_and_checked_on_each_topology(topology, policy, request):
    url = request.getfixturevalue(topology)
    factors = RedisStore(connect(url, TIMEOUT)).factors
    key, factor, check = EntityKey("alice", "VA1"), b"F" * 16, b"check 01"

    stored = factors.put_factor(
        key, entity_id=b"E" * 16, entity_record=b"", factor_id=factor, record=b"record"
    )
    reserved = factors.reserve_check(
        key, factor, idempotency_key=check, policy=policy, activates=True
    )
    at = factors.accept_step(
        key,
        factor,
        idempotency_key=check,
        step=100,
        activates=True,
        is_authenticator=True,
    )

    assert reserved.factor.record == b"record"
    [listed] = factors.list_entities("VA1")
    assert stored
    assert (listed.id, listed.authenticator) == (stored.id, factor)
    assert listed.factors[0].verified_at == at
    assert factors.delete_entity(key)


@pytest.mark.parametrize("topology", ["cluster", "sentinel", "replicated"])
def test_challenge_is_approved_and_deleted_on_each_topology(topology, request):
    url = request.getfixturevalue(topology)
    store = RedisStore(connect(url, TIMEOUT))
    key, factor, check = EntityKey("alice", "VA1"), b"F" * 16, b"check 01"
    store.factors.put_factor(
        key, entity_id=b"E" * 16, entity_record=b"", factor_id=factor, record=b"record"
    )
    store.factors.accept_step(
        key,
        factor,
        idempotency_key=check,
        step=1,
        activates=True,
        is_authenticator=False,
    )
    challenges = store.challenges

    created = challenges.create_challenge(
        key, id=b"C" * 16, factor_id=factor, record=b"record"
    )
    challenges.reserve_challenge_check(key, created.id, idempotency_key=check)
    approved = challenges.approve_challenge(key, created.id, idempotency_key=check)

    assert approved is not None
    assert approved.responded_at is not None
    assert challenges.list_challenges(key) == [approved]
    assert store.factors.delete_entity(key)
    assert challenges.list_challenges(key) == []


def test_text_of_a_script_with_replicas_is_sent_once(replicated):
    store = RedisStore(connect(replicated, TIMEOUT), replicas=1)

    with redis.Redis.from_url(replicated) as observer:
        for flush in (False, False, True, False):
            if flush:
                observer.script_flush()
            store.approve(PHONE, idempotency_key=b"t" * 8, verification_id=b"i" * 16)
        counts = observer.info("commandstats")

    # Once at the start, and once after the flush.
    assert counts["cmdstat_eval"]["calls"] == 2
    assert counts["cmdstat_evalsha"]["calls"] == 4


def test_connect_succeeds_before_the_cluster_starts():
    unreachable = f"redis+cluster://127.0.0.1:{redis_server.free_port()}"
    store = RedisStore(connect(unreachable, TIMEOUT))

    with pytest.raises(StoreUnavailable):
        store.ping()


def test_persistence_warnings_are_those_of_a_cluster_node(cluster):
    assert RedisStore(connect(cluster, TIMEOUT)).persistence_warnings() == [
        "Redis loses data at a restart: set appendonly yes"
    ]


def test_client_leaves_a_primary_that_became_a_replica(
    tmp_path, engine, outbox, alice, check_request
):
    with (
        topologies.primary_server(tmp_path / "old") as old,
        topologies.replica(tmp_path / "new", old.port) as new,
        fault_proxy.to(old.port) as name,
        connected(f"redis://127.0.0.1:{name.port}") as client,
    ):
        engine = replace(engine, store=RedisStore(client, replicas=1))
        redis_server.wait_until(lambda: topologies.follows(new))
        engine.send(alice)

        topologies.command(new, "REPLICAOF", "NO", "ONE")
        topologies.follow(old, new)
        name.target = new.port

        assert engine.check(check_request(outbox.code)).approved


def test_client_leaves_a_primary_that_sentinel_replaced(
    tmp_path, engine, outbox, alice, check_request
):
    with (
        topologies.replicated(tmp_path, replicas=2) as (old, (new, other)),
        sentinel_of(tmp_path, old) as sentinel,
        redis.Redis(port=sentinel) as admin,
        connected(f"redis+sentinel://127.0.0.1:{sentinel}/otp") as client,
    ):
        engine = replace(engine, store=RedisStore(client, replicas=1))
        engine.send(alice)

        admin.sentinel_remove("otp")
        topologies.command(new, "REPLICAOF", "NO", "ONE")
        topologies.follow(other, new)
        admin.sentinel_monitor("otp", "127.0.0.1", new.port, 1)

        assert topologies.command(old, "ROLE")[0] == b"master"
        with pytest.raises(StoreUnavailable):
            engine.check(check_request(outbox.code))
        assert engine.check(check_request(outbox.code)).approved


@contextmanager
def sentinel_of(folder, primary):
    """Run a Sentinel that knows *primary* as `otp`, and yield its port."""
    settings = folder / "sentinel.conf"
    settings.write_text(f"sentinel monitor otp 127.0.0.1 {primary.port} 1\n")
    with redis_server.sentinel_on_a_port(settings) as port:
        yield port


def test_credentials_are_those_of_the_url(tmp_path):
    options = ("--requirepass", "p@ss word")
    with redis_server.redis_on_a_port(tmp_path, *options) as port:
        settings = tmp_path / "sentinel.conf"
        settings.write_text(
            f"sentinel monitor otp 127.0.0.1 {port} 1\n"
            'sentinel auth-pass otp "p@ss word"\n'
        )
        with redis_server.sentinel_on_a_port(settings) as sentinel_port:
            url = f"redis+sentinel://:p%40ss%20word@127.0.0.1:{sentinel_port}/otp"

            RedisStore(connect(url, TIMEOUT)).ping()
