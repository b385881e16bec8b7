"""A Redis that hangs holds few requests, and those not for long."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import redis
from redis.exceptions import AskError, MovedError

from otp_engine.errors import StoreUnavailable
from otp_engine.resilience.circuit_breaker import CircuitBreaker
from otp_engine.store.connection import connect
from otp_engine.store.redis_client import RedisClient
from otp_engine.store.verifications import RedisStore
from tests.clock import Clock

HALF_A_SECOND = timedelta(seconds=0.5)
KEY = "otp:{shared}"


class Asked:
    """A question that remembers whom it was put to, and fails as it is told."""

    def __init__(self, *failures):
        self.failures, self.clients = list(failures), []

    def __call__(self, client):
        self.clients.append(client)
        if self.failures:
            raise self.failures.pop(0)
        return "an answer"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def line(clock):
    first: Any = "first"
    again: Any = "again"
    return RedisClient(
        first,
        retry_client=again,
        new_breaker=lambda: CircuitBreaker(1, HALF_A_SECOND, clock),
    )


def silence(line):
    with pytest.raises(StoreUnavailable):
        line.execute(Asked(redis.TimeoutError(), redis.TimeoutError()), KEY)


def is_refused(line):
    question = Asked()
    try:
        line.execute(question, KEY)
    except StoreUnavailable:
        return question.clients == []
    return False


@pytest.mark.parametrize("lost", [redis.ConnectionError(), redis.TimeoutError()])
def test_a_question_that_was_lost_is_put_again_with_less_patience(line, lost):
    question = Asked(lost)

    assert line.execute(question, KEY) == "an answer"
    assert question.clients == ["first", "again"]


def test_it_is_put_twice_and_no_more(line):
    question = Asked(*[redis.ConnectionError()] * 3)

    with pytest.raises(StoreUnavailable):
        line.execute(question, KEY)

    assert len(question.clients) == 2


def test_a_refusal_is_not_worth_asking_again(line):
    question = Asked(redis.ResponseError("OOM"))

    with pytest.raises(StoreUnavailable):
        line.execute(question, KEY)

    assert question.clients == ["first"]


def test_after_a_silence_the_next_are_refused_without_being_put(line):
    silence(line)

    assert is_refused(line)


def test_half_a_second_later_it_is_asked_again_and_an_answer_opens_it(line, clock):
    silence(line)
    clock.now += 0.6

    assert not is_refused(line)
    assert not is_refused(line)


def test_another_silence_closes_it_for_as_long_again(line, clock):
    silence(line)
    clock.now += 0.6
    silence(line)

    assert is_refused(line)
    clock.now += 0.6
    assert not is_refused(line)


REFUSALS = [
    redis.ConnectionError(),
    redis.ResponseError(),
    # What only a Cluster's node says, to one who took it for the only server.
    AskError("1 127.0.0.1:6379"),
    MovedError("1 127.0.0.1:6379"),
]


@pytest.mark.parametrize("error", REFUSALS, ids=repr)
def test_an_error_is_an_answer_and_closes_nothing(line, error):
    with pytest.raises(StoreUnavailable):
        line.execute(Asked(error, error), KEY)

    assert not is_refused(line)


def test_the_words_of_a_refusal_are_not_logged(line, caplog):
    with pytest.raises(StoreUnavailable):
        line.execute(Asked(redis.ResponseError("SET +919445012345 123456")), KEY)

    assert [line.getMessage() for line in caplog.records] == ["redis: ResponseError"]


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
def test_many_requests_to_a_hanging_redis_are_all_refused_within_a_second(scheme):
    with socket.create_server(("127.0.0.1", 0), backlog=256) as hole:
        url = f"{scheme}://127.0.0.1:{hole.getsockname()[1]}"
        store = RedisStore(
            connect(url, HALF_A_SECOND), again=connect(url, HALF_A_SECOND / 2)
        )

        def ping(_):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                store.ping()
            return time.monotonic() - began

        with ThreadPoolExecutor(64) as threads:
            took = list(threads.map(ping, range(640)))

    assert max(took) < 1
    # A place or the circuit refuses the others, or each would take 0.75 s as well.
    assert sum(seconds > 0.7 for seconds in took) <= 32
