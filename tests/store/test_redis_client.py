"""The retry, the concurrency limit and the breaker of the Redis client."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import redis as redis_py
from redis.exceptions import AskError, MovedError

from otp_engine.errors import StoreUnavailable
from otp_engine.resilience.circuit_breaker import CircuitBreaker
from otp_engine.store.connection import connect
from otp_engine.store.redis_client import RedisClient
from otp_engine.store.redis_store import RedisStore
from tests.support.clock import Clock

HALF_A_SECOND = timedelta(seconds=0.5)
KEY = "otp:{shared}"


class Command:
    """A command that records its clients, and raises the given *failures*."""

    def __init__(self, *failures):
        self.failures, self.clients = list(failures), []

    def __call__(self, redis):
        self.clients.append(redis)
        if self.failures:
            raise self.failures.pop(0)
        return "a reply"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def redis_client(clock):
    first: Any = "first"
    retry: Any = "retry"
    return RedisClient(
        first,
        retry_client=retry,
        new_breaker=lambda: CircuitBreaker(1, HALF_A_SECOND, clock),
    )


def time_out(redis_client):
    with pytest.raises(StoreUnavailable):
        redis_client.execute(
            Command(redis_py.TimeoutError(), redis_py.TimeoutError()), KEY
        )


def fails_at_once(redis_client):
    command = Command()
    try:
        redis_client.execute(command, KEY)
    except StoreUnavailable:
        return command.clients == []
    return False


@pytest.mark.parametrize("lost", [redis_py.ConnectionError(), redis_py.TimeoutError()])
def test_lost_command_is_retried_on_the_retry_client(redis_client, lost):
    command = Command(lost)

    assert redis_client.execute(command, KEY) == "a reply"
    assert command.clients == ["first", "retry"]


def test_command_is_retried_once(redis_client):
    command = Command(*[redis_py.ConnectionError()] * 3)

    with pytest.raises(StoreUnavailable):
        redis_client.execute(command, KEY)

    assert len(command.clients) == 2


def test_error_reply_is_not_retried(redis_client):
    command = Command(redis_py.ResponseError("OOM"))

    with pytest.raises(StoreUnavailable):
        redis_client.execute(command, KEY)

    assert command.clients == ["first"]


def test_timeout_opens_the_breaker(redis_client):
    time_out(redis_client)

    assert fails_at_once(redis_client)


def test_successful_probe_closes_the_breaker(redis_client, clock):
    time_out(redis_client)
    clock.now += 0.6

    assert not fails_at_once(redis_client)
    assert not fails_at_once(redis_client)


def test_timeout_of_the_probe_opens_the_breaker_again(redis_client, clock):
    time_out(redis_client)
    clock.now += 0.6
    time_out(redis_client)

    assert fails_at_once(redis_client)
    clock.now += 0.6
    assert not fails_at_once(redis_client)


ERRORS = [
    redis_py.ConnectionError(),
    redis_py.ResponseError(),
    # Replies of a Cluster node to a client of a single server.
    AskError("1 127.0.0.1:6379"),
    MovedError("1 127.0.0.1:6379"),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_error_reply_leaves_the_breaker_closed(redis_client, error):
    with pytest.raises(StoreUnavailable):
        redis_client.execute(Command(error, error), KEY)

    assert not fails_at_once(redis_client)


def test_text_of_an_error_reply_is_not_logged(redis_client, caplog):
    with pytest.raises(StoreUnavailable):
        redis_client.execute(
            Command(redis_py.ResponseError("SET +919445012345 123456")), KEY
        )

    assert caplog.messages == ["redis: has an error (ResponseError)"]


def test_read_only_error_within_that_of_a_script_is_retried():
    redis_client = RedisClient(connect("redis://127.0.0.1:1", HALF_A_SECOND))
    # The form of Redis 6.
    text = "Error running script (call to f_1): @user_script:2: -READONLY You can't"
    command = Command(redis_py.ResponseError(text))

    assert redis_client.execute(command, KEY) == "a reply"


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
def test_requests_to_a_hanging_redis_fail(scheme):
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        store = RedisStore(
            connect(url, HALF_A_SECOND), retry_client=connect(url, HALF_A_SECOND / 2)
        )

        def fails(_):
            with pytest.raises(StoreUnavailable):
                store.ping()
            return True

        with ThreadPoolExecutor(64) as threads:
            failed = list(threads.map(fails, range(640)))

    assert failed == [True] * 640
