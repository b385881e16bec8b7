from __future__ import annotations

import pytest

from otp_engine.config import callback_urls


@pytest.mark.parametrize(
    "url",
    [
        "https://otp.example.com",
        "https://OTP.example.com/codes",
        "https://otp.example.com.:8443",
        "https://8.8.8.8",
        "https://[2606:4700::1111]",
        "https://local.example.com",
        "https://twilio.com.example.com",
        "https://7.example.com",
    ],
)
def test_public_https_url_has_no_problem(url):
    assert callback_urls.find_problem(url) is None


@pytest.mark.parametrize("url", ["http://otp.example.com", "http://localhost:3000"])
def test_http_url_is_not_https(url):
    assert callback_urls.find_problem(url) == "is not https"


@pytest.mark.parametrize(
    "host", ["verify.twilio.com", "Verify.Twilio.com.", "twilio.com", "api.twilio.com"]
)
def test_host_of_twilio_is_a_problem(host):
    problem = callback_urls.find_problem(f"https://{host}/codes")

    assert problem == "has a host of Twilio"


@pytest.mark.parametrize(
    "host",
    [
        "otp",
        "localhost",
        "localhost.",
        "otp_engine.example.com",
        "otp.local",
        "otp.internal",
        "OTP.INTERNAL.",
        "otp.localhost",
        "otp.test",
        "otp.home.arpa",
        "127.0.0.1",
        "127.1",
        "10.0.0.4",
        "169.254.169.254",
        "[::1]",
        "[fd00::1]",
    ],
)
def test_private_host_is_a_problem(host):
    problem = callback_urls.find_problem(f"https://{host}")

    assert problem == "has a host that the internet does not reach"
