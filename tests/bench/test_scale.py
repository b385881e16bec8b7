"""Copies of keys and repeated script calls, on a real Redis."""

from __future__ import annotations

import secrets

import pytest
import redis as redis_py

from tests.bench.copies import Copies
from tests.bench.replay import Replay, arguments, recorded, shared_calls

ADD = """
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return {'refused'} end
redis.call('ZADD', KEYS[1], 1, ARGV[1])
return {'acquired'}
"""
TAG = f"{{{'ab' * 16}}}"
KEY = "otp:{shared}:sends_total"


@pytest.fixture
def client(redis_url, real_redis):
    with redis_py.Redis.from_url(redis_url, protocol=2) as client:
        yield client


def test_copies_have_other_tags_and_equal_values(client):
    client.hset(f"otp:{TAG}:verification", mapping={"id": b"\x00\xff"})
    client.set(f"otp:{TAG}:sends", 1)
    names = client.keys()
    for name in names:
        client.pexpire(name, 60_000)
    copies = Copies(client, names)

    copies.fill(2)
    copies.fill(5)

    keys = client.keys()
    verifications = client.keys("otp:{*}:verification")
    assert len(keys) == 12
    assert {len(name) for name in verifications} == {len(f"otp:{TAG}:verification")}
    assert {client.hget(name, "id") for name in verifications} == {b"\x00\xff"}
    assert all(0 < client.pttl(name) <= 60_000 for name in keys)


def test_copy_of_a_key_without_expiry_has_none(client):
    client.set(f"otp:{TAG}:entity", 1)

    Copies(client, client.keys()).fill(2)

    names = client.keys()
    assert [client.ttl(name) for name in names] == [-1, -1, -1]


def add(client, key, limit=5):
    digest = client.script_load(ADD)
    idempotency_key = secrets.token_bytes(8)
    client.evalsha(digest, 1, key, idempotency_key, limit)
    return idempotency_key


def test_recording_has_the_calls_on_shared_limits_only(client):
    added = []

    calls = recorded(
        client,
        lambda: added.extend([add(client, "otp:{phone}:sends"), add(client, KEY)]),
    )

    assert [call[3:] for call in calls] == [[KEY.encode(), added[1], b"5"]]


def test_recording_without_a_call_is_an_error(client):
    with pytest.raises(AssertionError, match="no script call"):
        recorded(client, client.ping)


def test_replay_adds_a_hit_with_each_call(client):
    [call] = recorded(client, lambda: add(client, KEY))
    replay = Replay(client, call)

    replay.run(4, batch=2)

    assert client.zcard(KEY) == 5
    with pytest.raises(AssertionError, match="refused"):
        replay.run(1)


def test_replay_changes_the_idempotency_key_in_names_of_keys(client):
    script = "redis.call('SET', KEYS[1], ARGV[1]) return {'acquired'}"
    key = bytes(8)
    name = f"otp:{{shared}}:charge:{key.hex()}".encode()
    call = [b"EVAL", script.encode(), b"1", name, key]

    Replay(client, call).run(3)

    values = {stored: client.get(stored) for stored in client.scan_iter()}
    assert len(values) == 3
    assert all(
        stored.endswith(value.hex().encode()) for stored, value in values.items()
    )


def test_arguments_of_a_line_are_unescaped():
    line = rb'1.5 [0 127.0.0.1:1] "EVALSHA" "ab" "1" "otp:{shared}:x" "\x00\"\\ \n"'

    assert arguments(line) == [
        b"EVALSHA",
        b"ab",
        b"1",
        b"otp:{shared}:x",
        b'\x00"\\ \n',
    ]
    assert shared_calls([b"OK", line]) == [arguments(line)]
