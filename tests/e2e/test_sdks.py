"""Twilio's own SDKs, unmodified, against a server that runs: one line is changed."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from tests.support import redis_server, server_process, twilio_server
from tests.support.fakes import different_code

ACCOUNT, TOKEN = f"AC{'a' * 32}", "the-token-of-this-account"
SERVICE = f"VA{'0' * 32}"
TO = "+919445012345"
NODE_SDK = "twilio@6.2.0"


@pytest.fixture(scope="module")
def twilio():
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture(scope="module")
def url(tmp_path_factory, twilio):
    """A server with two workers, and limits that let a test repeat itself."""
    with redis_server.redis_on_a_socket(tmp_path_factory.mktemp("redis")) as redis_url:
        environ = server_process.production(redis_url, twilio.url) | {
            "OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}",
            "OTP_RESEND_COOLDOWN": "0s",
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
    """A service of this test's own."""
    return twilio_client.verify.v2.services.create(friendly_name="Shop")


def test_the_python_sdk_goes_through_a_verification(twilio_client, service, twilio):
    one = twilio_client.verify.v2.services(service.sid)

    sent = one.verifications.create(to=TO, channel="sms")
    again = one.verifications.create(to=TO, channel="sms", locale="es")
    code = twilio.code_to(TO)
    wrong = one.verification_checks.create(to=TO, code=different_code(code))
    fetched = one.verifications(sent.sid).fetch()
    right = one.verification_checks.create(verification_sid=sent.sid, code=code)

    assert isinstance(sent.date_created, datetime)
    assert (sent.status, sent.valid, sent.to) == ("pending", False, TO)
    assert again.sid == sent.sid == fetched.sid == right.sid
    assert len(fetched.send_code_attempts) == 2
    assert (wrong.status, wrong.valid) == ("pending", False)
    assert (right.status, right.valid) == ("approved", True)


def test_the_python_sdk_raises_what_twilio_would(twilio_client, service):
    with pytest.raises(TwilioRestException) as refusal:
        twilio_client.verify.v2.services(service.sid).verification_checks.create(
            to=TO, code="123456"
        )

    path = f"/v2/Services/{service.sid}/VerificationCheck"
    assert (refusal.value.status, refusal.value.code) == (404, 20404)
    assert f"The requested resource {path} was not found" in refusal.value.msg


def test_the_python_sdk_walks_through_pages(twilio_client):
    names = [f"Page {n}" for n in range(5)]
    for name in names:
        twilio_client.verify.v2.services.create(friendly_name=name)

    walked = [
        one.friendly_name for one in twilio_client.verify.v2.services.list(page_size=2)
    ]

    assert set(names) < set(walked)


def test_the_python_sdk_closes_a_verification(twilio_client, service):
    verifications = twilio_client.verify.v2.services(service.sid).verifications
    sent = verifications.create(to=TO, channel="sms")

    closed = twilio_client.verify.v2.services(service.sid).verifications(sent.sid)

    assert closed.update(status="canceled").status == "canceled"
    assert closed.fetch().status == "canceled"


def test_the_python_sdk_limits_sends_by_what_it_likes(twilio_client, service):
    one = twilio_client.verify.v2.services(service.sid)
    limit = one.rate_limits.create(unique_name="ip")
    one.rate_limits(limit.sid).buckets.create(max=1, interval=60)
    one.verifications.create(to=TO, channel="sms", rate_limits={"ip": "192.0.2.1"})

    with pytest.raises(TwilioRestException) as refusal:
        one.verifications.create(to=TO, channel="sms", rate_limits={"ip": "192.0.2.1"})

    assert (refusal.value.status, refusal.value.code) == (429, 20429)


def test_the_python_sdk_changes_and_deletes_a_service(twilio_client, service):
    one = twilio_client.verify.v2.services(service.sid)

    assert one.update(code_length=8).code_length == 8
    assert one.fetch().friendly_name == "Shop"
    assert one.delete()


# The SDK builds its header with something that aiohttp has deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:twilio")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:aiohttp")
def test_the_asynchronous_sdk_goes_through_a_verification(url, service, twilio):
    async def live():
        async with AsyncTwilioHttpClient() as http:
            client = Client(ACCOUNT, TOKEN, http_client=http)
            client.verify.base_url = url
            one = client.verify.v2.services(service.sid)
            sent = await one.verifications.create_async(to=TO, channel="sms")
            code = twilio.code_to(TO)
            checks = one.verification_checks
            return sent, await checks.create_async(to=TO, code=code)

    sent, right = asyncio.run(live())

    assert (sent.status, right.status, right.sid) == ("pending", "approved", sent.sid)


@pytest.fixture(scope="module")
def node(pytestconfig):
    """Where Twilio's SDK for Node is, which the first run fetches."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("there is no Node here")
    folder = pytestconfig.cache.mkdir("node")
    if not (folder / "node_modules" / "twilio").exists():
        words = ["npm", "install", "--no-audit", "--no-fund", "--prefix", folder]
        fetched = subprocess.run([*words, NODE_SDK], capture_output=True, check=False)
        if fetched.returncode:
            pytest.skip("npm could not fetch Twilio's SDK")
    return folder / "node_modules"


def test_the_node_sdk_goes_through_a_verification(node, url, service, twilio):
    script = Path(__file__).with_name("sdk.js")
    words = ["node", script, url, ACCOUNT, TOKEN, service.sid, TO]
    with subprocess.Popen(
        words,
        env=server_process.PATH | {"NODE_PATH": str(node)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "code?\n"
        process.stdin.write(twilio.code_to(TO) + "\n")
        process.stdin.flush()
        said = json.loads(process.stdout.readline())

    assert said["sent"] == ["pending", False, True]
    assert said["again"] is True
    assert (said["fetched"], said["wrong"]) == ("pending", "pending")
    assert said["right"] == ["approved", True, True]
    gone = [404, 20404, "https://www.twilio.com/docs/errors/20404"]
    assert said["gone"] == gone
    assert said["listed"] >= 4
