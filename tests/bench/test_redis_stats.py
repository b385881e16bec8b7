"""The counters of Redis, on a real one."""

from __future__ import annotations

import pytest
import redis as redis_py

from tests.bench.redis_stats import Counters, RedisStats, parse

SCRIPT = "redis.call('SET', KEYS[1], 1) return redis.call('GET', KEYS[1])"


@pytest.fixture
def stats(redis_url, real_redis):
    stats = RedisStats(redis_url)
    yield stats
    stats.close()


def test_commands_of_all_kinds_are_counted_without_the_own():
    info = {
        "total_reads_processed": 30,
        "used_memory": 1_000,
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


def test_large_keys_and_streams_are_measured_apart(stats, real_redis):
    for n in range(2_000):
        real_redis.set(f"small:{n}", n)
        real_redis.zadd("large", {f"{n:08}": n})
        real_redis.xadd("events", {"event": "x" * 100})

    shared = stats.shared_bytes()

    whole = sum(real_redis.memory_usage(k, samples=0) for k in ("large", "events"))
    assert shared == whole
    assert 100 < stats.bytes_of_an_event() < 300
