"""A Redis that hangs holds one request at a time, and no others."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis

from otp_engine.errors import StoreUnavailable
from otp_engine.store.connection import connect
from otp_engine.store.line import Line, OpenLine
from otp_engine.store.verifications import RedisStore


class Clock:
    """Time, as the test wants it."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def line(clock):
    return Line(clock)


def ask(line, error=None):
    with line.asking():
        if error:
            raise error


def silence(line):
    with pytest.raises(StoreUnavailable):
        ask(line, redis.TimeoutError())


def is_refused(line):
    try:
        ask(line)
    except StoreUnavailable:
        return True
    return False


def test_after_a_silence_the_next_are_refused_at_once(line):
    silence(line)

    assert is_refused(line)


def test_half_a_second_later_it_is_asked_again_and_an_answer_opens_it(line, clock):
    silence(line)
    clock.now += 0.6

    assert not is_refused(line)
    assert not is_refused(line)


def test_only_one_asks_while_the_others_are_refused(line, clock):
    silence(line)
    clock.now += 0.6

    with line.asking():
        assert is_refused(line)
    assert not is_refused(line)


def test_another_silence_closes_it_for_as_long_again(line, clock):
    silence(line)
    clock.now += 0.6
    silence(line)

    assert is_refused(line)
    clock.now += 0.6
    assert not is_refused(line)


@pytest.mark.parametrize("error", [redis.ConnectionError(), redis.ResponseError("no")])
def test_an_error_is_an_answer_and_closes_nothing(line, error):
    with pytest.raises(StoreUnavailable):
        ask(line, error)

    assert not is_refused(line)


def test_one_silent_node_of_a_cluster_closes_nothing():
    line = OpenLine()
    silence(line)

    assert not is_refused(line)


def test_many_requests_to_a_hanging_redis_are_all_refused_within_a_second():
    with socket.create_server(("127.0.0.1", 0), backlog=64) as hole:
        url = f"redis://127.0.0.1:{hole.getsockname()[1]}"
        store = RedisStore(connect(url, timedelta(milliseconds=400)))

        def ping(_):
            with pytest.raises(StoreUnavailable):
                store.ping()

        began = time.monotonic()
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(ping, range(200)))

    assert time.monotonic() - began < 1.5
