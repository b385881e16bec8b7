from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from otp_engine.config import apprise_settings
from otp_engine.config.apprise_settings import AppriseSettings
from otp_engine.config.env_reader import EnvReader
from otp_engine.domain.models import Channel
from otp_engine.errors import DeliveryFailed, DeliveryUnconfirmed
from otp_engine.senders.apprise import AppriseProvider, create_service
from tests.support import http_server, redis_server
from tests.support.fakes import MESSAGE
from tests.support.http_server import close, respond

# Apprise imports all its services, and some of them need modules of the past.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def server():
    with http_server.running() as server:
        server.behave = respond(200, "ok", Connection="close")
        yield server


def create(port, path="/{to}?method=GET"):
    url = f"json://127.0.0.1:{port}{path}"
    return AppriseProvider(AppriseSettings(urls={Channel.SMS: url}))


def test_url_has_the_number_of_the_recipient(server):
    create(server.port, "/{to}/{digits}").send(MESSAGE)

    (request,) = server.requests
    assert "919445012345/919445012345" in request.line
    assert b"123456 is your Acme code." in request.body


def test_url_of_the_channel_is_used(server):
    urls = {
        Channel.SMS: "json://127.0.0.1:9/{to}",
        Channel.EMAIL: f"json://127.0.0.1:{server.port}/mail/?to={{to}}",
    }
    message = replace(
        MESSAGE, channel=Channel.EMAIL, to="o'neill+x&y@example.com", subject="Code"
    )

    AppriseProvider(AppriseSettings(urls=urls)).send(message)

    assert b"Code" in server.requests[0].body


def test_service_does_not_wait_between_requests():
    service = create_service("clicksend://user:key@12025550123")

    assert service
    assert service.request_rate_per_sec == 0


@pytest.mark.parametrize(
    "behave",
    [respond(400), respond(401), respond(429), respond(503), close],
    ids=["bad request", "unauthorized", "throttled", "unavailable", "closed"],
)
def test_every_failure_is_an_unknown_outcome(server, behave):
    server.behave = behave

    with pytest.raises(DeliveryUnconfirmed):
        create(server.port).send(MESSAGE)

    assert len(server.requests) == 1


def test_missing_connection_is_an_unknown_outcome():
    with pytest.raises(DeliveryUnconfirmed):
        create(redis_server.free_port()).send(MESSAGE)


def test_invalid_url_is_an_unknown_outcome():
    provider = AppriseProvider(AppriseSettings(urls={Channel.SMS: "nosuch://{to}"}))

    with pytest.raises(DeliveryUnconfirmed):
        provider.send(MESSAGE)


def test_ping_rejects_an_invalid_url():
    provider = AppriseProvider(AppriseSettings(urls={Channel.SMS: "nosuch://{to}"}))

    with pytest.raises(DeliveryFailed):
        provider.ping()


def test_ping_sends_no_request(server):
    create(server.port).ping()

    assert server.connections == 0


@pytest.mark.parametrize(
    "behave", [respond(200), respond(400), close], ids=["sent", "failed", "closed"]
)
@pytest.mark.parametrize("level", [1, logging.DEBUG, logging.INFO])
def test_no_number_and_no_code_is_logged_at_any_level(server, behave, level, caplog):
    server.behave = behave
    provider = create(server.port, "/{to}?method=GET&:code=x")

    with caplog.at_level(level):
        try:
            provider.send(MESSAGE)
        except DeliveryUnconfirmed:
            assert "apprise: the message to +91********45 failed" in caplog.text

    assert "9445012345" not in caplog.text
    assert "123456" not in caplog.text


def test_message_of_another_channel_is_an_unknown_outcome(server):
    with pytest.raises(DeliveryUnconfirmed):
        create(server.port).send(replace(MESSAGE, channel=Channel.CALL))

    assert server.connections == 0


def load(urls, **options):
    env = EnvReader({"OTP_APPRISE_URLS": urls})
    return apprise_settings.load(env, **{"is_used": True, **options}), env.problems


def test_missing_library_is_a_problem():
    _, (found,) = load("clicksend://u:k@{to}", find_module=lambda _: None)

    assert "pip install otp-engine[apprise]" in found


def test_urls_are_by_channel():
    settings, problems = load(
        "clicksend://u:k@{to} email=mailto://u:p@x.example?to={to}"
    )

    assert problems == []
    assert settings.channels == (Channel.SMS, Channel.EMAIL)
    assert "u:k" not in repr(settings)


def test_urls_of_a_provider_that_is_not_used_have_no_effect():
    assert load("clicksend://u:k@{to}", is_used=False) == (None, [])


@pytest.mark.parametrize(
    ("urls", "problem"),
    [
        ("", "is not set"),
        ("s3cret", "must be entries"),
        ("fax=clicksend://u:s3cret@{to}", "must be entries"),
        ("clicksend://u:s3cret@+4477", "must have {to} or {digits}"),
        ("clicksend://u:s3cret@{to} sms=d7sms://s3cret@{to}", "one URL of sms"),
        ("clicksend://u:s3cret@{to}?Verify=no", "verification of certificates"),
    ],
)
def test_invalid_url_is_a_problem_without_its_text(urls, problem):
    _, (found,) = load(urls)

    assert found.startswith("OTP_APPRISE_URLS ")
    assert problem in found
    assert "s3cret" not in found
