"""Twilio's SDKs with a proxy that ends TLS, and without `OTP_PUBLIC_URL`.

The SDKs follow the URLs in lists with their credentials, so these URLs need the scheme
and the host of the proxy.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from twilio.rest import Client

from tests.fault_injection import buffering_proxy, raw_http
from tests.support import certificates, server_process

ACCOUNT, TOKEN = f"AC{'a' * 32}", "the-token-of-this-account"
BASIC = f"Basic {base64.b64encode(f'{ACCOUNT}:{TOKEN}'.encode()).decode()}"
LIST = "/v2/Services?PageSize=1"
NAMES = [f"Shop {number}" for number in range(4)]


@dataclass
class Proxied:
    url: str
    authority: Path


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """Run a service with four services of `/v2` and a proxy with TLS in front."""
    folder = tmp_path_factory.mktemp("tls")
    authority = certificates.authority(folder, "authority")
    environ = {"OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}", "OTP_TRUSTED_PROXIES": "1"}
    with (
        server_process.running_server("--dev", **environ) as server,
        buffering_proxy.in_front_of(
            server.port, folder, certificate=authority.issue()
        ) as port,
    ):
        client = Client(ACCOUNT, TOKEN)
        client.verify.base_url = f"http://127.0.0.1:{server.port}"
        for name in NAMES:
            client.verify.v2.services.create(friendly_name=name)
        yield Proxied(f"https://127.0.0.1:{port}", authority.path)


def run(command, **environ):
    """Run a program that prints the name and the URL of each service."""
    result = subprocess.run(
        command,
        env=server_process.PATH | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout))


def assert_lists_all(services, proxied):
    assert set(services) == {"OTP Engine", *NAMES}
    prefix = f"{proxied.url}/v2/Services/VA"
    assert all(url.startswith(prefix) for url in services.values())


@pytest.mark.parametrize(
    ("kind", "variable"), [("sync", "REQUESTS_CA_BUNDLE"), ("async", "SSL_CERT_FILE")]
)
def test_python_sdk_pages_through_list_over_tls(proxied, kind, variable):
    script = Path(__file__).with_name("list_services.py")
    command = [sys.executable, script, kind, proxied.url, ACCOUNT, TOKEN]

    services = run(command, **{variable: str(proxied.authority)})

    assert_lists_all(services, proxied)


def test_node_sdk_pages_through_list_over_tls(node, proxied):
    command = ["node", node / "list_services.js", proxied.url, ACCOUNT, TOKEN]

    services = run(command, NODE_EXTRA_CA_CERTS=str(proxied.authority))

    assert_lists_all(services, proxied)


@pytest.mark.parametrize("value", ["http", "ftp", "https, http", "http, http"])
def test_scheme_in_the_header_of_a_client_is_ignored(proxied, value):
    context = ssl.create_default_context(cafile=proxied.authority)
    netloc = proxied.url.removeprefix("https://")

    with closing(http.client.HTTPSConnection(netloc, context=context)) as connection:
        headers = {"X-Forwarded-Proto": value, "Authorization": BASIC}
        connection.request("GET", LIST, headers=headers)
        meta = json.load(connection.getresponse())["meta"]

    assert meta["next_page_url"].startswith(f"{proxied.url}{LIST}&")


@pytest.fixture(scope="module")
def server_with_two_proxies():
    environ = {"OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}", "OTP_TRUSTED_PROXIES": "2"}
    with server_process.running_server("--dev", **environ) as server:
        yield server


def first_page_url(port, *schemes):
    lines = [f"X-Forwarded-Proto: {scheme}" for scheme in schemes]
    head = [f"GET {LIST} HTTP/1.1", "Host: otp.example.com", "Connection: close"]
    request = "\r\n".join([*head, f"Authorization: {BASIC}", *lines, "", ""])
    return raw_http.exchange(port, request.encode()).json["meta"]["first_page_url"]


def test_schemes_of_several_header_lines_are_read_in_order(server_with_two_proxies):
    url = first_page_url(server_with_two_proxies.port, "http", "https", "http")

    assert url.startswith(f"https://otp.example.com{LIST}&")


@pytest.mark.parametrize(
    ("schemes", "scheme"),
    [
        (["https"], "https"),
        (["http, https"], "https"),
        (["http"], "http"),
        ([], "http"),
    ],
)
def test_scheme_of_a_load_balancer_before_nginx_counts(
    server_with_two_proxies, tmp_path, schemes, scheme
):
    with buffering_proxy.in_front_of(server_with_two_proxies.port, tmp_path) as port:
        url = first_page_url(port, *schemes)

    assert url.startswith(f"{scheme}://otp.example.com{LIST}&")


def test_invalid_host_is_in_no_url(server_with_two_proxies):
    head = [f"GET {LIST} HTTP/1.0", "Host: evil.example/x", f"Authorization: {BASIC}"]
    request = "\r\n".join([*head, "", ""]).encode()

    response = raw_http.exchange(server_with_two_proxies.port, request)

    assert response.status == 200
    assert b"evil.example" not in response.body
