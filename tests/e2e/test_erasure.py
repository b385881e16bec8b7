"""The commands of docs/personal-data.md that delete the data of one person."""

from __future__ import annotations

import json
import re

import pytest
import redis as redis_py

from otp_engine.domain.phones import numbers, phone_keys
from tests.support import redis_server, server_process, twilio_server
from tests.upgrade import requests

pytestmark = pytest.mark.e2e
PHONE, OTHER = "+919445010001", "+919445010002"


@pytest.fixture
def deployment(tmp_path):
    """Yield a client of a service, the environment of its commands, and its Redis."""
    with (
        redis_server.redis_on_a_socket(tmp_path) as url,
        redis_py.Redis.from_url(url) as redis,
        twilio_server.running() as twilio,
    ):
        environ = requests.environment(url, twilio)
        environ["OTP_PUBLIC_URL"] = "https://otp.example.com"
        with server_process.running_server("--workers", "1", **environ) as server:
            yield requests.Client(server, twilio), environ, redis


def verify_twice(client, phone):
    """Approve one code of *phone*, fail a check, and leave a code pending."""
    assert client.check(phone, client.send_code(phone)).status == 201
    client.fail(phone, client.send_code(phone), 1)
    client.send(phone, bind=True)
    client.v2(f"Services/VA{'0' * 32}/Verifications", To=phone, Channel="sms")


def keys_of(redis, phone):
    """Return the keys that contain the pseudonym of *phone*."""
    number = numbers.parse(phone, "IN")
    pseudonym = phone_keys.pseudonymize(number, server_process.PEPPER)
    return {key.decode() for key in redis.keys("*") if pseudonym.encode() in key}


def test_deleted_phone_leaves_no_key_and_others_keep_theirs(deployment):
    client, environ, redis = deployment
    for phone in (PHONE, OTHER):
        verify_twice(client, phone)
    code = client.code(PHONE)
    before = {phone: keys_of(redis, phone) for phone in (PHONE, OTHER)}

    result = server_process.run("forget", PHONE, **environ)

    assert result.returncode == 0
    assert len(before[PHONE]) >= 5
    assert keys_of(redis, PHONE) == set()
    assert keys_of(redis, OTHER) == before[OTHER]
    assert client.check(PHONE, code).body["error"] == "verification_not_found"


def test_what_stays_of_a_deleted_phone_expires_as_documented(deployment):
    client, environ, redis = deployment
    verify_twice(client, PHONE)
    server_process.run("forget", PHONE, **environ)
    kept = {key.decode(): redis.ttl(key) / 3600 for key in redis.keys("*")}

    deliveries = {name for name in kept if name.endswith(":deliveries")}
    others = kept.keys() - deliveries

    assert all(0 < kept[name] <= 24 for name in deliveries)
    # Events, and what all phones share.
    assert all(re.match(r"otp:\{(events|shared)\}", name) for name in others)
    assert all(0 < kept[name] <= 31 * 24 for name in others)


def test_events_of_a_deleted_phone_have_no_digits_of_a_person(deployment):
    client, environ, _ = deployment
    verify_twice(client, PHONE)
    server_process.run("forget", PHONE, **environ)

    result = server_process.run("events", "--since", "1d", "--json", **environ)

    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert "phone_data_deleted" in {event["kind"] for event in events}
    assert PHONE[-7:] not in result.stdout
    assert {event.get("prefix") for event in events} <= {"+91944", None}
