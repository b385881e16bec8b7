from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.errors import InvalidSettings

SEED = "cHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHI="


def read(**environ):
    return config.read({"OTP_DEV": "1"} | environ).hosted


def test_in_development_the_page_is_there_and_plain():
    hosted = read()

    assert hosted.verify
    assert (hosted.return_origins, hosted.color, hosted.logo) == ((), None, None)
    assert hosted.proof_keys == ()


def test_the_key_before_a_rotation_stands_behind_the_current_one():
    other = SEED.replace("c", "d", 1)
    hosted = read(OTP_PROOF_KEY=SEED, OTP_PROOF_KEY_PREVIOUS=other)

    assert len(hosted.proof_keys) == 2
    assert hosted.proof_keys[0].startswith(b"proof-")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTP_PROOF_KEY", "short"),
        ("OTP_PROOF_KEY", "c2hvcnQ="),
        ("OTP_PROOF_KEY_PREVIOUS", "short"),
        ("OTP_RETURN_ORIGINS", "app.example.com"),
        ("OTP_RETURN_ORIGINS", "https://app.example.com/back"),
        ("OTP_RETURN_ORIGINS", "https://user@app.example.com"),
        ("OTP_RETURN_ORIGINS", "*"),
        ("OTP_RETURN_ORIGINS", "https://*.example.com"),
        ("OTP_RETURN_ORIGINS", "https://App.example.com"),
        ("OTP_RETURN_ORIGINS", "https://app.example.com:443"),
        ("OTP_RETURN_ORIGINS", "https://a;script-src"),
        ("OTP_CORS_ORIGINS", "*"),
        ("OTP_CORS_ORIGINS", "app.example.com"),
        ("OTP_CORS_ORIGINS", "https://app.example.com/"),
        ("OTP_CORS_ORIGINS", "null"),
        ("OTP_PROOF_KEY_PREVIOUS", SEED),
        ("OTP_COLOR", "red"),
        ("OTP_COLOR", "#fff;}"),
        ("OTP_LOGO", "/nowhere/logo.svg"),
        ("OTP_LOGO", __file__),
    ],
)
def test_what_cannot_be_stops_the_start(name, value):
    environ = {"OTP_PROOF_KEY": SEED} | {name: value}

    with pytest.raises(InvalidSettings, match=name):
        read(**environ)


def test_an_old_key_alone_signs_nothing():
    with pytest.raises(InvalidSettings, match="OTP_PROOF_KEY is not set"):
        read(OTP_PROOF_KEY_PREVIOUS=SEED)


def test_people_are_sent_back_with_a_proof_or_not_at_all():
    with pytest.raises(InvalidSettings, match="OTP_PROOF_KEY is not set"):
        read(OTP_RETURN_ORIGINS="https://app.example.com")


PRODUCTION = {
    "OTP_DEV": "0",
    "REDIS_URL": "redis://redis.internal",
    "OTP_PEPPER": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "OTP_SENDER": "console",
    "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
    "OTP_PROOF_KEY": SEED,
}


def test_outside_of_dev_the_page_is_there_only_if_it_is_asked_for():
    assert not read(**PRODUCTION).verify


def test_outside_of_dev_a_proof_goes_by_https_and_says_who_signed_it():
    origins = {"OTP_RETURN_ORIGINS": "http://app.example.com"}

    with pytest.raises(InvalidSettings) as refusal:
        read(**PRODUCTION | origins)

    assert "OTP_RETURN_ORIGINS must be https outside of dev mode" in str(refusal.value)
    assert "OTP_PUBLIC_URL is not set" in str(refusal.value)


def test_a_page_for_everybody_beside_programs_with_keys_is_warned_of():
    environ = PRODUCTION | {"OTP_VERIFY_PAGE": "1"}

    warnings = " ".join(config.read(environ).warnings)

    assert "OTP_VERIFY_PAGE lets anybody" in warnings
    assert "cookie may travel in plain" in warnings


@pytest.mark.parametrize(
    "url", ["https://a.example.com?b=c", "https://me@a.example.com", "https://a b.com"]
)
def test_a_public_url_is_one_and_no_more(url):
    with pytest.raises(InvalidSettings, match="OTP_PUBLIC_URL"):
        read(OTP_PUBLIC_URL=url)


def test_pages_that_may_call_are_https_outside_of_dev():
    environ = PRODUCTION | {"OTP_CORS_ORIGINS": "http://app.example.com"}

    with pytest.raises(InvalidSettings, match="OTP_CORS_ORIGINS must be https"):
        config.read(environ)
    assert config.read(environ | {"OTP_DEV": "1"}).cors_origins == (
        "http://app.example.com",
    )
