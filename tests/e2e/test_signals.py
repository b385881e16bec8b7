"""A process handles a signal in whichever of its threads the kernel delivers it."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

import pytest

from tests.support import redis_server, server_process


def test_signal_at_any_thread_drains_worker(own_environ):
    with server_process.running_server("--workers", "1", **own_environ) as server:
        assert server.get("/readyz").status == 200
        [worker] = server.workers

        signal_another_thread(worker, signal.SIGUSR1)

        redis_server.wait_until(lambda: server.get("/readyz").status == 503)
        assert server.get("/healthz").status == 200


def test_signal_at_any_thread_stops_worker(own_environ):
    with server_process.running_server("--workers", "1", **own_environ) as server:
        [worker] = server.workers

        signal_another_thread(worker, signal.SIGTERM)

        stopped = '"Unexpected exit from worker-1"'
        redis_server.wait_until(lambda: any(stopped in line for line in server.stderr))


def test_signal_at_any_thread_stops_service(own_environ):
    with server_process.running_server("--workers", "1", **own_environ) as server:
        signal_another_thread(server.process.pid, signal.SIGTERM)

        assert server.process.wait(60) == 0


# Three times: the processes receive the signals in any order.
@pytest.mark.parametrize("_", range(3))
def test_ctrl_c_stops_service_without_killing_workers(_):
    with server_process.running_server("--dev") as server:
        # A terminal signals the parent and its workers together.
        os.killpg(server.process.pid, signal.SIGINT)
        server.process.wait(60)

    assert not any("is killed" in line for line in server.stderr)


def signal_another_thread(pid, number):
    """Signal a thread other than the main one, as the kernel may choose to."""
    threads = [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
    other = next(thread for thread in threads if thread != pid)
    assert ctypes.CDLL(None).tgkill(pid, other, number) == 0
