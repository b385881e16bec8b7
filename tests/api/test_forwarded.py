from __future__ import annotations

import pytest

from otp_engine.api.forwarded import client_address

PROXY = "10.0.0.1"
CLIENT = "198.51.100.1"


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (CLIENT, CLIENT),
        (f"192.0.2.1, {CLIENT}", CLIENT),
        (f"192.0.2.1,{CLIENT}", CLIENT),
        (f"{CLIENT}:51000", CLIENT),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:51000", "2001:db8::1"),
        ("[::ffff:198.51.100.1]:51000", "::ffff:198.51.100.1"),
        # Entries before that of the proxy are not parsed.
        (f'", {CLIENT}', CLIENT),
        (f'"192.0.2.1, {CLIENT}', CLIENT),
        (f'2001:db8:1:2::1%", {CLIENT}', CLIENT),
        (f"\\, {CLIENT}", CLIENT),
        (f",,, {CLIENT}", CLIENT),
    ],
)
def test_last_entry_is_client_address(header, address):
    assert client_address(header, 1) == address


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (f"{CLIENT}, 10.0.0.2, {PROXY}", CLIENT),
        (f'", {CLIENT}, 10.0.0.2, {PROXY}', CLIENT),
        (f"10.0.0.2, {PROXY}", "unknown"),
        (f"{CLIENT}", "unknown"),
    ],
)
def test_entry_of_outermost_proxy_is_client_address(header, address):
    assert client_address(header, 3) == address


@pytest.mark.parametrize("header", ["", " ", f"{CLIENT},", f"{CLIENT}, "])
def test_missing_or_empty_entry_is_unknown(header):
    assert client_address(header, 1) == "unknown"


def post(client, phone, *, ip, forwarded):
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    return client.post(
        "/auth/send_otp",
        json={"phone": phone},
        headers=headers,
        environ_base={"REMOTE_ADDR": ip},
    )


@pytest.mark.parametrize(
    "forwarded",
    [
        None,
        "",
        '"',
        '"198.51.100.1"',
        "unknown",
        "_hidden",
        "2001:db8::1%",
        "fe80::1%eth0",
        "198.51.100.1:port",
        "198.51.100.1:123456",
        "[198.51.100.1",
        "2001:db8::g",
        "198.51.100.1 10.0.0.1",
    ],
)
def test_malformed_entries_share_one_limit_apart_from_proxy(app_with, forwarded):
    client = app_with(OTP_SENDS_PER_IP="1/10m", OTP_TRUSTED_PROXIES="1").test_client()
    post(client, "9445012345", ip=PROXY, forwarded="not an address")

    same = post(client, "9445067890", ip="10.0.0.2", forwarded=forwarded)
    proxy = post(client, "9445011111", ip=PROXY, forwarded=PROXY)

    assert (same.status_code, proxy.status_code) == (429, 201)


@pytest.mark.parametrize("prefix", ['"', '"203.0.113.9', "2001:db8:9::1%", "\\"])
def test_entries_of_client_do_not_change_its_limit(app_with, prefix):
    client = app_with(OTP_SENDS_PER_IP="1/10m", OTP_TRUSTED_PROXIES="1").test_client()
    post(client, "9445012345", ip=PROXY, forwarded=CLIENT)

    again = post(client, "9445067890", ip=PROXY, forwarded=f"{prefix}, {CLIENT}")

    assert again.status_code == 429


@pytest.mark.parametrize(
    "forwarded",
    ["198.51.100.1", "198.51.100.1:51000", "::ffff:198.51.100.1", "2001:db8:1:2::9"],
)
def test_forms_of_one_address_share_a_limit(app_with, forwarded):
    client = app_with(OTP_SENDS_PER_IP="2/10m", OTP_TRUSTED_PROXIES="1").test_client()
    post(client, "9445012345", ip=PROXY, forwarded=CLIENT)
    post(client, "9445067890", ip=PROXY, forwarded="[2001:db8:1:2::1]:443")

    post(client, "9445011111", ip=PROXY, forwarded=forwarded)
    again = post(client, "9445022222", ip=PROXY, forwarded=forwarded)

    assert again.status_code == 429
