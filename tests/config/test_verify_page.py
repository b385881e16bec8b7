from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.errors import InvalidSettings

SEED = "cHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHI="


def load(**environ):
    return config.load({"OTP_DEV": "1"} | environ).verify_page


def test_dev_mode_enables_page_with_default_look():
    page = load()

    assert page.enabled
    assert (page.return_origins, page.color, page.logo) == ((), None, None)
    assert page.proof_keys == ()


def test_rotation_keeps_new_proof_key_before_previous_one():
    other = SEED.replace("c", "d", 1)
    page = load(OTP_PROOF_KEY=SEED, OTP_PROOF_KEY_PREVIOUS=other)

    assert len(page.proof_keys) == 2
    assert page.proof_keys[0].startswith(b"proof-")


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
        ("OTP_TERMS_URL", "example.com/terms"),
        ("OTP_TERMS_URL", "javascript:alert(1)"),
        ("OTP_PRIVACY_URL", "ftp://example.com/"),
        ("OTP_PRIVACY_URL", "https://"),
        ("OTP_HELP_URL", "mailto:help"),
        ("OTP_HELP_URL", "https://example.com/a b"),
    ],
)
def test_invalid_value_is_rejected(name, value):
    environ = {"OTP_PROOF_KEY": SEED} | {name: value}

    with pytest.raises(InvalidSettings, match=name):
        load(**environ)


def test_previous_proof_key_without_current_one_is_rejected():
    with pytest.raises(InvalidSettings, match="OTP_PROOF_KEY is not set"):
        load(OTP_PROOF_KEY_PREVIOUS=SEED)


def test_return_origins_require_proof_key():
    with pytest.raises(InvalidSettings, match="OTP_PROOF_KEY is not set"):
        load(OTP_RETURN_ORIGINS="https://app.example.com")


PRODUCTION = {
    "OTP_DEV": "0",
    "REDIS_URL": "redis://redis.internal",
    "OTP_PEPPER": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "OTP_SENDER": "console",
    "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
    "OTP_PROOF_KEY": SEED,
}


def test_production_disables_page_by_default():
    assert not load(**PRODUCTION).enabled


def test_return_origins_in_production_require_https_and_public_url():
    origins = {"OTP_RETURN_ORIGINS": "http://app.example.com"}

    with pytest.raises(InvalidSettings) as error:
        load(**PRODUCTION | origins)

    assert "OTP_RETURN_ORIGINS must be https outside of dev mode" in str(error.value)
    assert "OTP_PUBLIC_URL is not set" in str(error.value)


def test_page_in_production_with_api_keys_is_warned_of():
    environ = PRODUCTION | {"OTP_VERIFY_PAGE": "1"}

    warnings = " ".join(config.load(environ).warnings)

    assert "OTP_VERIFY_PAGE lets every visitor" in warnings
    assert "cookie in plain text" in warnings


@pytest.mark.parametrize(
    "url", ["https://a.example.com?b=c", "https://me@a.example.com", "https://a b.com"]
)
def test_public_url_with_query_user_or_space_is_rejected(url):
    with pytest.raises(InvalidSettings, match="OTP_PUBLIC_URL"):
        load(OTP_PUBLIC_URL=url)


def test_cors_origins_in_production_require_https():
    environ = PRODUCTION | {"OTP_CORS_ORIGINS": "http://app.example.com"}

    with pytest.raises(InvalidSettings, match="OTP_CORS_ORIGINS must be https"):
        config.load(environ)


def test_cors_origins_in_dev_mode_can_be_http():
    environ = {"OTP_DEV": "1", "OTP_CORS_ORIGINS": "http://app.example.com"}

    assert config.load(environ).cors_origins == ("http://app.example.com",)
