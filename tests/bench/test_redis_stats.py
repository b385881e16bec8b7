"""The counters of Redis, on a real one."""

from __future__ import annotations

import pytest
import redis as redis_py

from tests.bench.redis_stats import Counters, RedisStats, growth_of_shared, parse
from tests.support import redis_server

SCRIPT = "redis.call('SET', KEYS[1], 1) return redis.call('GET', KEYS[1])"


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    # The threads of applications of other tests call the Redis that all tests share.
    with redis_server.redis_on_a_socket(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def real_redis(redis_url):
    with redis_py.Redis.from_url(redis_url) as client:
        client.flushall()
        yield client


@pytest.fixture
def stats(redis_url, real_redis):
    stats = RedisStats(redis_url)
    yield stats
    stats.close()


def test_commands_of_all_kinds_are_counted_without_the_own():
    info = {
        "total_reads_processed": 30,
        "used_memory": 1_400,
        "mem_clients_normal": 400,
        "cmdstat_evalsha": {"calls": 5},
        "cmdstat_config|get": {"calls": 2},
        "cmdstat_info": {"calls": 9},
    }

    assert parse(info, own=9) == Counters(reads=21, commands=7, bytes=1_000)


def test_script_is_one_round_trip_and_its_commands_count(stats, redis_url):
    # It must send no command that a connection starts with.
    with redis_py.Redis.from_url(redis_url, protocol=2) as client:
        client.ping()
        before = stats.settled()

        client.eval(SCRIPT, 1, "key")
        spent = stats.settled() - before

    assert (spent.reads, spent.commands) == (1, 3)


def test_pipeline_is_one_round_trip(stats, redis_url):
    with redis_py.Redis.from_url(redis_url, protocol=2) as client:
        client.ping()
        before = stats.settled()

        with client.pipeline(transaction=False) as pipeline:
            pipeline.set("a", 1)
            pipeline.set("b", 1)
            pipeline.execute()
        spent = stats.settled() - before

    assert (spent.reads, spent.commands) == (1, 2)


def test_sizes_are_those_of_all_keys(stats, real_redis):
    for n in range(1_500):
        real_redis.set(f"key:{n}", n)
    real_redis.zadd("log", {f"{n:08}": n for n in range(2_000)})

    sizes = stats.sizes()

    assert len(sizes) == 1_501
    assert sizes[b"log"] == real_redis.memory_usage("log", samples=0)


def test_event_has_its_part_of_all_streams(stats, real_redis):
    for n in range(500):
        real_redis.xadd(f"events:{n % 2}", {"event": "x" * 100})

    assert 100 < stats.bytes_of_an_event() < 300


def test_growth_of_large_keys_is_shared():
    before = {b"log": 30_000, b"phone": 100}
    after = {b"log": 70_000, b"phone": 200, b"stream": 90_000}

    assert growth_of_shared(before, after) == 40_000 + 90_000
