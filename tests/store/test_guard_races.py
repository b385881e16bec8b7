"""Simultaneous messages to the places of the pumping guard, on a real Redis."""

from __future__ import annotations

import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from otp_engine.domain.models import DestinationCharge
from otp_engine.domain.pumping_guard.places import Place
from otp_engine.store import keys
from otp_engine.store.redis_store import RedisStore
from tests.support import topologies
from tests.support.guard_clients import RULES, blocks, send_from_processes

ALLOWANCE = 10


@pytest.fixture(params=["one Redis", "Cluster"])
def url(request, tmp_path):
    """Return the URL of an empty Redis."""
    if request.param == "Cluster":
        with topologies.cluster(tmp_path) as cluster:
            yield cluster.url
    else:
        request.getfixturevalue("real_redis")
        yield request.getfixturevalue("redis_url")


def test_simultaneous_messages_stay_within_the_allowance_of_each_block(url):
    destinations = blocks(5) * 12
    rules = replace(RULES, wide=None)

    outcome = send_from_processes(url, destinations, rules)

    once = {destination.block: 1 for destination in blocks(5)}
    assert Counter(outcome.accepted) == dict.fromkeys(once, ALLOWANCE)
    assert Counter(outcome.suspended) == once


def test_simultaneous_messages_stay_within_the_allowance_of_a_country(url):
    outcome = send_from_processes(url, blocks(100), RULES)

    assert len(outcome.accepted) == RULES.wide
    assert outcome.suspended == ["SN"]


def test_simultaneous_repetitions_are_charged_and_released_once(real_redis):
    store = RedisStore(real_redis)
    [destination] = blocks(1)
    charge = DestinationCharge(hits=(), destination=destination, guard=RULES)
    requests = [secrets.token_bytes(8) for _ in range(6)] * 8

    with ThreadPoolExecutor(16) as threads:
        list(
            threads.map(
                lambda key: store.acquire_destination(charge, idempotency_key=key),
                requests,
            )
        )
        charged = unproven(real_redis, destination.block)
        list(
            threads.map(
                lambda key: store.release_destination(charge, idempotency_key=key),
                requests[: 6 * 4 - 3],
            )
        )

    assert charged == pytest.approx(6, abs=0.01)
    assert unproven(real_redis, destination.block) == pytest.approx(0, abs=0.01)


def test_simultaneous_credits_are_all_counted(real_redis):
    store = RedisStore(real_redis)
    [destination] = blocks(1)

    with ThreadPoolExecutor(16) as threads:
        list(
            threads.map(
                lambda n: store.credit_approval(
                    destination,
                    verification_id=(n % 50).to_bytes(16),
                    messages=1,
                    rules=RULES,
                ),
                range(150),
            )
        )

    place = Place.parse(real_redis.hget(keys.GUARD, destination.block).decode())
    assert place.approvals == pytest.approx(50, abs=0.01)


def unproven(redis, name):
    return Place.parse(redis.hget(keys.GUARD, name).decode()).unproven
