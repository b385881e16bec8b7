"""Twilio's unmodified SDKs with the base URL of a running service."""

from __future__ import annotations

import asyncio
import json
import subprocess
from datetime import datetime

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from tests.support import redis_server, server_process, twilio_server
from tests.support.fakes import different_code

ACCOUNT, TOKEN = f"AC{'a' * 32}", "the-token-of-this-account"
SERVICE = f"VA{'7' * 32}"
TO = "+919445012345"


@pytest.fixture(scope="module")
def twilio():
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture(scope="module")
def url(tmp_path_factory, twilio):
    """Run a server with two workers and wide limits; yield its URL."""
    with redis_server.redis_on_a_socket(tmp_path_factory.mktemp("redis")) as redis_url:
        environ = server_process.production(redis_url, twilio.url) | {
            "OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}",
            "OTP_SERVICE_SID": SERVICE,
            "OTP_SERVICE_NAME": "Shop",
            "OTP_SERVICE_CODE_LENGTH": "8",
            "OTP_SERVICE_CUSTOM_CODE": "1",
            "OTP_SENDS_PER_PHONE": "off",
            "OTP_FAILED_CHECKS_PER_PHONE": "1000/1h",
            "OTP_ARGON2": "m=64,t=1,p=1",
        }
        with server_process.running_server("--workers", "2", **environ) as served:
            yield f"http://127.0.0.1:{served.port}"


@pytest.fixture
def twilio_client(url):
    client = Client(ACCOUNT, TOKEN)
    client.verify.base_url = url
    return client


@pytest.fixture
def service(twilio_client):
    """Create a service for one test."""
    return twilio_client.verify.v2.services.create(friendly_name="Shop")


def test_python_sdk_sends_and_checks_code(twilio_client, service, twilio):
    verify_service = twilio_client.verify.v2.services(service.sid)

    sent = verify_service.verifications.create(to=TO, channel="sms")
    again = verify_service.verifications.create(to=TO, channel="sms", locale="es")
    code = twilio.code_to(TO)
    wrong = verify_service.verification_checks.create(to=TO, code=different_code(code))
    fetched = verify_service.verifications(sent.sid).fetch()
    right = verify_service.verification_checks.create(
        verification_sid=sent.sid, code=code
    )

    assert isinstance(sent.date_created, datetime)
    assert (sent.status, sent.valid, sent.to) == ("pending", False, TO)
    assert again.sid == sent.sid == fetched.sid == right.sid
    assert len(fetched.send_code_attempts) == 2
    assert (wrong.status, wrong.valid) == ("pending", False)
    assert (right.status, right.valid) == ("approved", True)


def test_python_sdk_raises_errors_of_twilio(twilio_client, service):
    with pytest.raises(TwilioRestException) as raised:
        twilio_client.verify.v2.services(service.sid).verification_checks.create(
            to=TO, code="123456"
        )

    path = f"/v2/Services/{service.sid}/VerificationCheck"
    assert (raised.value.status, raised.value.code) == (404, 20404)
    assert f"The requested resource {path} was not found" in raised.value.msg


def test_python_sdk_sends_again_after_provider_did_not_answer(
    twilio_client, service, twilio
):
    verifications = twilio_client.verify.v2.services(service.sid).verifications
    twilio.behave = twilio_server.reset
    with pytest.raises(TwilioRestException) as raised:
        verifications.create(to=TO, channel="sms")
    twilio.behave = twilio_server.accept

    again = verifications.create(to=TO, channel="sms")

    assert (raised.value.status, raised.value.code) == (504, 20504)
    assert len(again.send_code_attempts) == 2


def test_python_sdk_reads_every_page(twilio_client):
    names = [f"Page {n}" for n in range(5)]
    for name in names:
        twilio_client.verify.v2.services.create(friendly_name=name)

    listed = [
        verify_service.friendly_name
        for verify_service in twilio_client.verify.v2.services.list(page_size=2)
    ]

    assert set(names) < set(listed)


def test_python_sdk_cancels_verification(twilio_client, service):
    verifications = twilio_client.verify.v2.services(service.sid).verifications
    sent = verifications.create(to=TO, channel="sms")

    closed = twilio_client.verify.v2.services(service.sid).verifications(sent.sid)

    assert closed.update(status="canceled").status == "canceled"
    assert closed.fetch().status == "canceled"


def test_python_sdk_limits_sends_by_own_rate_limit(twilio_client, service):
    verify_service = twilio_client.verify.v2.services(service.sid)
    limit = verify_service.rate_limits.create(unique_name="ip")
    verify_service.rate_limits(limit.sid).buckets.create(max=1, interval=60)
    verify_service.verifications.create(
        to=TO, channel="sms", rate_limits={"ip": "192.0.2.1"}
    )

    with pytest.raises(TwilioRestException) as raised:
        verify_service.verifications.create(
            to=TO, channel="sms", rate_limits={"ip": "192.0.2.1"}
        )

    assert (raised.value.status, raised.value.code) == (429, 20429)


def test_python_sdk_manages_webhooks(twilio_client, service):
    webhooks = twilio_client.verify.v2.services(service.sid).webhooks
    created = webhooks.create(
        friendly_name="Logins",
        event_types=["factor.verified", "challenge.approved"],
        webhook_url="https://hooks.example.com/verify",
    )
    webhook = twilio_client.verify.v2.services(service.sid).webhooks(created.sid)

    updated = webhook.update(status="disabled", event_types=["*"])

    assert created.event_types == ["factor.verified", "challenge.approved"]
    assert (updated.status, updated.event_types) == ("disabled", ["*"])
    assert [each.sid for each in webhooks.list()] == [created.sid]
    assert webhook.fetch().webhook_url == "https://hooks.example.com/verify"
    assert webhook.delete()
    assert webhooks.list() == []


def test_python_sdk_gets_the_error_of_push_factors(twilio_client, service):
    verify_service = twilio_client.verify.v2.services(service.sid)

    with pytest.raises(TwilioRestException) as raised:
        verify_service.access_tokens.create(identity="person-1", factor_type="push")

    assert (raised.value.status, raised.value.code) == (403, 60204)


def test_python_sdk_updates_and_deletes_service(twilio_client, service):
    verify_service = twilio_client.verify.v2.services(service.sid)

    assert set(service.links) == {
        *("verifications", "verification_checks"),
        *("rate_limits", "messaging_configurations", "entities", "webhooks"),
    }
    assert verify_service.update(code_length=8).code_length == 8
    assert verify_service.fetch().friendly_name == "Shop"
    assert verify_service.delete()


def test_python_sdk_checks_custom_code_on_default_service(twilio_client, twilio):
    verify_service = twilio_client.verify.v2.services(SERVICE)

    sent = verify_service.verifications.create(
        to=TO, channel="sms", custom_code="Ab12cd"
    )
    right = verify_service.verification_checks.create(to=TO, code="Ab12cd")

    assert sent.status == "pending"
    assert twilio.messages[-1]["Body"].startswith("Ab12cd is your Shop code.")
    assert right.status == "approved"


def test_python_sdk_sends_code_of_the_length_of_the_default_service(
    twilio_client, twilio
):
    verifications = twilio_client.verify.v2.services(SERVICE).verifications

    verifications.create(to=TO, channel="sms")

    assert len(twilio.code_to(TO)) == 8


def test_python_sdk_updates_default_service_with_values_in_force_only(twilio_client):
    verify_service = twilio_client.verify.v2.services(SERVICE)
    with pytest.raises(TwilioRestException) as raised:
        verify_service.update(friendly_name="Shop", custom_code_enabled=False)

    same = verify_service.update(
        friendly_name="Shop", code_length=8, custom_code_enabled=True
    )

    assert (raised.value.status, raised.value.code) == (400, 60217)
    assert "OTP_SERVICE_CUSTOM_CODE" in raised.value.msg
    assert "OTP_SERVICE_NAME" not in raised.value.msg
    assert (same.sid, same.code_length, same.custom_code_enabled) == (SERVICE, 8, True)


# The SDK builds its header with a function that aiohttp deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:twilio")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:aiohttp")
def test_asynchronous_python_sdk_sends_and_checks_code(url, service, twilio):
    async def send_and_check():
        async with AsyncTwilioHttpClient() as http:
            client = Client(ACCOUNT, TOKEN, http_client=http)
            client.verify.base_url = url
            verify_service = client.verify.v2.services(service.sid)
            sent = await verify_service.verifications.create_async(to=TO, channel="sms")
            code = twilio.code_to(TO)
            checks = verify_service.verification_checks
            return sent, await checks.create_async(to=TO, code=code)

    sent, right = asyncio.run(send_and_check())

    assert (sent.status, right.status, right.sid) == ("pending", "approved", sent.sid)


def test_node_sdk_sends_and_checks_code(node, url, service, twilio):
    command = ["node", node / "sdk.js", url, ACCOUNT, TOKEN, service.sid, TO]
    with subprocess.Popen(
        command,
        env=server_process.PATH,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "code?\n"
        process.stdin.write(twilio.code_to(TO) + "\n")
        process.stdin.flush()
        results = json.loads(process.stdout.readline())

    assert results["sent"] == ["pending", False, True]
    assert results["again"] is True
    assert (results["fetched"], results["wrong"]) == ("pending", "pending")
    assert results["right"] == ["approved", True, True]
    gone = [404, 20404, "https://www.twilio.com/docs/errors/20404"]
    assert results["gone"] == gone
    assert results["listed"] >= 4
