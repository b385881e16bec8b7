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
        ("::ffff:198.51.100.1", "::ffff:198.51.100.1"),
        ("::ffff:198.51.100.1:51000", "::ffff:198.51.100.1"),
        # An IPv6 address with a port and no brackets, where that is not ambiguous.
        ("2001:db8::1:51000", "2001:db8::1"),
        ("2001:db8:1:2:3:4:5:6:4711", "2001:db8:1:2:3:4:5:6"),
        # A zone has a meaning on the proxy only.
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]", "fe80::1"),
        ("[fe80::1%25eth0]:51000", "fe80::1"),
        # The syntax of `Forwarded`.
        (f'"{CLIENT}"', CLIENT),
        (f'"{CLIENT}:51000"', CLIENT),
        ('"[2001:db8::1]:51000"', "2001:db8::1"),
        (f"for={CLIENT}", CLIENT),
        (f"For = {CLIENT}:51000;proto=https;by=10.0.0.1", CLIENT),
        ('for="[2001:db8::1]:51000"; proto=https', "2001:db8::1"),
        # Spaces and tabs.
        (f"\t{CLIENT}:51000 \t", CLIENT),
        (f"192.0.2.1,\t{CLIENT}", CLIENT),
        (f'" {CLIENT} "', CLIENT),
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
        (f"10.0.0.2, {PROXY}", "missing"),
        (f"{CLIENT}", "missing"),
    ],
)
def test_entry_of_outermost_proxy_is_client_address(header, address):
    assert client_address(header, 3) == address


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "missing"),
        (" \t", "missing"),
        (f"{CLIENT},", "missing"),
        (f"{CLIENT}, ", "missing"),
        ('""', "missing"),
        ("for=", "missing"),
        ("unknown", "hidden"),
        ("Unknown", "hidden"),
        ("unknown:51000", "hidden"),
        ("_hidden", "hidden"),
        ("_SEVKISEK:51000", "hidden"),
        ('for="_gazonk"', "hidden"),
        ('"', "malformed"),
        ("2001:db8::1%", "malformed"),
        (f"{CLIENT}:port", "malformed"),
        (f"{CLIENT}:", "malformed"),
        (f"{CLIENT}:123456", "malformed"),
        (f"{CLIENT}:51000:51000", "malformed"),
        (f"{CLIENT}%eth0", "malformed"),
        ("198.51.100.256", "malformed"),
        ("198.51.100", "malformed"),
        ("[198.51.100.1", "malformed"),
        ("[]:51000", "malformed"),
        (":51000", "malformed"),
        ("2001:db8::g", "malformed"),
        (f"{CLIENT} 10.0.0.1", "malformed"),
        (f"by={CLIENT}", "malformed"),
        ("phone.example.com", "malformed"),
        ("\u0661\u0669\u0668.51.100.1", "malformed"),
    ],
)
def test_unreadable_entry_has_a_reason(header, reason):
    assert client_address(header, 1) == reason


def post(client, phone, *, ip, forwarded):
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    return client.post(
        "/auth/send_otp",
        json={"phone": phone},
        headers=headers,
        environ_base={"REMOTE_ADDR": ip},
    )


@pytest.mark.parametrize(
    "forwarded", [None, "", "unknown", "_hidden", "2001:db8::1%", f"{CLIENT}:port"]
)
def test_unreadable_entries_share_one_limit_apart_from_proxy(app_with, forwarded):
    client = app_with(OTP_SENDS_PER_IP="1/10m", OTP_TRUSTED_PROXIES="1").test_client()
    post(client, "9445012345", ip=PROXY, forwarded="not an address")

    same = post(client, "9445067890", ip="10.0.0.2", forwarded=forwarded)
    proxy = post(client, "9445011111", ip=PROXY, forwarded=PROXY)

    assert (same.status_code, proxy.status_code) == (429, 201)


def test_clients_with_ports_have_limits_of_their_own(app_with):
    client = app_with(OTP_SENDS_PER_IP="1/10m", OTP_TRUSTED_PROXIES="1").test_client()
    first = post(client, "9445012345", ip=PROXY, forwarded="203.0.113.3:51234")

    same = post(client, "9445067890", ip=PROXY, forwarded="203.0.113.3:51999")
    other = post(client, "9445011111", ip=PROXY, forwarded="203.0.113.4:51234")

    assert [each.status_code for each in (first, same, other)] == [201, 429, 201]


def test_unreadable_entry_is_logged_once_for_each_reason(new_app, caplog):
    client = new_app(OTP_TRUSTED_PROXIES="1").test_client()
    with caplog.at_level("WARNING", "otp_engine.api.forwarded"):
        for forwarded in ("x 1", "x 2", "unknown", "_hidden", "x 3", "198.51.100.1"):
            post(client, "9445012345", ip=PROXY, forwarded=forwarded)

    reasons = ["malformed", "hidden"]
    assert [record.args for record in caplog.records] == [(each,) for each in reasons]
    assert "x 1" not in caplog.text


def test_requests_that_no_address_counts_are_not_reported(new_app, caplog):
    client = new_app(OTP_TRUSTED_PROXIES="1").test_client()

    with caplog.at_level("WARNING", "otp_engine.api.forwarded"):
        client.get("/healthz")

    assert caplog.records == []


def test_header_of_a_proxy_that_is_not_trusted_is_logged_once(new_app, caplog):
    client = new_app().test_client()

    with caplog.at_level("WARNING", "otp_engine.api.forwarded"):
        for forwarded in (None, "198.51.100.1", "198.51.100.2"):
            post(client, "9445012345", ip=PROXY, forwarded=forwarded)

    (record,) = caplog.records
    assert "OTP_TRUSTED_PROXIES is 0" in record.getMessage()
    assert "198.51.100" not in caplog.text


def test_header_of_a_trusted_proxy_is_not_logged(new_app, caplog):
    client = new_app(OTP_TRUSTED_PROXIES="1").test_client()

    with caplog.at_level("WARNING", "otp_engine.api.forwarded"):
        post(client, "9445012345", ip=PROXY, forwarded="198.51.100.1")

    assert caplog.records == []


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
