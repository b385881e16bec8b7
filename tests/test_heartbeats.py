from __future__ import annotations

import multiprocessing

import pytest

from otp_engine.heartbeats import Heartbeats


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def heartbeats(clock):
    return Heartbeats(2, clock)


def test_no_worker_is_alive_before_the_first_heartbeat(heartbeats):
    assert not heartbeats.any_alive()


def test_one_heartbeat_of_two_workers_is_alive_for_ten_seconds(heartbeats, clock):
    heartbeats.beat(1)
    clock.seconds = 9.9
    before = heartbeats.any_alive()
    clock.seconds = 10

    assert (before, heartbeats.any_alive()) == (True, False)


def test_replaced_worker_is_not_alive(heartbeats):
    heartbeats.beat(0)

    heartbeats.clear(0)

    assert not heartbeats.any_alive()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_heartbeat_of_another_process_is_seen(method):
    heartbeats = Heartbeats(1)
    process = multiprocessing.get_context(method).Process(
        target=heartbeats.start, args=(0,)
    )

    process.start()
    process.join(60)

    assert heartbeats.any_alive()
