"""`deploy/proxy/nginx.conf` does what the README asks of a proxy."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from tests import processes, servers
from tests.fault_injection import buffering_proxy, raw_http

KIND = "Content-Type: application/json"
SEND = "/auth/send_otp"
MOST = 50
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
# The headers of a request whose body never arrives.
UNFINISHED = (
    b"POST /auth/send_otp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n"
)
CHANGES = {
    # Open requests stay open for the whole of a test, however busy the machine.
    "client_body_timeout 5s;": "client_body_timeout 60s;",
    # A test chooses its IPv6 address.
    "access_log off;": "access_log off; real_ip_header X-Test-Address;"
    " set_real_ip_from 127.0.0.0/8;",
}


@pytest.fixture
def proxy(tmp_path):
    environ = {"OTP_TRUSTED_PROXIES": "1", "OTP_SENDS_PER_IP": "1/1h"}
    with (
        processes.serving("--dev", **environ) as served,
        buffering_proxy.in_front_of(served.port, tmp_path, changes=CHANGES) as port,
    ):
        yield port


@contextmanager
def unfinished(proxy, lines=b"", *, source="127.0.0.1", more=MOST):
    """Keep as many requests open as one network may have.

    It opens *more*, in case nginx rejects some because of requests that end meanwhile.
    """
    with ExitStack() as stack:
        for _ in range(MOST + more):
            connection = socket.create_connection(
                ("127.0.0.1", proxy), source_address=(source, 0)
            )
            stack.enter_context(connection).sendall(UNFINISHED + lines + b"\r\n")
        yield


def health(proxy, lines=b"", *, source="127.0.0.1"):
    return raw_http.say(proxy, HEALTH + lines + b"\r\n", source=source)


def status_of(proxy, address):
    """The status that a request from *address* gets."""
    return health(proxy, f"X-Test-Address: {address}\r\n".encode()).status


def test_behind_the_proxy_nobody_chooses_the_address_they_are_counted_by(proxy):
    first = raw_http.post(proxy, SEND, b'{"phone": "9445012345"}', KIND)
    again = [
        raw_http.post(
            proxy, SEND, b'{"phone": "9445067890"}', KIND, f"{name}: 192.0.2.1"
        )
        for name in ("X-Forwarded-For", "X_Forwarded_For", "X-Real-Ip", "Forwarded")
    ]

    assert first.status == 201
    assert [(heard.status, heard.error) for heard in again] == [
        (429, "rate_limited")
    ] * 4


def test_the_proxy_lets_16_kib_through_and_no_more(proxy):
    most = b'{"phone": "9445012345"}'.ljust(16 * 1024)

    assert raw_http.post(proxy, SEND, most, KIND).status == 201
    assert raw_http.post(proxy, SEND, most + b" ", KIND).status == 413


def test_the_proxy_names_no_version(proxy):
    headers = dict(raw_http.say(proxy, b"GET /healthz HTTP/1.0\r\n\r\n").headers)

    assert headers["server"] == "nginx"


def test_one_address_has_at_most_50_open_requests(proxy):
    def rejected():
        return health(proxy, source="127.0.0.2").status == 429

    with unfinished(proxy, source="127.0.0.2"):
        servers.wait_until(rejected)
        heard = health(proxy, source="127.0.0.2")
        other = health(proxy, source="127.0.0.3")

    assert (heard.status, heard.error) == (429, "rate_limited")
    assert list(heard.json) == ["msg", "error"]
    assert dict(heard.headers)["retry-after"] == "1"
    assert dict(heard.headers)["content-type"] == "application/json"
    assert other.status == 200
    servers.wait_until(lambda: not rejected())


def test_a_rejected_client_that_goes_on_writing_is_disconnected(proxy):
    with unfinished(proxy):
        servers.wait_until(lambda: health(proxy).status == 429)
        with socket.create_connection(("127.0.0.1", proxy), timeout=0.2) as slow:
            slow.sendall(UNFINISHED + b"\r\n")
            servers.wait_until(lambda: closed_while_writing(slow), seconds=4)


def closed_while_writing(connection):
    """Write a byte and read; return whether the server has closed *connection*."""
    try:
        connection.sendall(b"9")
        return connection.recv(1 << 16) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize(
    ("prefix", "other"),
    [
        ("2001:db8:0:1", "2001:db8:0:2"),
        # Its bytes hold zeros and line ends.
        ("2001:0:a0a:a0a", "2001:0:a0a:a0b"),
    ],
)
def test_an_ipv6_network_of_64_bits_counts_as_one_client(proxy, prefix, other):
    status = partial(status_of, proxy)
    with unfinished(proxy, f"X-Test-Address: {prefix}::1\r\n".encode()):
        servers.wait_until(lambda: status(f"{prefix}::1") == 429)

        assert status(f"{prefix}:a0a:a0a:a0a:a0a") == 429
        assert status(f"{prefix}:ffff::") == 429
        assert status(f"{other}::1") == 200


def test_an_ipv6_network_of_56_bits_has_at_most_200_open_requests(proxy):
    networks = [f"2001:db8:0:1{n:02x}" for n in range(5)]

    with unfinished_of(proxy, networks):
        servers.wait_until(lambda: status_of(proxy, "2001:db8:0:1ff::1") == 429)

        assert status_of(proxy, "2001:db8:0:2ff::1") == 200
        assert status_of(proxy, "192.0.2.1") == 200


def test_an_ipv6_network_of_48_bits_has_at_most_400_open_requests(proxy):
    networks = [f"2001:db8:0:{n}0{m}" for n in (1, 2, 3) for m in range(3)]

    with unfinished_of(proxy, networks):
        servers.wait_until(lambda: status_of(proxy, "2001:db8:0:ffff::1") == 429)

        assert status_of(proxy, "2001:db8:1:ffff::1") == 200
        assert status_of(proxy, "192.0.2.1") == 200


@contextmanager
def unfinished_of(proxy, networks):
    """Keep as many requests open as each IPv6 /64 of *networks* may have."""
    with ExitStack() as stack:
        for network in networks:
            lines = f"X-Test-Address: {network}::1\r\n".encode()
            stack.enter_context(unfinished(proxy, lines, more=5))
        yield


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # bind() fails, which nginx logs one level above a refused connection.
        {"proxy_next_upstream off;": "proxy_next_upstream off; proxy_bind 192.0.2.1;"},
    ],
)
def test_the_proxy_logs_no_number_while_the_service_is_down(tmp_path, capfd, changes):
    path = "/v2/Services/VA0/Verifications/+919445012345"
    down = servers.free_port()
    with buffering_proxy.in_front_of(down, tmp_path, changes=changes) as port:
        status = raw_http.post(port, path, b"{}").status

    assert status in {500, 502}
    assert "9445012345" not in capfd.readouterr().err


def test_proxies_that_add_a_header_line_each_are_read_in_their_order():
    environ = {"OTP_TRUSTED_PROXIES": "2", "OTP_SENDS_PER_IP": "1/1h"}

    def send(phone: str, client: str) -> int:
        added = [f"X-Forwarded-For: {one}" for one in ("192.0.2.9", client, "10.0.0.1")]
        body = b'{"phone": "%s"}' % phone.encode()
        return raw_http.post(served.port, SEND, body, KIND, *added).status

    with processes.serving("--dev", **environ) as served:
        answers = [
            send("9445012345", "198.51.100.1"),
            send("9445067890", "198.51.100.2"),
            send("9445011111", "198.51.100.1"),
        ]

    assert answers == [201, 201, 429]
