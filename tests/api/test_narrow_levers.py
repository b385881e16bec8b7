"""Limits, switches and blocks of a part of the requests, through every API."""

from __future__ import annotations

import pytest

from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion
from tests.support import redis_server
from tests.support.verify_client import ACCOUNT, SERVICE, TOKEN, Verify
from tests.support.verify_page import Person

PHONE, OTHER = "+919445012345", "+919445067890"
KEY = "shop-secret-0123456789abcdef"
KEYS = {"OTP_API_KEYS": f"shop:{KEY}"}
FRAUD = (
    "The destination phone number has been temporarily blocked by Twilio due to"
    " fraudulent activities."
)
GEO = "The destination phone number has been blocked by Verify Geo-Permissions."
BEARER = {"Authorization": f"Bearer {KEY}"}


def send(client, phone=PHONE, headers=None, **fields):
    body = {"phone": phone, **fields}
    return client.post("/auth/send_otp", json=body, headers=headers)


@pytest.mark.parametrize(
    ("sending", "status", "error"),
    [
        ("off, SN=on", 503, "unavailable"),
        ("on, IN=off", 403, "country_not_allowed"),
        ("on, +919445=off", 403, "prefix_not_allowed"),
        ("on, channel:sms=off", 403, "channel_not_allowed"),
        ("on, key:shop=off", 403, "key_not_allowed"),
    ],
)
def test_send_that_is_off_gets_its_error(app_with, sending, status, error):
    client = app_with(OTP_SENDING=sending, **KEYS).test_client()

    response = send(client, headers=BEARER)

    assert (response.status_code, response.json["error"]) == (status, error)


@pytest.mark.parametrize(
    ("sending", "error"),
    [
        (
            "on, IN=off",
            (
                403,
                60605,
                GEO + " IN is blocked for sms channel for all services",
            ),
        ),
        (
            "on, +919445=off",
            (
                403,
                60410,
                FRAUD + " +919445 prefix is blocked for the SMS channel",
            ),
        ),
        ("on, channel:sms=off", (400, 60223, "Delivery channel disabled: SMS")),
        (f"on, key:{ACCOUNT}=off", (403, 20006, "Access denied")),
        ("off, SN=on", (503, 20503, "Service unavailable")),
    ],
)
def test_send_through_v2_that_is_off_gets_the_error_of_verify(app_with, sending, error):
    app = app_with(OTP_SENDING=sending, OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}")

    assert Verify(app.test_client()).send(PHONE).error == error


@pytest.mark.parametrize(
    ("environ", "notice"),
    [
        ({"OTP_SENDING": "on, IN=off"}, "Numbers of this country cannot be"),
        ({"OTP_SENDING": "on, +919445=off"}, "Numbers of this range cannot be"),
        ({"OTP_SENDING": "on, channel:sms=off"}, "Codes are not sent this way"),
        ({"OTP_BLOCKED_NETWORKS": "127.0.0.0/8"}, "Codes cannot be requested from"),
        ({"OTP_SENDS_PER_PREFIX": "+919445=1/1h"}, "Too many requests"),
        ({"OTP_SENDS_PER_NETWORK": "127.0.0.0/8=1/1h"}, "Too many requests"),
    ],
)
def test_page_shows_why_no_code_is_sent(app_with, outbox, environ, notice):
    app = app_with(**environ)
    send(app.test_client(), OTHER)
    person = Person(app.test_client())

    person.submit("number", phone=PHONE)

    assert notice in person.notice
    assert person.step == "number"


def test_blocked_client_gets_403_for_sends_and_checks(app_with, outbox):
    send(app_with().test_client())
    client = app_with(OTP_BLOCKED_NETWORKS="127.0.0.0/8").test_client()
    body = {"phone": PHONE, "otp": outbox.code}

    responses = [send(client), client.post("/auth/verify_otp", json=body)]

    assert [
        (response.status_code, response.json["error"]) for response in responses
    ] == [(403, "network_not_allowed")] * 2
    assert client.get("/healthz").status_code == 200


def test_stated_client_ip_of_a_key_is_blocked(app_with):
    client = app_with(OTP_BLOCKED_NETWORKS="203.0.113.0/24", **KEYS).test_client()

    blocked = send(client, headers=BEARER, client_ip="203.0.113.7")

    assert blocked.status_code == 403
    assert send(client, headers=BEARER, client_ip="198.51.100.7").status_code == 201
    assert send(client, headers=BEARER).status_code == 201


def test_blocked_device_gets_403_through_v2(app_with, outbox):
    environ = {"OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}"}
    app = app_with(OTP_BLOCKED_NETWORKS="203.0.113.0/24", **environ)
    verify = Verify(app.test_client())

    blocked = verify.send(PHONE, DeviceIp="203.0.113.7")

    assert blocked.error == (403, 20006, "Access denied")
    assert verify.send(PHONE, DeviceIp="198.51.100.7").status == 201
    assert verify.get(f"/v2/Services/{SERVICE}").status == 200


@pytest.mark.parametrize(
    ("name", "limit", "policy"),
    [
        ("sends_per_country", "9/1h, IN=1/1h", '"sends_per_country 1/1h";q=1;w=3600'),
        ("sends_per_prefix", "+919445=1/1h", '"sends_per_prefix 1/1h";q=1;w=3600'),
        ("sends_per_channel", "9/1h, sms=1/1h", '"sends_per_channel 1/1h";q=1;w=3600'),
        (
            "sends_per_network",
            "203.0.113.0/24=1/1h",
            '"sends_per_network 1/1h";q=1;w=3600',
        ),
        ("sends_per_key", "9/1h, shop=1/1h", '"sends_per_key 1/1h";q=1;w=3600'),
    ],
)
def test_429_of_a_limit_by_name_has_the_limit_of_that_name(
    app_with, name, limit, policy
):
    app = app_with(**{f"OTP_{name.upper()}": limit}, **KEYS)
    client = app.test_client()
    accepted = send(client, OTHER, headers=BEARER, client_ip="203.0.113.8")

    response = send(client, headers=BEARER, client_ip="203.0.113.7")

    assert policy in accepted.headers["RateLimit-Policy"]
    assert (response.status_code, response.json["limit"]) == (429, name)
    assert response.headers["RateLimit-Policy"] == policy


def test_limit_of_a_prefix_counts_sends_of_every_api(app_with, outbox):
    app = app_with(
        OTP_SENDS_PER_PREFIX="+919445=2/1h",
        OTP_API_KEYS=f"{ACCOUNT}:{TOKEN},shop:{KEY}",
        OTP_VERIFY_PAGE="1",
    )
    Person(app.test_client()).submit("number", phone="+919445011111")
    send(app.test_client(), OTHER, headers=BEARER)

    third = Verify(app.test_client()).send(PHONE)

    assert third.error == (429, 20429, "Too many requests")
    assert len(outbox.messages) == 2


def test_country_that_is_allowed_live_is_served_and_counted(new_app, store):
    app = new_app(OTP_ALLOWED_COUNTRIES="IN")
    client = app.test_client()
    before = send(client, "+221771234567").status_code
    versions = SignedPolicyVersions(
        store.policy_versions, app.extensions["otp_engine"].peppers
    )
    number, at = versions.following(app.extensions["otp_engine"].utcnow())
    versions.add(
        PolicyVersion(
            version=number,
            created_at=at,
            author="alice",
            values={"allowed_countries": "DE, SN"},
        )
    )

    engines = app.extensions["otp_engine"].current_engines
    redis_server.wait_until(
        lambda: engines().production.policy.allowed_countries == {"DE", "SN"}
    )

    assert (before, send(client, "+221771234567").status_code) == (403, 201)
    assert send(client).status_code == 403
    metrics = client.get("/metrics").text
    assert 'otp_approvals_total{channel="sms",country="SN"} 0.0' in metrics.replace(
        'country="SN",channel="sms"', 'channel="sms",country="SN"'
    )
    assert "+49" in Person(app.test_client()).text
