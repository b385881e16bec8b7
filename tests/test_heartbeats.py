from __future__ import annotations

import multiprocessing
import socket

import pytest

from otp_engine import heartbeats as heartbeats_module
from otp_engine.heartbeats import Heartbeats
from tests.support import redis_server


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


def test_process_listens_from_listen_until_close():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        before = heartbeats_module.is_listening()
        bound.listen()
        during = heartbeats_module.is_listening()

    assert (before, during, heartbeats_module.is_listening()) == (False, True, False)


def beat_in_process(heartbeats, listen, stop):
    heartbeats.start(0)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listen.wait(60)
        listener.listen()
        stop.wait(60)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_heartbeat_of_another_process_is_seen_once_it_listens(method):
    context = multiprocessing.get_context(method)
    heartbeats, listen, stop = Heartbeats(1), context.Event(), context.Event()
    process = context.Process(target=beat_in_process, args=(heartbeats, listen, stop))
    process.start()
    try:
        before = heartbeats.any_alive()
        listen.set()

        redis_server.wait_until(heartbeats.any_alive)
    finally:
        stop.set()
        process.join(60)

    assert not before
