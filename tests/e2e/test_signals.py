"""A signal is acted on at once, whichever thread of a process receives it."""

from __future__ import annotations

import ctypes
import signal
from pathlib import Path

from tests import processes, servers


def test_a_worker_drains_whichever_thread_is_signaled(quick):
    with processes.serving("--workers", "1", **quick) as served:
        assert served.get("/readyz").status == 200
        [worker] = children_of(served.process.pid)

        signal_another_thread(worker, signal.SIGUSR1)

        servers.wait_until(lambda: served.get("/readyz").status == 503)
        assert served.get("/healthz").status == 200


def test_a_worker_stops_whichever_thread_is_signaled(quick):
    with processes.serving("--workers", "1", **quick) as served:
        [worker] = children_of(served.process.pid)

        signal_another_thread(worker, signal.SIGTERM)

        stopped = '"Unexpected exit from worker-1"'
        servers.wait_until(lambda: any(stopped in line for line in served.stderr))


def test_the_service_stops_whichever_thread_is_signaled(quick):
    with processes.serving("--workers", "1", **quick) as served:
        signal_another_thread(served.process.pid, signal.SIGTERM)

        assert served.process.wait(15) == 0


def children_of(pid):
    return [
        int(child)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ]


def signal_another_thread(pid, number):
    """Signal a thread other than the main one, as the kernel may choose to."""
    threads = [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
    other = next(thread for thread in threads if thread != pid)
    assert ctypes.CDLL(None).tgkill(pid, other, number) == 0
