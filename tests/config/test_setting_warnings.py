from __future__ import annotations

import base64

import pytest

from otp_engine import config
from otp_engine.config.setting_warnings import host_warnings
from otp_engine.crypto import api_keys
from tests.support.settings import PRODUCTION


@pytest.mark.parametrize(
    ("name", "value", "phrase"),
    [
        ("OTP_TTL", "20m", "NIST"),
        (
            "OTP_PEPPER_PREVIOUS",
            base64.b64encode(bytes(range(32))).decode(),
            "30 days",
        ),
        ("OTP_ARGON2", "light", "ASVS"),
        ("OTP_SENDER", "twilio,console", "prints every code"),
        ("OTP_ARGON2", "m=64,t=16,p=1", "ASVS"),
        ("TWILIO_API_BASE_URL", "http://twilio.internal", "plain text"),
        ("OTP_SENDS_PER_KEY", "9/1h; shop=5/1h; bank=1/1h", "a limit for bank, but"),
        ("OTP_CHECKS_PER_KEY", "Shop=5/1h", "a limit for Shop, but"),
        ("OTP_SERVICE_CUSTOM_CODE", "1", "lets clients of /v2 choose codes"),
        ("OTP_PUBLIC_URL", "http://otp.example.com", "is not https"),
        ("OTP_PUBLIC_URL", "https://verify.twilio.com", "OTP_CALLBACK_URL"),
        ("OTP_CALLBACK_URL", "https://otp.internal", "internet does not reach"),
        ("OTP_CALLBACK_URL", "https://verify.twilio.com", "a host of Twilio"),
        ("OTP_TLL", "5m", "did you mean OTP_TTL?"),
        ("OTP_QUITE_ELSE", "5m", "is not a setting"),
        ("OTP_BRAND", "Acme 12345", "take them for the code"),
        ("otp_brand", "Acme", "did you mean OTP_BRAND?"),
        ("OTP_PORT", "3000", "use `otp-engine serve --port`"),
    ],
)
def test_unsafe_value_is_warned_of(name, value, phrase):
    (warning,) = config.load(PRODUCTION | {name: value}).warnings

    assert phrase in warning


def test_secret_of_two_clients_is_warned_of():
    digest = api_keys.hashed_form(api_keys.generate())
    environ = {"OTP_API_KEYS": f"shop:{digest},web:{digest},shop:{digest}"}

    (warning,) = config.load(PRODUCTION | environ).warnings

    assert "shop and web have the same secret" in warning


@pytest.mark.parametrize(
    "url",
    ["http://localhost:1", "http://127.0.0.2", "http://[::1]", "https://a.example"],
)
def test_encrypted_or_local_provider_url_has_no_warning(url):
    assert config.load(PRODUCTION | {"TWILIO_API_BASE_URL": url}).warnings == ()


ANONYMOUS = PRODUCTION | {"OTP_API_KEYS": "", "OTP_ALLOW_ANONYMOUS": "1"}


def test_anonymous_clients_without_public_url_are_warned_of():
    (warning,) = config.load(ANONYMOUS).warnings

    assert warning.startswith("OTP_PUBLIC_URL is not set")
    assert "DNS rebinding" in warning


def test_anonymous_clients_with_public_url_have_no_warning():
    assert config.load(ANONYMOUS | {"OTP_PUBLIC_URL": "https://a.b"}).warnings == ()


ALL_COUNTRIES = PRODUCTION | {"OTP_ALLOWED_COUNTRIES": "*", "OTP_SENDS_TOTAL": "off"}


def test_all_countries_without_global_limit_are_warned_of():
    (warning,) = config.load(ALL_COUNTRIES).warnings

    assert warning.startswith("allowed_countries is *")


def test_all_countries_with_limit_per_country_have_no_warning():
    environ = ALL_COUNTRIES | {"OTP_SENDS_PER_COUNTRY": "9/1h"}

    assert config.load(environ).warnings == ()


@pytest.mark.parametrize(
    "countries", [{"OTP_DEFAULT_REGION": "AX"}, {"OTP_ALLOWED_COUNTRIES": "SE,AX"}]
)
def test_territory_with_numbers_of_another_country_is_warned_of(countries):
    (warning,) = config.load(PRODUCTION | countries).warnings

    assert warning.startswith("allowed_countries has AX and not FI")


@pytest.mark.parametrize("countries", ["AX,FI", "JE", "KZ", "CA", "YT", "FI"])
def test_country_with_numbers_of_its_own_has_no_warning(countries):
    environ = PRODUCTION | {"OTP_ALLOWED_COUNTRIES": countries}

    assert config.load(environ).warnings == ()


def test_api_key_with_its_hash_has_no_warning():
    entry = api_keys.env_entry("shop", "hunter2")

    assert config.load(PRODUCTION | {"OTP_API_KEYS": entry}).warnings == ()


def test_dev_mode_is_warned_of():
    (warning,) = config.load({"OTP_DEV": "1"}).warnings

    assert "dev mode is on" in warning


def test_weak_key_in_dev_mode_is_warned_of():
    weak = {"OTP_API_KEYS": "shop:hunter2", "OTP_METRICS_KEY": "hunter2"}

    warnings = config.load({"OTP_DEV": "1"} | weak).warnings[1:]

    assert [warning.split()[0] for warning in warnings] == [
        "OTP_API_KEYS:",
        "OTP_METRICS_KEY",
    ]


@pytest.mark.parametrize(("senders", "warned"), [("console", False), ("twilio", True)])
def test_verify_page_in_dev_mode_is_warned_of_with_real_sender(senders, warned):
    changes = {"OTP_DEV": "1", "OTP_SENDER": senders, "OTP_VERIFY_PAGE": "1"}

    warnings = " ".join(config.load(PRODUCTION | changes).warnings)

    assert ("every visitor can send real messages" in warnings) is warned


def test_short_codes_of_the_default_service_are_warned_of_with_their_chance():
    chance, length = config.load(PRODUCTION | {"OTP_SERVICE_CODE_LENGTH": "4"}).warnings

    assert "a chance of 1 in 400 a verification and 1 in 200 a day" in chance
    assert length.startswith("OTP_SERVICE_CODE_LENGTH 4 is under 6 digits")


@pytest.mark.parametrize("length", ["6", "8"])
def test_codes_of_the_default_service_of_6_digits_or_more_have_no_warning(length):
    environ = PRODUCTION | {"OTP_SERVICE_CODE_LENGTH": length}

    assert config.load(environ).warnings == ()


def test_callback_url_that_twilio_reaches_has_no_warning_with_a_private_public_url():
    environ = PRODUCTION | {
        "OTP_PUBLIC_URL": "https://verify.twilio.com",
        "OTP_CALLBACK_URL": "https://otp.example.com/codes",
    }

    assert config.load(environ).warnings == ()


def test_callback_url_without_auth_token_is_warned_of():
    key = {"TWILIO_API_KEY": f"SK{'3' * 32}", "TWILIO_API_SECRET": "secret"}
    environ = PRODUCTION | key | {"TWILIO_AUTH_TOKEN": ""}

    (warning,) = config.load(
        environ | {"OTP_CALLBACK_URL": "https://otp.example.com"}
    ).warnings

    assert warning.startswith("OTP_CALLBACK_URL has no effect: TWILIO_AUTH_TOKEN")


def test_private_public_url_without_twilio_has_no_warning_of_delivery_reports():
    environ = {"OTP_DEV": "1", "OTP_PUBLIC_URL": "http://localhost:3000"}

    warnings = " ".join(config.load(environ).warnings)

    assert "delivery reports" not in warnings


@pytest.mark.parametrize(("admin_host", "is_open"), [("0.0.0.0", True), ("::1", False)])
def test_metrics_of_dev_mode_are_open_on_the_address_of_the_admin_listener(
    admin_host, is_open
):
    environ = {"OTP_DEV": "1", "OTP_ADMIN_PORT": "0", "OTP_ADMIN_HOST": admin_host}

    (warning,) = host_warnings(config.load(environ), "0.0.0.0")

    assert ("/metrics" in warning) == is_open


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        (
            {
                "OTP_SENDER": "aws",
                "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_REGION": "eu-west-1",
                "OTP_AWS_NOTIFY_CONFIGURATION": "nc-1",
            },
            "AWS_ENDPOINT_URL",
        ),
        (
            {"OTP_SENDER": "telegram", "TELEGRAM_GATEWAY_TOKEN": "AAGatewayToken"},
            "TELEGRAM_GATEWAY_URL",
        ),
    ],
    ids=["aws", "telegram"],
)
def test_plain_text_to_another_provider_is_a_warning(environ, name):
    exposed = config.load(PRODUCTION | environ | {name: "http://proxy.internal"})
    local = config.load(PRODUCTION | environ | {name: "http://127.0.0.1:4566"})

    assert [w for w in exposed.warnings if w.startswith(f"{name} is http: codes")]
    assert not [w for w in local.warnings if name in w]
