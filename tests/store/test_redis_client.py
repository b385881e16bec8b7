"""The retry, the concurrency limit and the breaker of the Redis client."""

from __future__ import annotations

import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier, Event, get_ident
from typing import Any

import pytest
import redis as redis_py
from redis.exceptions import AskError, MovedError

from otp_engine.errors import StoreUnavailable
from otp_engine.resilience.circuit_breaker import CircuitBreaker
from otp_engine.store.connection import connect
from otp_engine.store.redis_client import RedisClient
from otp_engine.store.redis_store import RedisStore
from tests.support import redis_server
from tests.support.clock import Clock

HALF_A_SECOND = timedelta(seconds=0.5)
KEY = "otp:{shared}"
# Commands that a client executes at once.
SLOTS = 32
WAITING = 96


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


class HeldSlots:
    """Commands that hold every slot; each one ends once *may_end* returns."""

    def __init__(self, redis_client, may_end):
        self.threads = ThreadPoolExecutor(SLOTS)
        self.started = Barrier(SLOTS + 1)
        commands = [(redis_client, may_end)] * SLOTS
        self.replies = [
            self.threads.submit(self.hold, *command) for command in commands
        ]

    def hold(self, redis_client, may_end):
        def command(_):
            self.started.wait()
            may_end()

        redis_client.execute(command, KEY)

    def __enter__(self):
        self.started.wait()
        return self

    def __exit__(self, *_):
        self.threads.shutdown()


def test_command_without_a_slot_fails_while_no_command_gets_a_reply(redis_client):
    end, command = Event(), Command()

    with HeldSlots(redis_client, end.wait):
        with pytest.raises(StoreUnavailable):
            redis_client.execute(command, KEY)
        end.set()

    assert command.clients == []


def test_command_without_a_slot_runs_after_another_got_its_reply(redis_client):
    end = Event()

    with HeldSlots(redis_client, end.wait), ThreadPoolExecutor(1) as thread:
        reply = thread.submit(redis_client.execute, Command(), KEY)
        end.set()

        assert reply.result() == "a reply"


def test_commands_without_a_slot_wait_while_the_process_reads_no_replies(redis_client):
    threads: list[int] = []

    def execute(_):
        threads.append(get_ident())
        return redis_client.execute(Command(), KEY)

    def wait_for_slots():
        frames = sys._current_frames()  # noqa: SLF001 - no other sign shows where a thread waits
        modules = [
            frames[thread].f_globals["__name__"]
            for thread in threads
            if thread in frames
        ]
        # On a slow machine the first ones have ended before the last ones start.
        return modules == [RedisClient.__module__] * WAITING or any(
            reply.done() for reply in replies
        )

    # The replies arrive after half a second.
    with HeldSlots(redis_client, partial(time.sleep, 0.5)):
        with ThreadPoolExecutor(WAITING) as waiting:
            replies = [waiting.submit(execute, number) for number in range(WAITING)]
            redis_server.wait_until(wait_for_slots)
            # One instruction: no other thread of this process runs meanwhile.
            sum(range(50_000_000))

        assert [reply.result() for reply in replies] == ["a reply"] * WAITING


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
