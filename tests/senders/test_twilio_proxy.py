"""Twilio's API through a proxy, at a region and at an edge."""

from __future__ import annotations

import base64

import pytest

from otp_engine import config, senders
from otp_engine.errors import ProviderUnavailable
from tests.support import certificates, recording_proxy, redis_server, twilio_server
from tests.support.fakes import MESSAGE
from tests.support.settings import PRODUCTION
from tests.support.twilio_server import ACCOUNT

LOGIN = "otp:s3cr3t%40x"
DECODED = f"Basic {base64.b64encode(b'otp:s3cr3t@x').decode()}"
CREDENTIALS = {"TWILIO_AUTH_TOKEN": twilio_server.TOKEN}


@pytest.fixture
def twilio():
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture
def proxy(twilio):
    with recording_proxy.running(twilio.url) as proxy:
        yield proxy


def send(**environ):
    settings = config.load(PRODUCTION | CREDENTIALS | environ)
    sender = senders.build_senders(settings, max_concurrent=1)["twilio"]
    with sender.acquire_slot() as deliver:
        deliver(MESSAGE)


@pytest.mark.parametrize(
    ("environ", "host"),
    [
        ({}, "api.twilio.com"),
        ({"TWILIO_REGION": "ie1"}, "api.ie1.twilio.com"),
        ({"TWILIO_EDGE": "sydney"}, "api.sydney.us1.twilio.com"),
        (
            {"TWILIO_EDGE": "sydney", "TWILIO_REGION": "au1"},
            "api.sydney.au1.twilio.com",
        ),
        (
            {"TWILIO_API_BASE_URL": "https://otp.test", "TWILIO_REGION": "ie1"},
            "otp.test",
        ),
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_message_goes_to_the_host_of_region_and_edge_through_the_proxy(
    proxy, environ, host, variable
):
    with pytest.raises(ProviderUnavailable):
        send(**environ, **{variable: f"http://{proxy.address}"})

    assert proxy.requests == [f"CONNECT {host}:443"]


def test_message_through_the_proxy_is_accepted(proxy, twilio):
    send(
        HTTP_PROXY=f"http://{LOGIN}@{proxy.address}",
        TWILIO_API_BASE_URL="http://twilio.test",
    )

    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert proxy.requests == [f"POST http://twilio.test{path}"]
    assert proxy.logins == [DECODED]
    assert [message["To"] for message in twilio.messages] == [MESSAGE.to]


def test_login_of_the_proxy_is_sent_and_not_logged(proxy, caplog):
    with pytest.raises(ProviderUnavailable):
        send(HTTPS_PROXY=f"http://{LOGIN}@{proxy.address}")

    assert proxy.logins == [DECODED]
    assert "twilio: not connected: its proxy does not answer" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_absent_proxy_means_that_no_message_was_sent(caplog):
    proxy = f"http://{LOGIN}@127.0.0.1:{redis_server.free_port()}"

    with pytest.raises(ProviderUnavailable):
        send(HTTPS_PROXY=proxy)

    assert "s3cr3t" not in caplog.text


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_message_through_a_tunnel_of_the_proxy_is_accepted(
    scheme, tmp_path, monkeypatch
):
    authority = certificates.authority(tmp_path, "ca")
    certificate = authority.issue()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    with (
        twilio_server.running(certificate) as twilio,
        recording_proxy.running(
            twilio.url, certificate if scheme == "https" else None
        ) as proxy,
    ):
        proxy.accepts_connect = True

        send(
            HTTPS_PROXY=f"{scheme}://{LOGIN}@{proxy.address}",
            TWILIO_API_BASE_URL=twilio.url,
        )

    assert proxy.requests == [f"CONNECT {proxy.upstream}"]
    assert proxy.logins == [DECODED]
    assert [message["To"] for message in twilio.messages] == [MESSAGE.to]


def test_excluded_host_is_reached_without_the_proxy(proxy, twilio):
    send(
        HTTP_PROXY=f"http://{proxy.address}",
        NO_PROXY="localhost,127.0.0.1",
        TWILIO_API_BASE_URL=twilio.url,
    )

    assert proxy.requests == []
    assert len(twilio.messages) == 1


def test_proxy_of_this_process_is_not_used(proxy, twilio, monkeypatch):
    # The settings are read once, from the given environment.
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("TWILIO_REGION", "ie1")

    send(TWILIO_API_BASE_URL=twilio.url)

    assert proxy.requests == []
    assert len(twilio.messages) == 1
