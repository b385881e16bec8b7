"""The memory of an instance: what its processes share, and what threads keep."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from otp_engine.crypto import api_keys
from tests.support import redis_server, server_process

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
METRICS = {"OTP_METRICS_KEY": "metrics-secret-0123456789-abcdef"}
KIB = 1024
CONSOLE = {"OTP_CONSOLE_KEY": api_keys.env_entry("alice", "console-secret-0123456789")}
# Measured: 98, 15, 228 and 114 MiB; 16 of its own with the console. Without the imports
# in the parent, a worker has 20, and 3 more with the console. With a heap for each
# thread, the third one is above 600.
MAX_IDLE_MIB = 110
MAX_OWN_MIB = 17
MAX_HASHING_MIB = 280
MAX_RESTED_MIB = 130


def untraced_server(environ):
    # The tracer of coverage takes 10 MiB.
    return server_process.untraced_server("--workers", "2", **environ)


def processes(server):
    return [server.process.pid, *server.workers]


def mib(pid, field):
    """Return a field of the memory of a process.

    `Pss` counts a page that processes share in parts, and `Private_Dirty` is the memory
    that only this process has written to.
    """
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except PermissionError:
        pytest.skip("the memory of other processes cannot be read")
    fields = dict(line.split(":") for line in text.splitlines()[1:])
    return int(fields[field].split()[0]) / KIB


def total_mib(server):
    return sum(mib(pid, "Pss") for pid in processes(server))


@pytest.mark.parametrize("pages", [{}, CONSOLE], ids=["alone", "console"])
def test_two_workers_at_rest_share_their_memory_with_the_parent(own_environ, pages):
    environ = own_environ | METRICS | {"OTP_ADMIN_PORT": "0"} | pages
    with untraced_server(environ) as server:
        total = total_mib(server)
        own = [mib(pid, "Private_Dirty") for pid in processes(server)[1:]]

    assert len(own) == 2
    assert max(own) < MAX_OWN_MIB
    assert total < MAX_IDLE_MIB


def test_hashes_of_many_threads_use_the_memory_of_few_and_return_it(own_environ):
    environ = own_environ | METRICS | {"OTP_ARGON2": "owasp"}
    phones = [f"94450{number:05}" for number in range(64)]

    def send(phone):
        return server.post("/auth/send_otp", {"phone": phone}, **KEY).status

    with (
        untraced_server(environ) as server,
        ThreadPoolExecutor(32) as threads,
    ):
        statuses = list(threads.map(send, phones))
        total = total_mib(server)
        redis_server.wait_until(lambda: total_mib(server) < MAX_RESTED_MIB)

    # The queue may reject some of the hashes.
    assert statuses.count(201) > 16
    assert total < MAX_HASHING_MIB
