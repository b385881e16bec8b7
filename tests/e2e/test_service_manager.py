"""The service as systemd starts it, with `Type=notify`."""

from __future__ import annotations

import socket

from tests.support import redis_server, server_process

TIMEOUT = 60


def test_manager_learns_that_the_service_is_ready_and_that_it_stops(tmp_path):
    address = str(tmp_path / "notify")
    port = redis_server.free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(TIMEOUT)
        manager.bind(address)
        with server_process.running_server(
            "--dev", "--port", str(port), NOTIFY_SOCKET=address
        ) as server:
            ready = manager.recv(64)
            listens = redis_server.listens(port)
            server.process.terminate()
            stopping = manager.recv(64)

            assert server.process.wait(TIMEOUT) == 0

    assert (ready, listens) == (b"READY=1", True)
    assert stopping == b"STOPPING=1"
