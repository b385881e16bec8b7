"""URLs and origins in settings: one form, and no password in a message."""

from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.errors import InvalidSettings
from tests.support.settings import PRODUCTION

URLS = ["OTP_PUBLIC_URL", "OTP_CALLBACK_URL", "TWILIO_API_BASE_URL"]


def problem(**environ):
    with pytest.raises(InvalidSettings) as raised:
        config.load(PRODUCTION | environ)
    (found,) = raised.value.problems
    return found


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("HTTPS://OTP.Example.COM/Otp/", "https://otp.example.com/Otp"),
        ("https://otp.example.com:443", "https://otp.example.com"),
        ("http://otp.example.com:80/", "http://otp.example.com"),
        ("https://otp.example.com:", "https://otp.example.com"),
        ("https://otp.example.com:8443//", "https://otp.example.com:8443"),
        ("https://[2001:DB8:0::1]", "https://[2001:db8::1]"),
        ("http://otp_engine:3000", "http://otp_engine:3000"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_url_has_the_form_of_browsers(value, url):
    assert config.load(PRODUCTION | {"OTP_PUBLIC_URL": value}).public_url == url


def test_url_in_capitals_is_https():
    environ = {"OTP_PUBLIC_URL": "HTTPS://otp.example.com", "OTP_VERIFY_PAGE": "1"}

    warnings = config.load(PRODUCTION | environ).warnings

    assert not any("plain text" in warning for warning in warnings)


@pytest.mark.parametrize("name", URLS)
@pytest.mark.parametrize(
    "value",
    [
        "https://otp.example.com?",
        "https://otp.example.com/#",
        "https://otp.example.com\\evil",
        "https://otp.example.com;x",
        "https://*.example.com",
        "https://${HOST}",
        "https://otp..example.com",
        "https://.",
        "https://-",
        'https://o"tp.example.com',
        "https://%41.example.com",
        "https://otp.example.com:0",
        "https://otp.example.com:99999",
        "https://https://otp.example.com",
        "https://a.example.com,https://b.example.com",
        "https://[::1",
        "https://[::1%25eth0]",
        f"https://{'a' * 64}.example.com",
        "//otp.example.com",
        "https:/otp.example.com",
        "https://otp.example.com/a/../b",
    ],
)
def test_other_url_is_a_problem_in_plain_words(name, value):
    assert problem(**{name: value}).startswith(f"{name} must ")


@pytest.mark.parametrize("name", URLS)
def test_international_host_is_a_problem_with_the_ascii_form(name):
    assert "xn--" in problem(**{name: "https://b\u00fccher.example"})


@pytest.mark.parametrize("name", [*URLS, "HTTPS_PROXY", "OTP_CORS_ORIGINS"])
@pytest.mark.parametrize(
    "value",
    [
        "https://otp:s3cr3t@otp.example.com:0",
        "https://otp:s3cr3t@otp.example.com:99999",
        "https://otp:s3cr3t@[::1",
        "https://otp:s3cr3t\u2100@otp.example.com",
        "https://otp:s3cr3t@a b",
        "ftp://otp:s3cr3t@otp.example.com",
    ],
)
def test_problem_with_a_url_omits_its_password(name, value):
    found = problem(**{name: value})

    assert found.startswith(f"{name} must ")
    assert "s3cr3t" not in found


@pytest.mark.parametrize("value", ["https://", "https://a:99999", "mailto:"])
def test_other_link_is_a_problem_in_plain_words(value):
    assert problem(OTP_HELP_URL=value).startswith("OTP_HELP_URL must be an http, https")


@pytest.mark.parametrize(
    "value",
    [
        "https://A.example.com",
        "https://a.example.com/",
        "https://a.example.com:443",
        "https://a.example.com:0",
        "https://a.example.com:99999",
        "https://a.example.com:",
        "https://.",
        "https://*",
        "*",
        "null",
        "https://a.example.com;https://b.example.com",
        "https://b\u00fccher.example",
        "https://[::g]",
    ],
)
def test_origin_that_no_browser_sends_is_a_problem(value):
    assert "as browsers write them" in problem(OTP_CORS_ORIGINS=value)


@pytest.mark.parametrize(
    "origin", ["https://a.example.com", "https://[2001:db8::1]:8443", "https://a_b"]
)
def test_origin_of_a_browser_is_accepted(origin):
    assert config.load(PRODUCTION | {"OTP_CORS_ORIGINS": origin}).cors_origins == (
        origin,
    )
