"""The sessions of operators, on both backends."""

from __future__ import annotations

import hashlib

import pytest

from otp_engine.store import keys
from otp_engine.store.console_sessions import ConsoleSession

TOKEN = b"t" * 32
KEY = keys.console_session(hashlib.sha256(TOKEN).hexdigest())
ALICE = ConsoleSession("alice", "digest-of-her-key")
MINUTE = 60_000


@pytest.fixture
def sessions(store):
    store.console_sessions.open(TOKEN, ALICE)
    return store.console_sessions


def test_open_session_is_returned(sessions):
    assert sessions.use(TOKEN, extend=True) == ALICE


def test_session_of_another_token_is_not_returned(sessions):
    assert sessions.use(b"u" * 32, extend=True) is None


def test_closed_session_is_not_returned(sessions):
    sessions.close(TOKEN)

    assert sessions.use(TOKEN, extend=True) is None


def test_new_session_expires_after_30_minutes(sessions, redis):
    assert 29 * MINUTE < redis.pttl(KEY) <= 30 * MINUTE


def test_use_extends_the_session(sessions, redis):
    redis.pexpire(KEY, MINUTE)

    sessions.use(TOKEN, extend=True)

    assert 29 * MINUTE < redis.pttl(KEY) <= 30 * MINUTE


def test_refresh_does_not_extend_the_session(sessions, redis):
    redis.pexpire(KEY, MINUTE)

    found = sessions.use(TOKEN, extend=False)

    assert found == ALICE
    assert redis.pttl(KEY) <= MINUTE


def test_use_does_not_extend_the_session_past_its_end(sessions, redis):
    seconds, _ = redis.time()
    redis.hset(KEY, "ends_at", (seconds + 60) * 1000)

    sessions.use(TOKEN, extend=True)

    assert redis.pttl(KEY) <= MINUTE


def test_session_past_its_end_is_deleted(sessions, redis):
    seconds, _ = redis.time()
    redis.hset(KEY, "ends_at", seconds * 1000 - 1)

    found = sessions.use(TOKEN, extend=True)

    assert found is None
    assert not redis.exists(KEY)


def test_session_ends_after_12_hours(sessions, redis):
    seconds, _ = redis.time()

    left = int(redis.hget(KEY, "ends_at")) - seconds * 1000

    assert 0 < 12 * 60 * MINUTE - left + 1_000 < MINUTE


def test_redis_does_not_contain_the_token(sessions, redis):
    assert all(TOKEN not in key for key in redis.keys("*"))
    assert TOKEN not in b"".join(redis.hvals(KEY))
