from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from otp_engine import config
from otp_engine.config import command_settings
from otp_engine.crypto import api_keys
from otp_engine.crypto.argon2 import PROFILES
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.services import Service
from otp_engine.errors import InvalidSettings
from tests.support.settings import PEPPER, PRODUCTION
from tests.support.twilio_server import ACCOUNT

STRONG = "0123456789abcdeff0e1d2c3b4a59687"
"""A secret of exactly 128 bits, as `openssl rand -hex 16` makes them."""


def problems(environ):
    with pytest.raises(InvalidSettings) as error:
        config.load(environ)
    return error.value.problems


def test_minimal_production_settings_have_no_warnings():
    settings = config.load(PRODUCTION)

    assert settings.senders == ("twilio",)
    assert settings.policy.allowed_countries == {"IN"}
    assert settings.warnings == ()


def test_empty_environment_reports_every_missing_variable():
    reported = " ".join(problems({}))

    for name in ("REDIS_URL", "OTP_PEPPER", "OTP_SENDER", "OTP_API_KEYS"):
        assert f"{name} is not set" in reported


def test_dev_mode_requires_no_variables():
    settings = config.load({"OTP_DEV": "1"})

    assert settings.redis_url is None
    assert settings.senders == ("console",)
    assert settings.policy.allowed_countries == {"*"}
    assert len(settings.peppers[0].secret) == 32


def test_pepper_of_embedded_store_differs_between_loads():
    assert (
        config.load({"OTP_DEV": "1"}).peppers != config.load({"OTP_DEV": "1"}).peppers
    )


def test_dev_mode_with_redis_requires_pepper():
    reported = problems({"OTP_DEV": "1", "REDIS_URL": "redis://localhost"})

    assert reported == (
        "OTP_PEPPER is not set: `otp-engine keys pepper` generates one",
    )


def test_several_invalid_values_are_reported_together():
    reported = problems(
        PRODUCTION | {"OTP_TTL": "9d", "OTP_MAX_CHECKS": "0", "OTP_ARGON2": "cheap"}
    )

    assert [problem.split()[0] for problem in sorted(reported)] == [
        "OTP_ARGON2",
        "OTP_MAX_CHECKS",
        "OTP_TTL",
    ]


SANDBOX = "+15550100001:123456@2999-01-01"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "http://localhost"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis+sentinel://localhost"),
        ("REDIS_URL", "redis://localhost:port"),
        ("REDIS_URL", "redis://localhost:99999"),
        ("REDIS_URL", "redis://:pa/ss@localhost"),
        ("REDIS_URL", "redis+cluster://a,b:99999"),
        ("REDIS_URL", "redis+cluster:///path"),
        ("REDIS_URL", "redis+sentinel:///service"),
        ("REDIS_URL", "rediss+sentinel://localhost?ssl_ca_certs=/ca.pem"),
        ("REDIS_URL", "rediss+cluster:///path"),
        ("REDIS_URL", "redis+tls://localhost"),
        ("OTP_PEPPER", "not base64!"),
        ("OTP_PEPPER", base64.b64encode(b"p" * 31).decode()),
        ("OTP_PEPPER_PREVIOUS", "c2hvcnQ="),
        ("OTP_PEPPER_PREVIOUS", PEPPER),
        ("OTP_ARGON2", "test"),
        ("OTP_ADMIN_PORT", "65536"),
        ("OTP_ADMIN_HOST", "127.0.0.1"),
        ("OTP_SENDER", "pigeon"),
        ("OTP_SENDER", "twilio,twilio"),
        ("OTP_SENDER", ","),
        ("TWILIO_ACCOUNT_SID", "AC123"),
        ("TWILIO_API_KEY", ACCOUNT),
        ("TWILIO_MESSAGING_SERVICE_SID", ACCOUNT),
        ("TWILIO_AUTH_TOKEN", "two words"),
        ("TWILIO_AUTH_TOKEN", "first\nsecond"),
        ("TWILIO_API_BASE_URL", "localhost"),
        ("TWILIO_API_BASE_URL", "http://localhost:port"),
        ("OTP_BRAND", "two\nlines"),
        ("OTP_BRAND", "x" * 41),
        ("OTP_DEFAULT_REGION", "India"),
        ("OTP_DEFAULT_REGION", "TA"),
        ("OTP_DEFAULT_REGION", "PN"),
        ("OTP_ALLOWED_COUNTRIES", "SH,TA"),
        ("OTP_ALLOWED_COUNTRIES", "IN,XX"),
        ("OTP_ALLOWED_COUNTRIES", ","),
        ("OTP_API_KEYS", "no-secret"),
        ("OTP_API_KEYS", "shop:"),
        ("OTP_API_KEYS", ","),
        ("OTP_API_KEYS", "shop:s\u00e9cret"),
        ("OTP_API_KEYS", "shop:two words"),
        ("OTP_ALLOW_ANONYMOUS", "perhaps"),
        ("OTP_TRUSTED_PROXIES", "-1"),
        ("OTP_TRUSTED_PROXIES", "17"),
        ("OTP_REDIS_TIMEOUT", "forever"),
        ("OTP_REDIS_TIMEOUT", "149ms"),
        ("OTP_REDIS_TIMEOUT", "10001"),
        ("OTP_REDIS_TIMEOUT", "0s"),
        ("OTP_REDIS_TIMEOUT", "11s"),
        ("OTP_REDIS_TIMEOUT", "1m"),
        ("OTP_HASH_WAIT", "99ms"),
        ("OTP_HASH_WAIT", "11s"),
        ("OTP_DRAIN", "61s"),
        ("OTP_DRAIN", "a while"),
        ("OTP_KEEP_ALIVE", "0s"),
        ("OTP_KEEP_ALIVE", "61m"),
        ("OTP_KEEP_ALIVE", "75"),
        ("OTP_REDIS_WAIT_REPLICAS", "10"),
        ("OTP_SHARED_SLOTS", "0"),
        ("OTP_SHARED_SLOTS", "65"),
        ("OTP_PUBLIC_URL", "otp.example"),
        ("OTP_CALLBACK_URL", "otp.example"),
        ("OTP_CALLBACK_URL", "https://otp.example/?a=b"),
        ("OTP_SERVICE_SID", "VA123"),
        ("OTP_SERVICE_NAME", "Acme, Inc."),
        ("OTP_SERVICE_NAME", "x" * 31),
        ("OTP_SERVICE_NAME", "call 12345"),
        ("OTP_SERVICE_CODE_LENGTH", "3"),
        ("OTP_SERVICE_CODE_LENGTH", "11"),
        ("OTP_SERVICE_CUSTOM_CODE", "perhaps"),
        ("OTP_SENDING", "perhaps"),
        ("OTP_TEST_NUMBERS", "+999123456:123456@2999-01-01"),
        ("OTP_API_KEYS", f"{ACCOUNT}:{STRONG},AC{'9' * 32}:{STRONG[::-1]}"),
        ("OTP_API_KEYS", "shop:hunter2"),
        ("OTP_API_KEYS", f"shop:{STRONG},bank:{STRONG[1:]}"),
        ("OTP_API_KEYS", f'shop:"{STRONG}"'),
        ("OTP_API_KEYS", f"sha256:{STRONG * 2}"),
        ("OTP_API_KEYS", f"SHA-256:{STRONG * 2}"),
        ("OTP_API_KEYS", f"shop:sha512:{STRONG * 4}"),
        ("OTP_METRICS_KEY", f"metrics:sha256:{STRONG * 2}"),
        ("OTP_METRICS_KEY", "hunter2"),
        ("OTP_METRICS_KEY", f"metrics:{api_keys.generate()}"),
        ("OTP_TEST_NUMBERS", f"{SANDBOX},{SANDBOX}"),
        ("OTP_TEST_NUMBERS", f"{SANDBOX},+1 555 010 0001:654321@2999-02-02"),
        ("OTP_ALLOWED_COUNTRIES", "IN,UK"),
        ("OTP_DEFAULT_REGION", "el"),
        ("OTP_LOGO", f"/{'a' * 5000}.svg"),
        ("OTP_METRICS_KEY", f"{STRONG} {STRONG}"),
        ("OTP_METRICS_KEY", f"{STRONG}\u00e9"),
        ("OTP_METRICS_KEY", STRONG[1:]),
        ("OTP_METRICS_KEY", "changeme-changeme-changeme"),
        ("OTP_API_KEYS", f"shop:{'12345678' * 5}"),
        ("OTP_ARGON2", "m=63,t=1,p=1"),
        ("OTP_ARGON2", "m=8,t=16,p=1"),
        ("OTP_DEV", "maybe"),
        ("OTP_SENDS_TOTAL", "many"),
    ],
)
def test_invalid_value_is_reported_with_its_variable(name, value):
    reported = problems(PRODUCTION | {name: value})

    assert all(problem.startswith((name, "TWILIO_API_SECRET")) for problem in reported)
    assert not any("Errno" in problem for problem in reported)


@pytest.mark.parametrize("name", ["OTP_PEPPER", "OTP_API_KEYS", "REDIS_URL"])
def test_problem_with_secret_omits_its_value(name):
    reported = " ".join(problems(PRODUCTION | {name: "s3cr3t-and-wrong"}))

    assert "s3cr3t" not in reported


def test_repr_of_settings_contains_no_secret():
    shown = repr(config.load(PRODUCTION | {"REDIS_URL": "redis://:s3cr3t@localhost"}))

    for secret in ("s3cr3t", "token-of-the-account", "shop-secret", "pepper-0", PEPPER):
        assert secret not in shown


@pytest.mark.parametrize("name", sorted(PRODUCTION))
def test_blank_variable_counts_as_not_set(name):
    reported = problems(PRODUCTION | {name: " "})

    assert reported
    assert not any("must" in problem for problem in reported)


def test_twilio_account_makes_twilio_the_default_sender():
    dev = {"OTP_DEV": "1", "TWILIO_ACCOUNT_SID": ACCOUNT}

    assert {problem.split()[0] for problem in problems(dev)} == {
        "OTP_API_KEYS",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_FROM",
    }


def test_twilio_api_key_replaces_auth_token():
    key = "SK" + "3" * 32
    settings = config.load(
        PRODUCTION
        | {
            "TWILIO_AUTH_TOKEN": "",
            "TWILIO_API_KEY": key,
            "TWILIO_API_SECRET": "key-secret",
        }
    )

    assert settings.twilio
    assert settings.twilio.username == key
    assert settings.twilio.password == "key-secret"
    assert settings.twilio.account_sid == ACCOUNT


@pytest.mark.parametrize(("text", "dev"), [("yes", True), ("OFF", False)])
def test_boolean_accepts_words(text, dev):
    assert config.load(PRODUCTION | {"OTP_DEV": text}).dev is dev


def test_brand_is_stripped():
    assert config.load(PRODUCTION | {"OTP_BRAND": " Acme "}).brand == "Acme"


def test_asterisk_allows_all_countries():
    assert config.load(
        PRODUCTION | {"OTP_ALLOWED_COUNTRIES": "*"}
    ).policy.allowed_countries == {"*"}


PREDICTABLE_PEPPERS = pytest.mark.parametrize(
    ("secret", "phrase"),
    [
        (b"for-the-local-stack-only" + b"." * 8, "published pepper"),
        (bytes(32), "has fewer than 8 different bytes"),
        (b"pepper-" * 5, "has fewer than 8 different bytes"),
        (bytes(range(7)) * 5, "has fewer than 8 different bytes"),
    ],
)


@pytest.mark.parametrize("dev", ["0", "1"])
@pytest.mark.parametrize("name", ["OTP_PEPPER", "OTP_PEPPER_PREVIOUS"])
@PREDICTABLE_PEPPERS
def test_predictable_pepper_is_rejected_with_real_sender(dev, name, secret, phrase):
    pepper = {name: base64.b64encode(secret).decode()}

    (problem,) = problems(PRODUCTION | {"OTP_DEV": dev} | pepper)

    assert problem.startswith(f"{name} ")
    assert phrase in problem


@PREDICTABLE_PEPPERS
def test_predictable_pepper_is_accepted_in_dev_mode(secret, phrase):
    pepper = {"OTP_PEPPER": base64.b64encode(secret).decode()}

    assert config.load({"OTP_DEV": "1"} | pepper).dev


def test_pepper_of_eight_different_bytes_is_accepted():
    pepper = base64.b64encode(bytes(range(8)) * 4).decode()

    assert config.load(PRODUCTION | {"OTP_PEPPER": pepper}).warnings == ()


def test_rotation_keeps_new_pepper_before_previous_one():
    new = base64.b64encode(bytes(range(32))).decode()

    settings = config.load(
        PRODUCTION | {"OTP_PEPPER": new, "OTP_PEPPER_PREVIOUS": PEPPER}
    )

    assert [pepper.secret[:1] for pepper in settings.peppers] == [b"\0", b"p"]


def test_policy_variables_override_defaults():
    policy = config.load(
        PRODUCTION
        | {
            "OTP_TTL": "5m",
            "OTP_CODE_LENGTH": "8",
            "OTP_SENDS_PER_IP": "off",
            "OTP_SENDS_PER_COUNTRY": "50/24h",
        }
    ).policy

    assert policy.ttl == timedelta(minutes=5)
    assert policy.code_length == 8
    assert policy.sends_per_ip == Limit()
    assert policy.sends_per_country.default == Limit.parse("50/24h")
    assert policy.max_checks == 5


def test_other_variables_override_defaults():
    settings = config.load(
        PRODUCTION
        | {
            "OTP_ARGON2": "rfc9106",
            "OTP_ALLOWED_COUNTRIES": "in, GB",
            "OTP_REDIS_TIMEOUT": "250ms",
            "OTP_HASH_WAIT": "500ms",
            "OTP_DRAIN": "5s",
            "OTP_KEEP_ALIVE": "620s",
            "OTP_ALLOW_ANONYMOUS": "1",
            "OTP_API_KEYS": "",
            "OTP_PUBLIC_URL": "https://otp.example/",
            "OTP_CALLBACK_URL": "https://callbacks.example/otp/",
            "OTP_SERVICE_SID": f"VA{'1' * 32}",
            "OTP_SERVICE_NAME": "My shop",
            "OTP_SERVICE_CODE_LENGTH": "8",
            "OTP_SERVICE_CUSTOM_CODE": "1",
            "OTP_SENDING": "off",
        }
    )

    assert settings.argon2 == PROFILES["rfc9106"]
    assert settings.policy.allowed_countries == {"IN", "GB"}
    assert settings.redis_timeout == timedelta(milliseconds=250)
    assert settings.hash_wait == timedelta(milliseconds=500)
    assert settings.drain_duration == timedelta(seconds=5)
    assert settings.keep_alive == timedelta(seconds=620)
    assert settings.api_keys == ()
    assert settings.public_url == "https://otp.example"
    assert settings.callback_url == "https://callbacks.example/otp"
    assert settings.service == Service(
        sid=f"VA{'1' * 32}", brand="My shop", code_length=8, custom_code=True
    )
    assert not settings.policy.sending


def test_account_sid_is_the_name_of_an_api_key():
    keys = f"shop:{STRONG},{ACCOUNT}:{STRONG[::-1]},{ACCOUNT}:{STRONG.upper()}"

    assert config.load(PRODUCTION | {"OTP_API_KEYS": keys}).account_sid == ACCOUNT


def test_account_sid_without_such_a_key_is_null():
    assert config.load(PRODUCTION).account_sid == f"AC{'0' * 32}"


def test_secret_of_128_bits_is_accepted():
    environ = PRODUCTION | {
        "OTP_API_KEYS": f"shop:{STRONG}",
        "OTP_METRICS_KEY": STRONG[::-1],
    }

    assert config.load(environ).warnings == ()


LOCAL_PEPPER = "Zm9yLXRoZS1sb2NhbC1zdGFjay1vbmx5OiBldmVyeWJvZHkga25vd3MgaXQ="


@pytest.mark.parametrize(
    ("changes", "rejected"),
    [
        ({"OTP_API_KEYS": ""}, "OTP_API_KEYS"),
        ({"OTP_PEPPER": LOCAL_PEPPER}, "OTP_PEPPER"),
        ({"OTP_API_KEYS": "", "OTP_SENDER": "console,twilio"}, "OTP_API_KEYS"),
        ({"OTP_API_KEYS": "shop:hunter2"}, "OTP_API_KEYS"),
    ],
)
def test_dev_mode_with_twilio_requires_keys_and_own_pepper(changes, rejected):
    (problem,) = problems(PRODUCTION | {"OTP_DEV": "1"} | changes)

    assert problem.split()[0] == rejected


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"OTP_API_KEYS": "", "OTP_SENDER": "console"},
        {"OTP_API_KEYS": "shop:hunter2", "OTP_SENDER": "console"},
    ],
)
def test_dev_mode_is_accepted_with_keys_or_console(changes):
    assert config.load(PRODUCTION | {"OTP_DEV": "1"} | changes).dev


@pytest.mark.parametrize(
    ("senders", "enabled"),
    [("console", True), ("twilio", False), ("console,twilio", False)],
)
def test_dev_mode_enables_verify_page_only_without_real_sender(senders, enabled):
    environ = PRODUCTION | {"OTP_DEV": "1", "OTP_SENDER": senders}

    assert config.load(environ).verify_page.enabled is enabled


COMMAND = {
    "REDIS_URL": "redis://127.0.0.1",
    "OTP_PEPPER": base64.b64encode(bytes(range(32))).decode(),
}


def test_command_needs_only_redis_and_pepper():
    settings = config.load_for_command(COMMAND)

    assert settings.redis_url == COMMAND["REDIS_URL"]
    assert settings.peppers[0].secret == bytes(range(32))
    assert settings.api_keys == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TWILIO_ACCOUNT_SID", "not a SID"),
        ("TWILIO_AUTH_TOKEN_FILE", "/nowhere"),
        ("OTP_SENDER", "pigeon"),
        ("OTP_ARGON2", "m=1"),
        ("OTP_TEST_NUMBERS", "x"),
    ],
)
def test_command_does_not_read_settings_of_the_service(name, value):
    settings = config.load_for_command(COMMAND | {name: value})

    assert settings.twilio is None


def test_command_without_settings_names_what_it_needs():
    with pytest.raises(InvalidSettings) as caught:
        config.load_for_command({})

    assert [problem.split()[0] for problem in caught.value.problems] == [
        "REDIS_URL",
        "OTP_PEPPER",
    ]
    assert "docker compose exec otp-engine" in caught.value.problems[0]


def test_command_reads_secrets_from_files(tmp_path):
    (tmp_path / "redis").write_text("redis://127.0.0.1:7\n")
    environ = COMMAND | {"REDIS_URL": "", "REDIS_URL_FILE": str(tmp_path / "redis")}

    assert config.load_for_command(environ).redis_url == "redis://127.0.0.1:7"


def test_command_rejects_a_policy_that_the_service_rejects():
    with pytest.raises(InvalidSettings, match="OTP_TTL"):
        config.load_for_command(COMMAND | {"OTP_TTL": "9d"})


def test_variables_of_commands_are_settings():
    assert set(config.VARIABLES) > command_settings.VARIABLES


@pytest.mark.parametrize("text", ["2s", "2000ms", "2000", "2000 ms"])
def test_timeout_of_redis_accepts_each_unit(text):
    settings = config.load(PRODUCTION | {"OTP_REDIS_TIMEOUT": text})

    assert settings.redis_timeout == timedelta(seconds=2)


@pytest.mark.parametrize(("code", "right"), [("UK", "GB"), ("el", "GR")])
def test_code_that_is_not_of_iso_3166_is_reported_with_the_right_one(code, right):
    (problem,) = problems(PRODUCTION | {"OTP_ALLOWED_COUNTRIES": code})

    assert f"must be {right}, and not {code.upper()}" in problem


@pytest.mark.parametrize(
    ("environ", "language"),
    [({}, "pt-BR"), ({"OTP_DEFAULT_LANGUAGES": "verify"}, "pt")],
)
def test_default_languages_are_own_or_those_of_verify(environ, language):
    assert config.load(PRODUCTION | environ).text_defaults.by_country["BR"] == language


@pytest.mark.parametrize("value", ["Verify", "twilio", "own,verify"])
def test_unknown_default_languages_are_rejected(value):
    (problem,) = problems(PRODUCTION | {"OTP_DEFAULT_LANGUAGES": value})

    assert problem == f"OTP_DEFAULT_LANGUAGES must be one of own, verify: {value!r}"


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("telegram", "TELEGRAM_GATEWAY_TOKEN", "AAGatewayToken"),
        ("aws", "OTP_AWS_NOTIFY_CONFIGURATION", "nc-1"),
        ("apprise", "OTP_APPRISE_URLS", "sms=clicksend://user:key@{to}"),
    ],
)
def test_account_of_a_provider_that_is_not_listed_is_warned_of(name, variable, value):
    settings = config.load(PRODUCTION | {variable: value})

    assert (
        f"{variable} is set, and OTP_SENDER does not list {name}: no message goes to it"
        in settings.warnings
    )


def test_account_of_a_listed_provider_has_no_warning():
    telegram = {"OTP_SENDER": "telegram", "TELEGRAM_GATEWAY_TOKEN": "AAGatewayToken"}

    settings = config.load(PRODUCTION | telegram)

    assert not any("does not list" in warning for warning in settings.warnings)
