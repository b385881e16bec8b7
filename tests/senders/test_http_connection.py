from __future__ import annotations

import socket
import threading

import pytest

from otp_engine.senders.http_connection import HttpConnection, MalformedResponse

REQUEST = b"POST / HTTP/1.1\r\n\r\n"
LONG = 10
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield HttpConnection(ours), theirs


@pytest.fixture
def connection(pair):
    return pair[0]


@pytest.fixture
def server(pair):
    return pair[1]


def exchange(connection, server, response, *, close=False, seconds=LONG):
    server.sendall(response)
    if close:
        server.shutdown(socket.SHUT_WR)
    return connection.exchange(REQUEST, seconds)


def test_request_is_sent_as_it_is(connection, server):
    exchange(connection, server, OK + b"Content-Length: 0\r\n\r\n")

    assert server.recv(1000) == REQUEST


@pytest.mark.parametrize(
    ("response", "status", "body"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello"),
        (OK + b"CONTENT-LENGTH:5 \r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n", 201, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b""),
        (
            b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na",
            200,
            b"a",
        ),
        (
            OK
            + b"Transfer-Encoding: Chunked\r\n\r\n"
            + b"5;name=value\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: 1\r\n\r\n",
            200,
            b"hello world",
        ),
    ],
    ids=["length", "case", "no reason", "204", "304", "interim", "chunks"],
)
def test_delimited_response_is_read_and_connection_is_reusable(
    connection, server, response, status, body
):
    answer = exchange(connection, server, response)

    assert (answer.status, answer.body) == (status, body)
    assert connection.is_reusable


def test_response_in_pieces_is_read(connection, server):
    response = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    sending = threading.Thread(
        target=lambda: [server.sendall(bytes([byte])) for byte in response]
    )
    sending.start()

    assert connection.exchange(REQUEST, LONG).body == b"abc"

    sending.join()


def test_second_response_is_read(connection, server):
    exchange(connection, server, OK + b"Content-Length: 1\r\n\r\na")

    answer = exchange(connection, server, OK + b"Content-Length: 1\r\n\r\nb")

    assert answer.body == b"b"


@pytest.mark.parametrize(
    ("response", "body"),
    [
        (OK + b"\r\nhello", b"hello"),
        (OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (OK + b"Connection: TE, Close\r\nContent-Length: 1\r\n\r\na", b"a"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", b"a"),
        (OK + b"Content-Length: 1\r\n\r\na" + OK, b"a"),
        (
            OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1 ;x\r\na\r\n0\r\n\r\n",
            b"a",
        ),
    ],
    ids=["until the end", "close", "list", "HTTP/1.0", "too much", "length and chunks"],
)
def test_connection_that_ends_with_its_response_is_not_reusable(
    connection, server, response, body
):
    answer = exchange(connection, server, response, close=True)

    assert answer.body == body
    assert not connection.is_reusable


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"<html>\r\n\r\n",
        OK + b"Content-Length: 5\r\n\r\nhell",
        OK + b"Content-Length: five\r\n\r\nhello",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: +1\r\n\r\na",
        OK + b"Content-Length: 1_0\r\n\r\n0123456789",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        OK + b"Content-Length: 99999999\r\n\r\n",
        OK + b"Transfer-Encoding: gzip\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    ],
)
def test_malformed_response_is_an_error(connection, server, response):
    with pytest.raises(MalformedResponse):
        exchange(connection, server, response, close=True)

    assert not connection.is_reusable


@pytest.mark.parametrize(
    ("start", "repeated"),
    [
        (OK, b"a" * 1000),
        (OK + b"\r\n", b"a" * 1000),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"a" * 1000),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n",
            b"3e8\r\n" + b"a" * 1000 + b"\r\n",
        ),
    ],
    ids=["head", "body", "size of a chunk", "chunks"],
)
def test_response_without_end_is_an_error(connection, server, start, repeated):
    sending = threading.Thread(target=send_on, args=(server, start, repeated))
    sending.start()

    with pytest.raises(MalformedResponse):
        connection.exchange(REQUEST, LONG)

    connection.close()
    sending.join()


def send_on(server, start, repeated):
    try:
        server.sendall(start)
        while True:
            server.sendall(repeated)
    except OSError:
        pass


@pytest.mark.parametrize("start", [b"", OK, OK + b"Content-Length: 9\r\n\r\n"])
def test_incomplete_response_times_out(connection, server, start):
    with pytest.raises(TimeoutError):
        exchange(connection, server, start, seconds=0.02)

    assert not connection.is_reusable


def test_deadline_applies_to_the_whole_response(connection, server):
    over = threading.Event()
    sending = threading.Thread(target=drip, args=(server, over))
    sending.start()

    with pytest.raises(TimeoutError):
        connection.exchange(REQUEST, 0.1)

    over.set()
    sending.join()


def drip(server, over):
    server.sendall(OK + b"Content-Length: 100000\r\n\r\n")
    while not over.wait(0.005):
        server.sendall(b"a")


def test_idle_connection_is_open(connection):
    assert connection.is_open()


def test_closed_connection_is_not_open(connection, server):
    server.close()

    assert not connection.is_open()


def test_connection_with_an_unexpected_byte_is_not_open(connection, server):
    server.sendall(b"a")

    assert not connection.is_open()


def test_reset_connection_is_not_open():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    connection = HttpConnection(ours)
    ours.sendall(b"never read")
    theirs.close()

    assert not connection.is_open()

    connection.close()
