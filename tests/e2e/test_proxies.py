"""Each proxy of `deploy/proxy` with TLS has the properties of docs/deployment.md."""

from __future__ import annotations

import http.client
import socket
import urllib.parse
from contextlib import suppress
from dataclasses import dataclass

import pytest
from twilio.request_validator import RequestValidator

from tests.support import (
    http_server,
    proxies,
    redis_server,
    server_process,
    twilio_server,
)

JSON = {"Content-Type": "application/json"}
SEND = "/auth/send_otp"
OUTSIDE = "127.0.0.9"
CALLBACKS = "https://otp.example.com"
NUMBER = "+919445012345"
FASTER = {
    "nginx": {"client_body_timeout 5s;": "client_body_timeout 1s;"},
    "caddy": {"read_body 10s": "read_body 1s"},
    "haproxy": {"wait-for-body time 5s": "wait-for-body time 1s"},
}


@dataclass(frozen=True)
class Deployment:
    """A service with a proxy in front of it."""

    proxy: proxies.TlsProxy
    server: server_process.ServerProcess
    environ: dict[str, str]


@pytest.fixture(scope="module", params=proxies.NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def deployment(name, shared_environ, tmp_path_factory):
    """Run one service and one proxy for all tests of that proxy."""
    environ = shared_environ | {
        "OTP_TRUSTED_PROXIES": "1",
        "OTP_CALLBACK_URL": CALLBACKS,
    }
    folder = tmp_path_factory.mktemp(name)
    with (
        server_process.running_server("--workers", "1", **environ) as server,
        proxies.in_front_of(name, server.port, folder, changes=FASTER[name]) as proxy,
    ):
        redis_server.wait_until(lambda: proxy.request("GET", "/readyz").status == 200)
        yield Deployment(proxy, server, environ)


@pytest.fixture
def proxy(deployment):
    return deployment.proxy


def test_no_client_chooses_its_ip_address(deployment):
    proxy = deployment.proxy
    trusted = {"SSL_CERT_FILE": str(proxy.authority)}
    result = server_process.run(
        "doctor", "--url", proxy.url, **deployment.environ | trusted
    )

    assert f"✓ {proxy.url}: no client chooses" in result.stderr
    assert result.returncode == 0


def test_largest_body_passes(proxy):
    most = b'{"phone": "+919445012345"}'.ljust(16 * 1024)

    assert proxy.request("POST", SEND, most, JSON).status == 401


@pytest.mark.parametrize(
    ("path", "most"), [(SEND, 16 * 1024), ("/callbacks/aws", 64 * 1024)]
)
def test_body_that_is_too_long_is_413_before_it_is_sent(proxy, path, most):
    length = {"Content-Length": str(most + 1)}

    assert proxy.request("POST", path, None, length).status == 413


def test_responses_have_hsts_once_and_no_version_of_the_proxy(proxy):
    response = proxy.request("GET", "/healthz")

    assert response.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
    server = response.headers.get("Server", "")
    assert server.partition("/")[0] in {"", "nginx", "granian"}
    assert "/" not in server


@pytest.mark.parametrize(
    "path",
    [
        *("/console", "/console/policy", "/CONSOLE", "/%63onsole", "/console%2Fevents"),
        *("/otp/console", "/otp/console/policy", "/otp%2Fconsole"),
    ],
)
def test_console_is_for_networks_of_operators_only(proxy, path):
    inside = proxy.request("GET", path)
    outside = proxy.request("GET", path, source=OUTSIDE)

    assert inside.status != 403
    assert outside.status == 403


def test_other_pages_are_for_every_network(proxy):
    assert proxy.request("GET", "/healthz", source=OUTSIDE).status == 200


def test_signed_callback_keeps_its_query(proxy):
    path = "/callbacks/twilio?attempt=1&to=a%2Bb"
    report = {"MessageSid": f"SM{'0' * 32}", "MessageStatus": "delivered"}
    validator = RequestValidator(twilio_server.TOKEN)
    signature = validator.compute_signature(f"{CALLBACKS}{path}", report)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urllib.parse.urlencode(report).encode()

    signed = headers | {"X-Twilio-Signature": signature}
    assert proxy.request("POST", path, body, signed).status == 204
    assert proxy.request("POST", path + "0", body, signed).status == 401


def test_report_of_aws_can_be_longer_than_other_bodies(proxy):
    path, text = "/callbacks/aws", {"Content-Type": "text/plain"}
    response = proxy.request("POST", path, b" " * 64 * 1024, text)

    # Without the sender aws, the service has no such path.
    assert (response.status, response.json["error"]) == (404, "not_found")


def test_body_that_stops_never_reaches_the_service(deployment):
    proxy = deployment.proxy
    before = len(deployment.server.stderr)
    connection = proxy.connect()
    connection.putrequest("POST", SEND)
    connection.putheader("Content-Length", "99")
    connection.putheader("Content-Type", "application/json")
    connection.endheaders(b'{"phone":')
    with suppress(http.client.HTTPException, ConnectionResetError):
        connection.getresponse().read()
    connection.close()

    proxy.request("POST", "/auth/verify_otp", b"{}", JSON)
    lines = deployment.server.stderr
    redis_server.wait_until(
        lambda: any("/auth/verify_otp" in line for line in lines[before:])
    )
    assert not [line for line in lines[before:] if SEND in line]


def test_client_keeps_its_connection_over_requests(proxy):
    connection = proxy.connect()
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    first = connection.sock
    connection.request("GET", "/healthz")
    status = connection.getresponse().status
    last = connection.sock
    connection.close()

    assert status == 200
    assert isinstance(first, socket.socket)
    assert last is first


def test_service_gets_one_address_and_no_alias_of_it(name, tmp_path):
    headers = {"X_Forwarded_For": "192.0.2.1", "X-Forwarded-Proto": "http"}
    if name != "nginx":
        headers["X-Forwarded-For"] = "192.0.2.2"
    with http_server.running() as service:
        service.behave = http_server.respond(200)
        with proxies.in_front_of(name, service.port, tmp_path) as proxy:
            redis_server.wait_until(
                lambda: proxy.request("GET", "/healthz").status == 200
            )
            proxy.request("GET", "/v2/Services", None, headers)
            received = [
                each.headers for each in service.requests if "/v2/" in each.line
            ]

    (each,) = received
    assert each["x-forwarded-for"] == "127.0.0.1"
    assert each["x-forwarded-proto"].rpartition(", ")[2] == "https"
    assert "x_forwarded_for" not in each


@pytest.fixture
def without_service(name, tmp_path):
    """Run a proxy, and nothing at the port of the service."""
    with proxies.in_front_of(name, redis_server.free_port(), tmp_path) as proxy:
        yield proxy


def test_proxy_without_service_answers_at_once_and_logs_no_number(
    name, without_service, capfd
):
    path = f"/v2/Services/VA0/Verifications/{NUMBER}?to={NUMBER}"
    if name != "nginx":
        redis_server.wait_until(
            lambda: without_service.request("GET", "/healthz").status == 503
        )
    response = without_service.request("POST", path, b"{}", JSON)
    auth = without_service.request("POST", SEND, b"{}", JSON)

    captured = capfd.readouterr()
    assert NUMBER[1:] not in captured.out + captured.err
    if name == "nginx":
        assert (response.status, auth.status) == (502, 502)
        return
    assert (response.status, response.json["code"]) == (503, 20503)
    assert response.headers["Retry-After"] is None
    assert (auth.status, auth.json["error"]) == (503, "unavailable")
    assert list(auth.json) == ["msg", "error"]
    assert int(auth.headers["Retry-After"]) >= 1
