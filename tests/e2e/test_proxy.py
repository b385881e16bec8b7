"""`deploy/proxy/nginx.conf` does what the README asks of a proxy."""

from __future__ import annotations

import pytest

from tests import processes
from tests.trials import buffering_proxy, wire

KIND = "Content-Type: application/json"
SEND = "/auth/send_otp"


@pytest.fixture
def proxy(tmp_path):
    environ = {"OTP_TRUSTED_PROXIES": "1", "OTP_SENDS_PER_IP": "1/1h"}
    with (
        processes.serving("--dev", **environ) as served,
        buffering_proxy.in_front_of(served.port, tmp_path) as port,
    ):
        yield port


def test_behind_the_proxy_nobody_chooses_the_address_they_are_counted_by(proxy):
    first = wire.post(proxy, SEND, b'{"phone": "9445012345"}', KIND)
    again = [
        wire.post(proxy, SEND, b'{"phone": "9445067890"}', KIND, f"{name}: 192.0.2.1")
        for name in ("X-Forwarded-For", "X_Forwarded_For", "X-Real-Ip", "Forwarded")
    ]

    assert first.status == 201
    assert [(heard.status, heard.error) for heard in again] == [
        (429, "rate_limited")
    ] * 4


def test_the_proxy_lets_16_kib_through_and_no_more(proxy):
    most = b'{"phone": "9445012345"}'.ljust(16 * 1024)

    assert wire.post(proxy, SEND, most, KIND).status == 201
    assert wire.post(proxy, SEND, most + b" ", KIND).status == 413


def test_the_proxy_names_no_version(proxy):
    headers = dict(wire.say(proxy, b"GET /healthz HTTP/1.0\r\n\r\n").headers)

    assert headers["server"] == "nginx"
