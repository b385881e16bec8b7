from __future__ import annotations

from ipaddress import ip_network

import pytest

from otp_engine.config.address_filter import AddressFilter
from otp_engine.senders.http_client import HttpClient, NotConnected, PooledHttpClient
from otp_engine.senders.http_connection import MalformedResponse
from tests.support import certificates, http_server
from tests.support.http_server import close, raw, respond

LOOPBACK = AddressFilter((ip_network("127.0.0.0/8"),))
ONE_ADDRESS = AddressFilter((ip_network("127.0.0.1/32"),))


@pytest.fixture
def server():
    with http_server.running() as server:
        yield server


def client(server, headers=None, **options):
    pool = PooledHttpClient(connect=10, **{"respond": 10, **options})
    return HttpClient(server.url, headers, pool=pool)


def test_request_has_path_body_and_headers_of_both(server):
    client(server, {"X-Client": "1"}).post("/a?b=c", b"\xff\x00", {"X-Request": "2"})

    (request,) = server.requests
    assert request.line == "POST /a?b=c HTTP/1.1"
    assert request.body == b"\xff\x00"
    assert request.headers["x-client"] == "1"
    assert request.headers["x-request"] == "2"


def test_url_without_path_requests_the_root(server):
    client(server).post("", b"")

    assert server.requests[0].line == "POST / HTTP/1.1"


def test_query_without_path_is_kept(server):
    client(server).get("?a=b")

    assert server.requests[0].line == "GET /?a=b HTTP/1.1"


def test_response_has_status_body_and_headers(server):
    server.behave = respond(429, "later", Retry_After="7")

    response = client(server).post("/", b"")

    assert (response.status, response.body) == (429, b"later")
    assert response.header("Retry-After") == "7"
    assert response.header("Location") == ""


def test_requests_share_a_connection(server):
    http = client(server)
    http.post("/", b"")
    http.post("/", b"")

    assert (len(server.requests), server.connections) == (2, 1)


def test_connection_is_opened_without_a_request(server):
    http = client(server)
    http.connect()
    http.post("/", b"")

    assert (len(server.requests), server.connections) == (1, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(server, status):
    server.behave = respond(status, Location=f"{server.url}/elsewhere")

    assert client(server).post("/", b"").status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("header", ["a\r\nX-Other: b", "a\nb", "a\x00b", "é"])
def test_header_with_a_line_break_is_not_sent(server, header):
    with pytest.raises(ValueError, match="line break"):
        client(server).post("/", b"", {"X-Header": header})

    assert server.connections == 0


@pytest.mark.parametrize("path", ["/ HTTP/1.1\r\nX: y", "/a b", "/é"])
def test_path_with_a_space_is_not_sent(server, path):
    with pytest.raises(ValueError, match="a space"):
        client(server).post(path, b"")

    assert server.connections == 0


@pytest.mark.parametrize(
    "behave",
    [
        respond(200, b"x" * 1025),
        raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1025),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n"),
        raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + (b"200\r\n" + b"x" * 512 + b"\r\n") * 3
        ),
    ],
    ids=["length", "until the end", "one chunk", "several chunks"],
)
def test_body_above_the_maximum_is_malformed(server, behave):
    server.behave = behave

    with pytest.raises(MalformedResponse):
        client(server, max_body_bytes=1024).post("/", b"")


def test_body_of_the_maximum_is_returned(server):
    server.behave = respond(200, b"x" * 1024)

    response = client(server, max_body_bytes=1024).post("/", b"")

    assert len(response.body) == 1024


def test_response_byte_by_byte_times_out(server):
    server.behave = server.drip

    with pytest.raises(TimeoutError):
        client(server, respond=0.2).post("/", b"")


def test_closed_connection_without_response_is_no_missing_connection(server):
    server.behave = close

    with pytest.raises((MalformedResponse, OSError)):
        client(server).post("/", b"")


def test_host_with_a_private_address_is_not_connected(server):
    with pytest.raises(
        NotConnected, match="address is not in OTP_WEBHOOK_PRIVATE_NETWORKS"
    ):
        client(server, addresses=AddressFilter()).post("/", b"")

    assert server.connections == 0


@pytest.mark.parametrize(
    "host", ["2130706433", "0177.0.0.1", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"]
)
def test_loopback_in_another_spelling_is_not_connected(server, host):
    pool = PooledHttpClient(connect=10, addresses=AddressFilter())

    with pytest.raises(
        NotConnected, match="address is not in OTP_WEBHOOK_PRIVATE_NETWORKS"
    ):
        HttpClient(f"http://{host}:{server.port}", pool=pool).post("/", b"")

    assert server.connections == 0


def test_host_in_a_listed_network_is_connected(server):
    assert client(server, addresses=LOOPBACK).post("/", b"").status == 204


def test_host_is_looked_up_once_for_a_connection(server):
    lookups = []

    def resolve(host, _):
        lookups.append(host)
        return ["127.0.0.1"]

    pool = PooledHttpClient(connect=10, addresses=LOOPBACK, resolve=resolve)
    url = f"http://receiver.example:{server.port}"
    HttpClient(url, pool=pool).post("/", b"")

    assert lookups == ["receiver.example"]
    assert server.requests[0].headers["host"] == f"receiver.example:{server.port}"


def test_only_the_allowed_addresses_of_a_host_are_connected():
    with http_server.running(host="127.0.0.2") as other:
        pool = PooledHttpClient(
            connect=10, addresses=ONE_ADDRESS, resolve=lambda *_: ["127.0.0.2"]
        )

        with pytest.raises(
            NotConnected, match="address is not in OTP_WEBHOOK_PRIVATE_NETWORKS"
        ):
            HttpClient(f"http://receiver.example:{other.port}", pool=pool).post("", b"")

        assert other.connections == 0


def test_second_address_is_connected_if_the_first_does_not_answer(server):
    pool = PooledHttpClient(
        connect=10, addresses=LOOPBACK, resolve=lambda *_: ["127.0.0.2", "127.0.0.1"]
    )

    response = HttpClient(f"http://receiver.example:{server.port}", pool=pool).get("/")

    assert response.status == 204


def test_unknown_host_is_not_connected():
    def resolve(*_):
        raise OSError

    pool = PooledHttpClient(connect=10, addresses=LOOPBACK, resolve=resolve)

    with pytest.raises(NotConnected, match="host name is not known"):
        HttpClient("http://receiver.example", pool=pool).get("/")


@pytest.mark.parametrize(
    ("name", "is_trusted"), [("receiver.example", True), ("other.example", False)]
)
def test_certificate_is_that_of_the_host_at_a_checked_address(
    tmp_path, monkeypatch, name, is_trusted
):
    authority = certificates.authority(tmp_path, "ca")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    pool = PooledHttpClient(
        connect=10, addresses=LOOPBACK, resolve=lambda *_: ["127.0.0.1"]
    )
    with http_server.running(authority.issue(name)) as server:
        http = HttpClient(f"https://receiver.example:{server.port}", pool=pool)

        if is_trusted:
            assert http.post("/", b"").status == 204
        else:
            with pytest.raises(NotConnected, match="certificate is not trusted"):
                http.post("/", b"")
        assert len(server.requests) == is_trusted
