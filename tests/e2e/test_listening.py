"""Where a service listens, and what the first lines of its log show."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fault_injection import raw_http
from tests.support import server_process

UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
IDLE = 1_200  # connections; Granian's default is 1,024 for all workers
PAGES = ("/verify", "/dev/inbox", "/docs")


def messages(server):
    return [json.loads(line)["message"] for line in server.stderr]


def shown_urls(server):
    return [
        text.partition(": ")[2] for text in messages(server) if text.endswith(PAGES)
    ]


@pytest.mark.parametrize(
    ("host", "ip"),
    [("localhost", "127.0.0.1"), ("::1", "::1"), ("[::1]", "::1"), ("::", "::")],
)
def test_service_on_any_free_port_listens_on_host(host, ip):
    with server_process.running_server(
        "--dev", "--host", host, "--port", "0"
    ) as server:
        assert server.host == ip
        assert server.get("/healthz").status == 200


def test_first_log_lines_show_port_and_path_of_each_page():
    with server_process.running_server("--dev") as server:
        urls = shown_urls(server)

    assert urls == [f"http://localhost:{server.port}{path}" for path in PAGES]


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (["--url", "http://localhost:3456"], {}),
        (["--url", "http://localhost:3456/"], {"OTP_PUBLIC_URL": "http://a.example"}),
        ([], {"OTP_PUBLIC_URL": "http://localhost:3456"}),
    ],
)
def test_first_log_lines_show_url_that_people_use(arguments, environ):
    with server_process.running_server("--dev", *arguments, **environ) as server:
        urls = shown_urls(server)

    assert urls == [f"http://localhost:3456{path}" for path in PAGES]


def test_two_workers_show_each_page_once(shared_environ):
    environ = shared_environ | {"OTP_DEV": "1", "OTP_SENDER": "console"}
    with server_process.running_server("--workers", "2", **environ) as server:
        urls = shown_urls(server)

    assert urls == [f"http://localhost:{server.port}{path}" for path in PAGES]


def test_last_log_line_is_in_the_words_of_the_service():
    with server_process.running_server("--dev") as server:
        pass

    assert messages(server)[-1] == "the service has stopped"


def test_idle_connection_is_closed_after_keep_alive_and_not_before():
    with (
        server_process.running_server("--dev") as server,
        socket.create_connection((server.host, server.port), 60) as idle,
    ):
        request_health(idle)
        with (
            server_process.running_server("--dev", OTP_KEEP_ALIVE="3s") as other,
            socket.create_connection((other.host, other.port), 60) as closed,
        ):
            request_health(closed)
            assert closed.recv(1) == b""

        request_health(idle)


@pytest.fixture
def many_files():
    """Allow this process to open as many files as the test needs connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < IDLE + 400:
        pytest.skip("the test may not open enough files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, IDLE + 400), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_worker_serves_new_clients_beside_many_idle_connections(many_files):
    with (
        server_process.running_server("--dev", "--workers", "1") as server,
        ExitStack() as connections,
    ):
        address = (server.host, server.port)
        for _ in range(IDLE):
            connection = socket.create_connection(address, 60)
            request_health(connections.enter_context(connection))

        assert server.get("/healthz").status == 200


def test_large_headers_are_431():
    with server_process.running_server("--dev") as server:
        head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        statuses = [
            raw_http.exchange(
                server.port, head + b"X-Long: " + b"x" * length + b"\r\n\r\n"
            ).status
            for length in (16 * 1024, 128 * 1024)
        ]

    assert statuses == [200, 431]


def request_health(connection):
    """Request `/healthz`, and read the response, which has a short body."""
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    received = b""
    while not received.endswith(b"}\n"):
        part = connection.recv(4096)
        assert part
        received += part
    assert received.startswith(b"HTTP/1.1 200 ")


def test_privileged_port_without_right_fails_with_one_line():
    if int(UNPRIVILEGED.read_text()) <= 1:
        pytest.skip("every port is unprivileged here")
    without_right = []
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv") or pytest.skip("setpriv is not installed")
        without_right = [setpriv, "--bounding-set", "-net_bind_service"]
        without_right += ["--inh-caps", "-net_bind_service"]

    result = subprocess.run(
        [*without_right, *server_process.PROGRAM, "serve", "--dev", "--port", "1"],
        env=server_process.PATH,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )

    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line.startswith("✗ cannot listen on 127.0.0.1, port 1: Permission denied")
    assert "CAP_NET_BIND_SERVICE" in line
