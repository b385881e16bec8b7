from __future__ import annotations

import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest

from otp_engine.fork_gate import ForkGate
from otp_engine.ops.admin_server import AdminServer

REQUEST = b"GET /healthz?a=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"


def describe(environ, start_response):
    """Answer with the variables of the request."""
    if environ["PATH_INFO"] == "/fails":
        raise ValueError
    start_response("200 OK", [("Content-Type", "application/json")])
    named = {name: text for name, text in environ.items() if isinstance(text, str)}
    return [json.dumps(named).encode()]


@pytest.fixture
def server():
    server = AdminServer(socket.create_server(("127.0.0.1", 0)), describe, ForkGate())
    server.start()
    yield server
    server.close()


def connect(server):
    return socket.create_connection(server.socket.getsockname(), 60)


def exchange(server, request):
    """Return the status line and the body of the response; empty without one."""
    with connect(server) as connection:
        connection.sendall(request)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0], body


def test_request_reaches_the_application(server):
    status, body = exchange(server, REQUEST)

    assert status == b"HTTP/1.0 200 OK"
    variables = json.loads(body)
    assert variables["REQUEST_METHOD"] == "GET"
    assert variables["PATH_INFO"] == "/healthz"
    assert variables["QUERY_STRING"] == "a=1"
    assert variables["HTTP_HOST"] == "localhost"


def test_variable_of_the_process_is_none_of_the_request(server):
    _, body = exchange(server, REQUEST)

    assert set(os.environ) & set(json.loads(body)) == set()


def test_request_in_two_parts_is_answered(server):
    with connect(server) as connection:
        connection.sendall(REQUEST[:20])
        connection.sendall(REQUEST[20:])

        assert connection.recv(15) == b"HTTP/1.0 200 OK"


def test_slow_clients_do_not_delay_others(server):
    with ExitStack() as slow:
        for _ in range(50):
            connection = slow.enter_context(connect(server))
            connection.sendall(REQUEST[:20])

        status, _ = exchange(server, REQUEST)

    assert status == b"HTTP/1.0 200 OK"


def test_request_with_large_headers_closes_the_connection(server):
    status, _ = exchange(server, REQUEST[:-2] + b"X-Long: " + b"x" * 8192)

    assert status == b""


def test_malformed_request_is_400_without_any_of_its_text(server):
    status, body = exchange(server, b"GET /healthz HTTP/482913\r\n\r\n")

    assert (status, body) == (b"HTTP/1.0 400 Bad Request", b"")


def test_error_of_the_application_closes_its_connection_only(server):
    failed = exchange(server, b"GET /fails HTTP/1.1\r\n\r\n")
    status, _ = exchange(server, REQUEST)

    assert failed == (b"", b"")
    assert status == b"HTTP/1.0 200 OK"


def test_closed_server_accepts_no_connection(server):
    address = server.socket.getsockname()

    server.close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, 60)


def test_close_waits_for_the_requests_that_have_arrived():
    entered, let_go = Event(), Event()

    def wait_for_test(environ, start_response):
        entered.set()
        let_go.wait(60)
        return describe(environ, start_response)

    listener = socket.create_server(("127.0.0.1", 0))
    server = AdminServer(listener, wait_for_test, ForkGate())
    server.start()
    with connect(server) as never_sends, ThreadPoolExecutor() as threads:
        request = threads.submit(exchange, server, REQUEST)
        assert entered.wait(60)

        closing = threads.submit(server.close)

        assert never_sends.recv(1) == b""
        assert not closing.done()
        let_go.set()
        assert closing.result(60) is None
        assert request.result(60)[0] == b"HTTP/1.0 200 OK"
