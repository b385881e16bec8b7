"""`deploy/proxy/nginx.conf` meets the requirements of the README for a proxy."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from tests.fault_injection import buffering_proxy, raw_http
from tests.support import redis_server, server_process

KIND = "Content-Type: application/json"
SEND = "/auth/send_otp"
MOST = 50
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
# The headers of a request that never sends its body.
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


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """Run nginx in front of a service; each test has IP addresses of its own."""
    environ = {"OTP_TRUSTED_PROXIES": "1", "OTP_SENDS_PER_IP": "1/1h"}
    folder = tmp_path_factory.mktemp("nginx")
    with (
        server_process.running_server("--dev", **environ) as server,
        buffering_proxy.in_front_of(server.port, folder, changes=CHANGES) as port,
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
    return raw_http.exchange(proxy, HEALTH + lines + b"\r\n", source=source)


def status_of(proxy, address):
    """The status that a request from *address* gets."""
    return health(proxy, f"X-Test-Address: {address}\r\n".encode()).status


def test_headers_of_client_do_not_change_its_ip_address(proxy):
    first = raw_http.post(proxy, SEND, b'{"phone": "9445012345"}', KIND)
    again = [
        raw_http.post(
            proxy, SEND, b'{"phone": "9445067890"}', KIND, f"{name}: 192.0.2.1"
        )
        for name in ("X-Forwarded-For", "X_Forwarded_For", "X-Real-Ip", "Forwarded")
    ]

    assert first.status == 201
    assert [(response.status, response.error) for response in again] == [
        (429, "rate_limited")
    ] * 4


def test_body_over_16_kib_is_413(proxy):
    most = b'{"phone": "9445011116"}'.ljust(16 * 1024)

    own = "X-Test-Address: 198.51.100.16"
    assert raw_http.post(proxy, SEND, most, KIND, own).status == 201
    assert raw_http.post(proxy, SEND, most + b" ", KIND, own).status == 413


def test_server_header_has_no_version(proxy):
    headers = dict(raw_http.exchange(proxy, b"GET /healthz HTTP/1.0\r\n\r\n").headers)

    assert headers["server"] == "nginx"


def test_51st_open_request_of_one_address_is_429(proxy):
    def rejected():
        return health(proxy, source="127.0.0.2").status == 429

    with unfinished(proxy, source="127.0.0.2"):
        redis_server.wait_until(rejected)
        response = health(proxy, source="127.0.0.2")
        other = health(proxy, source="127.0.0.3")

    assert (response.status, response.error) == (429, "rate_limited")
    assert list(response.json) == ["msg", "error"]
    assert dict(response.headers)["retry-after"] == "1"
    assert dict(response.headers)["content-type"] == "application/json"
    assert other.status == 200
    redis_server.wait_until(lambda: not rejected())


def test_429_of_v2_is_error_of_twilio_with_wait_in_own_header(proxy):
    own = "127.0.0.5"

    def fetch(path):
        lines = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        return raw_http.exchange(proxy, f"{lines}\r\n".encode(), source=own)

    with unfinished(proxy, source=own):
        redis_server.wait_until(lambda: fetch("/v2/Services").status == 429)
        response = fetch("/v2/Services")

    assert response.json == {
        "code": 20429,
        "message": "Too many requests",
        "more_info": "https://www.twilio.com/docs/errors/20429",
        "status": 429,
    }
    assert dict(response.headers)["otp-retry-after"] == "1"
    assert dict(response.headers)["content-type"] == "application/json"
    assert "retry-after" not in response.names


def test_rejected_client_that_keeps_writing_is_disconnected(proxy):
    own = "127.0.0.4"
    with unfinished(proxy, source=own):
        redis_server.wait_until(lambda: health(proxy, source=own).status == 429)
        with socket.create_connection(
            ("127.0.0.1", proxy), timeout=0.2, source_address=(own, 0)
        ) as slow:
            slow.sendall(UNFINISHED + b"\r\n")
            redis_server.wait_until(lambda: closed_while_writing(slow))


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
def test_ipv6_network_of_64_bits_counts_as_one_client(proxy, prefix, other):
    status = partial(status_of, proxy)
    with unfinished(proxy, f"X-Test-Address: {prefix}::1\r\n".encode()):
        redis_server.wait_until(lambda: status(f"{prefix}::1") == 429)

        assert status(f"{prefix}:a0a:a0a:a0a:a0a") == 429
        assert status(f"{prefix}:ffff::") == 429
        assert status(f"{other}::1") == 200


def test_201st_open_request_of_ipv6_network_of_56_bits_is_429(proxy):
    networks = [f"2001:db8:0:1{n:02x}" for n in range(5)]

    with unfinished_of(proxy, networks):
        redis_server.wait_until(lambda: status_of(proxy, "2001:db8:0:1ff::1") == 429)

        assert status_of(proxy, "2001:db8:0:2ff::1") == 200
        assert status_of(proxy, "192.0.2.1") == 200


def test_401st_open_request_of_ipv6_network_of_48_bits_is_429(proxy):
    networks = [f"2001:db8:8:{n}0{m}" for n in (1, 2, 3) for m in range(3)]

    with unfinished_of(proxy, networks):
        redis_server.wait_until(lambda: status_of(proxy, "2001:db8:8:ffff::1") == 429)

        assert status_of(proxy, "2001:db8:9:ffff::1") == 200
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
        {"proxy_read_timeout 30s;": "proxy_read_timeout 30s; proxy_bind 192.0.2.1;"},
    ],
)
def test_log_of_proxy_without_service_holds_no_number(tmp_path, capfd, changes):
    path = "/v2/Services/VA0/Verifications/+919445012345"
    down = redis_server.free_port()
    with buffering_proxy.in_front_of(down, tmp_path, changes=changes) as port:
        status = raw_http.post(port, path, b"{}").status

    assert status in {500, 502}
    assert "9445012345" not in capfd.readouterr().err


def test_x_forwarded_for_lines_are_read_in_order():
    environ = {"OTP_TRUSTED_PROXIES": "2", "OTP_SENDS_PER_IP": "1/1h"}

    def send(phone: str, client: str) -> int:
        added = [
            f"X-Forwarded-For: {entry}" for entry in ("192.0.2.9", client, "10.0.0.1")
        ]
        body = b'{"phone": "%s"}' % phone.encode()
        return raw_http.post(server.port, SEND, body, KIND, *added).status

    with server_process.running_server("--dev", **environ) as server:
        statuses = [
            send("9445012345", "198.51.100.1"),
            send("9445067890", "198.51.100.2"),
            send("9445011111", "198.51.100.1"),
        ]

    assert statuses == [201, 201, 429]


# As Azure's Application Gateway writes it.
def test_clients_of_proxy_that_adds_their_port_have_limits_of_their_own(tmp_path):
    appended = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
    changes = {appended: "proxy_set_header X-Forwarded-For $remote_addr:$remote_port;"}
    environ = {"OTP_TRUSTED_PROXIES": "1", "OTP_SENDS_PER_IP": "1/1h"}

    def send(phone: str, source: str) -> int:
        body = b'{"phone": "%s"}' % phone.encode()
        request = raw_http.encode_post(SEND, body, KIND)
        return raw_http.exchange(port, request, source=source).status

    with (
        server_process.running_server("--dev", **environ) as server,
        buffering_proxy.in_front_of(server.port, tmp_path, changes=changes) as port,
    ):
        statuses = [
            send("9445012345", "127.0.0.2"),
            send("9445067890", "127.0.0.3"),
            send("9445011111", "127.0.0.2"),
        ]

    assert statuses == [201, 201, 429]
