"""Authentication of clients, and the client IP that limits count."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from otp_engine.api.authentication import ApiKeyAuthenticator
from otp_engine.crypto import api_keys
from otp_engine.errors import DeliveryUnconfirmed
from tests.support.fakes import different_code
from tests.support.time_travel import age

PHONE = {"phone": "9445012345"}
KEYS = "shop:shop-secret-0123456789,bank:bank-secret-0123456789"


@pytest.fixture
def client_with_keys(app_with):
    return app_with(OTP_API_KEYS=KEYS, OTP_SENDS_PER_IP="1/10m").test_client()


def send(client, *, key=None, phone="9445012345", ip="203.0.113.7", **options):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    headers |= options.pop("headers", {})
    return client.post(
        "/auth/send_otp",
        json={"phone": phone} | options,
        headers=headers,
        environ_base={"REMOTE_ADDR": ip},
    )


def test_failed_authentication_is_limited_by_ip(app_with):
    client = app_with(
        OTP_API_KEYS=KEYS, OTP_AUTH_FAILURES_PER_IP="2/1m", OTP_SENDS_PER_IP="off"
    ).test_client()

    statuses = [send(client, key=f"wrong-{n}").status_code for n in range(4)]

    assert statuses == [401, 401, 429, 429]
    assert send(client, key="wrong", ip="203.0.113.8").status_code == 401


def test_valid_key_is_accepted_after_limit_of_failures(app_with):
    client = app_with(
        OTP_API_KEYS=KEYS, OTP_AUTH_FAILURES_PER_IP="1/1m", OTP_SENDS_PER_IP="off"
    ).test_client()
    for _ in range(3):
        send(client, key="wrong")

    assert send(client, key="shop-secret-0123456789").status_code == 201


def test_missing_key_is_not_counted_as_failure(app_with):
    client = app_with(OTP_API_KEYS=KEYS, OTP_AUTH_FAILURES_PER_IP="1/1m").test_client()

    assert [send(client).status_code for _ in range(3)] == [401, 401, 401]


def test_send_over_limit_of_key_is_429_with_its_policy(app_with):
    client = app_with(
        OTP_API_KEYS=KEYS, OTP_SENDS_PER_KEY="9/1h; shop=1/1h"
    ).test_client()
    assert send(client, key="shop-secret-0123456789").status_code == 201

    rejected = send(client, key="shop-secret-0123456789", phone="9445067890")

    assert rejected.status_code == 429
    assert rejected.headers["RateLimit-Policy"] == ('"sends_per_key 1/1h";q=1;w=3600')
    assert send(client, key="bank-secret-0123456789").status_code == 201


@pytest.mark.parametrize("key", ["shop-secret-0123456789", "bank-secret-0123456789"])
def test_each_configured_key_is_accepted(client_with_keys, key):
    assert send(client_with_keys, key=key).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer shop-secret-012345678"},
        {"Authorization": "Bearer shop-secret-0123456789x"},
        {"Authorization": "Bearer \u00e9"},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic c2hvcDp3cm9uZw=="},
        {"Authorization": "Digest username=shop"},
        {"Authorization": "shop-secret-0123456789"},
    ],
    ids=ascii,
)
@pytest.mark.parametrize("path", ["/auth/send_otp", "/auth/verify_otp"])
def test_missing_or_wrong_key_is_401(client_with_keys, outbox, path, headers):
    response = client_with_keys.post(path, json=PHONE, headers=headers)

    assert (response.status_code, response.json["error"]) == (401, "unauthorized")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert outbox.messages == []


def test_basic_credentials_are_accepted(client_with_keys):
    response = client_with_keys.post(
        "/auth/send_otp", json=PHONE, auth=("shop", "shop-secret-0123456789")
    )

    assert response.status_code == 201


def test_secret_with_other_name_is_401(client_with_keys):
    response = client_with_keys.post(
        "/auth/send_otp", json=PHONE, auth=("bank", "shop-secret-0123456789")
    )

    assert response.status_code == 401


def test_secret_of_hashed_key_is_accepted(app_with):
    secret = api_keys.generate()
    client = app_with(OTP_API_KEYS=api_keys.env_entry("shop", secret)).test_client()

    assert send(client, key=secret).status_code == 201


def test_hash_of_key_is_401(app_with):
    entry = api_keys.env_entry("shop", api_keys.generate())
    client = app_with(OTP_API_KEYS=entry).test_client()

    for value in (entry, entry.partition(":")[2], entry.rpartition(":")[2]):
        assert send(client, key=value).status_code == 401


def test_both_keys_of_client_are_accepted_during_rotation(app_with):
    old, new = api_keys.generate(), api_keys.generate()
    entries = ",".join(api_keys.env_entry("shop", secret) for secret in (old, new))
    client = app_with(OTP_API_KEYS=entries).test_client()

    statuses = [
        send(client, key=secret, phone=f"944501234{n}").status_code
        for n, secret in enumerate((old, new))
    ]

    assert statuses == [201, 201]


def test_repr_of_key_contains_no_secret():
    key = api_keys.parse("shop", "hush")

    assert "hush" not in repr(key)
    assert key.digest.hex()[:8] not in repr(key)


def test_missing_key_is_401_before_body_is_parsed(client_with_keys):
    response = client_with_keys.post(
        "/auth/send_otp", data=b"x", content_type="text/plain"
    )

    assert response.status_code == 401


def test_anonymous_client_is_limited_by_address_of_connection(app_with):
    client = app_with(OTP_SENDS_PER_IP="1/10m").test_client()
    send(client)

    rejected = send(client, phone="9445067890", client_ip="198.51.100.1")

    assert rejected.status_code == 429
    assert send(client, phone="9445067890", ip="203.0.113.8").status_code == 201


def test_ipv6_network_of_64_bits_has_one_limit(app_with):
    client = app_with(OTP_SENDS_PER_IP="1/10m").test_client()
    send(client, ip="2001:db8::1")

    assert send(client, phone="9445067890", ip="2001:db8::2").status_code == 429


def test_authenticated_client_is_limited_by_stated_client_ip(client_with_keys):
    key = "shop-secret-0123456789"
    send(client_with_keys, key=key, client_ip="198.51.100.1")

    rejected = send(
        client_with_keys, key=key, phone="9445067890", client_ip="198.51.100.1"
    )

    assert rejected.status_code == 429
    other = send(
        client_with_keys, key=key, phone="9445067890", client_ip="198.51.100.2"
    )
    assert other.status_code == 201


def test_authenticated_client_without_client_ip_has_no_ip_limit(client_with_keys):
    key = "shop-secret-0123456789"
    send(client_with_keys, key=key)

    assert send(client_with_keys, key=key, phone="9445067890").status_code == 201


@pytest.mark.parametrize("client_ip", ["", "nonsense", "203.0.113.7:80", 7])
def test_invalid_client_ip_is_400(client_with_keys, client_ip):
    response = send(client_with_keys, key="shop-secret-0123456789", client_ip=client_ip)

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "counted"),
    [
        ("0", "198.51.100.1", False),
        ("1", "198.51.100.1", True),
        ("1", "203.0.113.99, 198.51.100.1", True),
        ("1", "198.51.100.1, 203.0.113.99", False),
        ("2", "198.51.100.1, 10.0.0.1", True),
    ],
)
def test_client_ip_is_entry_of_outermost_trusted_proxy(
    app_with, proxies, forwarded, counted
):
    client = app_with(
        OTP_SENDS_PER_IP="1/10m", OTP_TRUSTED_PROXIES=proxies
    ).test_client()
    send(client, ip="10.0.0.1", headers={"X-Forwarded-For": "198.51.100.1, 10.0.0.1"})
    send(client, ip="10.0.0.9", headers={"X-Forwarded-For": "198.51.100.1"})

    response = send(
        client,
        phone="9445067890",
        ip="10.0.0.2",
        headers={"X-Forwarded-For": forwarded},
    )

    assert (response.status_code == 429) == counted


@pytest.mark.parametrize("ip", ["", "unix:", "garbage"])
def test_connections_without_address_share_one_limit(app_with, ip):
    client = app_with(OTP_SENDS_PER_IP="1/10m").test_client()
    send(client, ip=ip)

    assert send(client, phone="9445067890", ip=ip).status_code == 429


def test_client_is_anonymous_without_configured_keys():
    with Flask("test").test_request_context() as context:
        assert ApiKeyAuthenticator([]).authenticate(context.request).name is None


@pytest.mark.parametrize(
    "secret", ["a=b", "with:colons:", "!#$%&'()*+-./;<=>?@[]^_{|}~"]
)
def test_secret_of_visible_ascii_is_accepted(app_with, secret):
    client = app_with(OTP_API_KEYS=f"shop:{secret}").test_client()

    assert send(client, key=secret).status_code == 201


LIMITED = {
    "OTP_API_KEYS": KEYS,
    "OTP_SENDS_PER_PHONE": "2/10m, 3/1h",
    "OTP_SENDS_PER_IP": "5/10m shadow",
    "OTP_SENDS_TOTAL": "off",
}


def test_authenticated_send_returns_usage_of_limits(app_with):
    client = app_with(**LIMITED).test_client()
    send(client, key="shop-secret-0123456789")

    headers = send(client, key="shop-secret-0123456789").headers

    assert headers["RateLimit-Policy"] == (
        '"sends_per_phone 2/10m";q=2;w=600, "sends_per_phone 3/1h";q=3;w=3600'
    )
    # Less than 600 s on a machine that took seconds for the second send.
    assert headers["RateLimit"] in {
        f'"sends_per_phone 2/10m";r=0;t={seconds}, "sends_per_phone 3/1h";r=1'
        for seconds in range(541, 601)
    }


def test_authenticated_refusal_returns_limit_and_exact_wait(app_with, redis):
    client = app_with(**LIMITED).test_client()
    for _ in range(2):
        send(client, key="shop-secret-0123456789")
    age(redis, timedelta(seconds=33))

    response = send(client, key="shop-secret-0123456789")

    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) in range(541, 568)
    assert "sends_per_phone 2/10m" in response.headers["RateLimit-Policy"]


@pytest.mark.parametrize(
    ("environ", "limit", "policy"),
    [
        (
            {"OTP_RESEND_COOLDOWN": "30s"},
            "resend_cooldown",
            '"resend_cooldown 1/30s";q=1;w=30',
        ),
        (
            {"OTP_SENDS_PER_PHONE": "1/1h"},
            "sends_per_phone",
            '"sends_per_phone 1/1h";q=1;w=3600',
        ),
        (
            {"OTP_SENDS_PER_KEY": "1/1h"},
            "sends_per_key",
            '"sends_per_key 1/1h";q=1;w=3600',
        ),
        (
            {"OTP_SENDS_TOTAL": "1/1h"},
            "sends_total",
            '"sends_total 1/1h";q=1;w=3600',
        ),
        # A verification has no period.
        ({"OTP_MAX_SENDS": "1"}, "max_sends", None),
    ],
)
def test_refused_send_with_key_names_its_limit(app_with, environ, limit, policy):
    client = app_with(OTP_API_KEYS=KEYS, **environ).test_client()
    send(client, key="shop-secret-0123456789")

    response = send(client, key="shop-secret-0123456789")

    assert response.status_code == 429
    assert list(response.json) == ["msg", "error", "limit"]
    assert (response.json["error"], response.json["limit"]) == ("rate_limited", limit)
    assert response.headers.get("RateLimit-Policy") == policy


@pytest.mark.parametrize(
    ("environ", "error", "limit"),
    [
        ({"OTP_MAX_CHECKS": "1"}, "too_many_attempts", "max_checks"),
        ({"OTP_CHECKS_PER_KEY": "1/1h"}, "rate_limited", "checks_per_key"),
        (
            {"OTP_FAILED_CHECKS_PER_PHONE": "1/1h"},
            "rate_limited",
            "failed_checks_per_phone",
        ),
        (
            {"OTP_MAX_CONSECUTIVE_FAILURES": "1"},
            "rate_limited",
            "max_consecutive_failures",
        ),
    ],
)
def test_refused_check_with_key_names_its_limit(
    app_with, outbox, environ, error, limit
):
    client = app_with(OTP_API_KEYS=KEYS, **environ).test_client()
    bearer = {"Authorization": "Bearer shop-secret-0123456789"}
    send(client, key="shop-secret-0123456789")
    body = PHONE | {"otp": different_code(outbox.code)}
    client.post("/auth/verify_otp", json=body, headers=bearer)

    response = client.post("/auth/verify_otp", json=body, headers=bearer)

    assert (response.status_code, response.json["error"]) == (429, error)
    assert response.json["limit"] == limit


def test_refusal_of_anonymous_client_names_no_limit(app_with, outbox):
    client = app_with(OTP_SENDS_PER_PHONE="1/1h", OTP_MAX_CHECKS="1").test_client()
    client.post("/auth/send_otp", json=PHONE)
    body = PHONE | {"otp": different_code(outbox.code)}
    client.post("/auth/verify_otp", json=body)

    responses = [
        client.post("/auth/send_otp", json=PHONE),
        client.post("/auth/verify_otp", json=body),
    ]

    for response in responses:
        assert response.status_code == 429
        assert list(response.json) == ["msg", "error"]
        assert "RateLimit-Policy" not in response.headers


def test_refusal_of_wrong_key_names_no_limit(app_with):
    client = app_with(OTP_API_KEYS=KEYS, OTP_AUTH_FAILURES_PER_IP="1/1m").test_client()
    send(client, key="wrong")

    response = send(client, key="wrong")

    assert response.status_code == 429
    assert list(response.json) == ["msg", "error"]


def test_send_without_limits_has_no_rate_limit_headers(app_with):
    unlimited = LIMITED | {"OTP_SENDS_PER_PHONE": "off"}
    client = app_with(**unlimited).test_client()

    headers = send(
        client, key="shop-secret-0123456789", client_ip="203.0.113.9"
    ).headers

    assert "RateLimit" not in headers
    assert "RateLimit-Policy" not in headers


@pytest.mark.parametrize(
    ("cooldown", "age_seconds", "expected"),
    [("10s", 3, "10"), ("45s", 3, "50"), ("10m", 33, "600"), ("2h", 33, "7200")],
)
def test_anonymous_refusal_has_rounded_wait_and_no_limit(
    app_with, redis, cooldown, age_seconds, expected
):
    client = app_with(OTP_RESEND_COOLDOWN=cooldown, OTP_TTL="24h").test_client()
    send(client)
    age(redis, timedelta(seconds=age_seconds))

    response = send(client)

    assert response.status_code == 429
    assert response.headers["Retry-After"] == expected
    assert not {"RateLimit", "RateLimit-Policy"} & set(response.headers.keys())


def test_anonymous_send_has_no_rate_limit_headers(app_with):
    headers = send(app_with().test_client()).headers

    assert not {"RateLimit", "RateLimit-Policy"} & set(headers.keys())


@pytest.mark.parametrize(
    ("key", "expected"),
    [(None, [600]), ("shop-secret-0123456789", range(541, 568))],
)
def test_resend_header_is_rounded_for_anonymous_client_only(
    app_with, redis, key, expected
):
    limits = {"OTP_SENDS_PER_PHONE": "2/10m"}
    keyed = {"OTP_API_KEYS": KEYS} if key else {}
    client = app_with(**limits, **keyed).test_client()
    send(client, key=key)
    age(redis, timedelta(seconds=33))

    response = send(client, key=key)

    assert response.status_code == 201
    assert int(response.headers["OTP-Resend-After"]) in expected
    assert response.headers["OTP-Expires-In"] == "600"


@pytest.mark.parametrize(
    ("age_seconds", "rounded", "exact"),
    [(33, "540", range(541, 568)), (555, "40", range(41, 46))],
)
@pytest.mark.parametrize("key", [None, "shop-secret-0123456789"])
def test_expiry_header_is_rounded_for_anonymous_client_only(
    app_with, redis, outbox, key, age_seconds, rounded, exact
):
    keyed = {"OTP_API_KEYS": KEYS} if key else {}
    client = app_with(**keyed).test_client()
    send(client, key=key)
    age(redis, timedelta(seconds=age_seconds))

    response = client.post(
        "/auth/verify_otp",
        json=PHONE | {"otp": different_code(outbox.code)},
        headers={"Authorization": f"Bearer {key}"} if key else {},
    )

    expires_in = response.headers["OTP-Expires-In"]
    assert int(expires_in) in exact if key else expires_in == rounded


def test_unconfirmed_send_has_rounded_resend_header(app_with, redis, outbox):
    client = app_with(OTP_SENDS_PER_PHONE="2/10m").test_client()
    send(client)
    age(redis, timedelta(seconds=33))
    outbox.error = DeliveryUnconfirmed()

    response = send(client)

    assert response.status_code == 504
    assert response.headers["OTP-Resend-After"] == "600"
