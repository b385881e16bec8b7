"""The environment is read whole, or refused whole."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from otp_engine import config
from otp_engine.config import keys
from otp_engine.crypto.argon2 import PROFILES
from otp_engine.domain.limits import Limit
from otp_engine.errors import InvalidSettings
from tests.twilio_server import ACCOUNT, SERVICE

PEPPER = base64.b64encode(b"pepper-0123456789-of-a-test-only").decode()
PRODUCTION = {
    "REDIS_URL": "redis://localhost:6379/0",
    "OTP_PEPPER": PEPPER,
    "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": "token-of-the-account",
    "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
}

STRONG = "0123456789abcdeff0e1d2c3b4a59687"
"""A secret of exactly 128 bits, as `openssl rand -hex 16` makes them."""


def problems(environ):
    with pytest.raises(InvalidSettings) as error:
        config.read(environ)
    return error.value.problems


def test_production_needs_no_more_than_this():
    settings = config.read(PRODUCTION)

    assert settings.senders == ("twilio",)
    assert settings.countries == {"IN"}
    assert settings.warnings == ()


def test_an_empty_environment_is_told_everything_it_lacks():
    told = " ".join(problems({}))

    for name in ("REDIS_URL", "OTP_PEPPER", "OTP_SENDER", "OTP_API_KEYS"):
        assert f"{name} is not set" in told


def test_dev_needs_nothing():
    settings = config.read({"OTP_DEV": "1"})

    assert settings.redis_url is None
    assert settings.senders == ("console",)
    assert settings.countries == {"*"}
    assert len(settings.peppers[0].secret) == 32


def test_the_pepper_of_a_store_in_the_process_is_fresh_each_time():
    assert (
        config.read({"OTP_DEV": "1"}).peppers != config.read({"OTP_DEV": "1"}).peppers
    )


def test_dev_with_a_redis_needs_a_pepper_that_stays():
    told = problems({"OTP_DEV": "1", "REDIS_URL": "redis://localhost"})

    assert told == ("OTP_PEPPER is not set: `otp-engine keygen` makes one",)


def test_every_problem_is_reported_at_once():
    told = problems(
        PRODUCTION | {"OTP_TTL": "9d", "OTP_MAX_CHECKS": "0", "OTP_ARGON2": "cheap"}
    )

    assert [problem.split()[0] for problem in sorted(told)] == [
        "OTP_ARGON2",
        "OTP_MAX_CHECKS",
        "OTP_TTL",
    ]


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
        ("OTP_SENDER", "pigeon"),
        ("OTP_SENDER", "twilio,twilio"),
        ("OTP_SENDER", ","),
        ("TWILIO_ACCOUNT_SID", "AC123"),
        ("TWILIO_API_KEY", ACCOUNT),
        ("TWILIO_MESSAGING_SERVICE_SID", ACCOUNT),
        ("TWILIO_API_BASE_URL", "localhost"),
        ("TWILIO_API_BASE_URL", "http://localhost:port"),
        ("OTP_BRAND", "two\nlines"),
        ("OTP_BRAND", "x" * 41),
        ("OTP_DEFAULT_REGION", "India"),
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
        ("OTP_DRAIN", "61s"),
        ("OTP_DRAIN", "a while"),
        ("OTP_REDIS_WAIT_REPLICAS", "10"),
        ("OTP_PUBLIC_URL", "otp.example"),
        ("OTP_SERVICE_SID", "VA123"),
        ("OTP_SENDING", "perhaps"),
        ("OTP_TEST_NUMBERS", "+999123456:123456@2999-01-01"),
        ("OTP_API_KEYS", f"{ACCOUNT}:{STRONG},AC{'9' * 32}:{STRONG[::-1]}"),
        ("OTP_API_KEYS", "shop:hunter2"),
        ("OTP_API_KEYS", f"shop:{STRONG},bank:{STRONG[1:]}"),
        ("OTP_METRICS_KEY", "hunter2"),
        ("OTP_METRICS_KEY", STRONG[1:]),
        ("OTP_METRICS_KEY", "changeme-changeme-changeme"),
        ("OTP_API_KEYS", f"shop:{'12345678' * 5}"),
        ("OTP_ARGON2", "m=63,t=1,p=1"),
        ("OTP_ARGON2", "m=8,t=16,p=1"),
        ("OTP_DEV", "maybe"),
        ("OTP_SENDS_TOTAL", "many"),
    ],
)
def test_a_bad_value_is_named_with_its_variable(name, value):
    told = problems(PRODUCTION | {name: value})

    assert all(problem.startswith((name, "TWILIO_API_SECRET")) for problem in told)
    assert not any("Errno" in problem for problem in told)


@pytest.mark.parametrize("name", ["OTP_PEPPER", "OTP_API_KEYS", "REDIS_URL"])
def test_a_problem_with_a_secret_does_not_repeat_it(name):
    told = " ".join(problems(PRODUCTION | {name: "s3cr3t-and-wrong"}))

    assert "s3cr3t" not in told


def test_settings_never_print_a_secret():
    shown = repr(config.read(PRODUCTION | {"REDIS_URL": "redis://:s3cr3t@localhost"}))

    for secret in ("s3cr3t", "token-of-the-account", "shop-secret", "pepper-0", PEPPER):
        assert secret not in shown


@pytest.mark.parametrize("name", sorted(PRODUCTION))
def test_an_empty_variable_is_one_that_is_not_set(name):
    """Compose files pass variables on as empty when nobody set them."""
    told = problems(PRODUCTION | {name: " "})

    assert told
    assert not any("must" in problem for problem in told)


def test_twilio_is_the_sender_where_its_account_is_known():
    dev = {"OTP_DEV": "1", "TWILIO_ACCOUNT_SID": ACCOUNT}

    assert {problem.split()[0] for problem in problems(dev)} == {
        "OTP_API_KEYS",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_FROM",
    }


def test_an_api_key_stands_in_for_the_accounts_token():
    key = "SK" + "3" * 32
    settings = config.read(
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


@pytest.mark.parametrize(("said", "meant"), [("yes", True), ("OFF", False)])
def test_a_switch_may_be_a_word(said, meant):
    assert config.read(PRODUCTION | {"OTP_DEV": said}).dev is meant


def test_the_brand_is_read_from_the_environment():
    assert config.read(PRODUCTION | {"OTP_BRAND": " Acme "}).brand == "Acme"


def test_every_country_can_be_allowed():
    assert config.read(PRODUCTION | {"OTP_ALLOWED_COUNTRIES": "*"}).countries == {"*"}


@pytest.mark.parametrize("name", ["OTP_PEPPER", "OTP_PEPPER_PREVIOUS"])
@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (b"for-the-local-stack-only" + b"." * 8, "everybody knows"),
        (bytes(32), "has fewer than 8 different bytes"),
        (b"pepper-" * 5, "has fewer than 8 different bytes"),
        (bytes(range(7)) * 5, "has fewer than 8 different bytes"),
    ],
)
def test_a_pepper_that_can_be_guessed_is_refused_in_production(name, secret, words):
    known = {name: base64.b64encode(secret).decode()}

    (problem,) = problems(PRODUCTION | known)

    assert problem.startswith(f"{name} ")
    assert words in problem
    assert problems(PRODUCTION | {"OTP_DEV": "1"} | known) == (problem,)
    dev = {"OTP_DEV": "1", "OTP_PEPPER": PEPPER}
    assert config.read(dev | known).dev


def test_a_pepper_of_eight_different_bytes_is_accepted():
    pepper = base64.b64encode(bytes(range(8)) * 4).decode()

    assert config.read(PRODUCTION | {"OTP_PEPPER": pepper}).warnings == ()


def test_a_rotation_keeps_both_peppers_the_new_one_first():
    new = base64.b64encode(bytes(range(32))).decode()

    settings = config.read(
        PRODUCTION | {"OTP_PEPPER": new, "OTP_PEPPER_PREVIOUS": PEPPER}
    )

    assert [pepper.secret[:1] for pepper in settings.peppers] == [b"\0", b"p"]


def test_the_policy_is_read_from_the_environment():
    policy = config.read(
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
    assert policy.sends_per_country == Limit.parse("50/24h")
    assert policy.max_checks == 5


def test_the_other_settings_are_read_too():
    settings = config.read(
        PRODUCTION
        | {
            "OTP_ARGON2": "rfc9106",
            "OTP_ALLOWED_COUNTRIES": "in, GB",
            "OTP_REDIS_TIMEOUT": "250ms",
            "OTP_DRAIN": "5s",
            "OTP_ALLOW_ANONYMOUS": "1",
            "OTP_API_KEYS": "",
            "OTP_PUBLIC_URL": "https://otp.example/",
            "OTP_SERVICE_SID": f"VA{'1' * 32}",
            "OTP_SENDING": "off",
        }
    )

    assert settings.cost == PROFILES["rfc9106"]
    assert settings.countries == {"IN", "GB"}
    assert settings.redis_timeout == timedelta(milliseconds=250)
    assert settings.drain == timedelta(seconds=5)
    assert settings.api_keys == ()
    assert settings.public_url == "https://otp.example"
    assert settings.service_sid == f"VA{'1' * 32}"
    assert not settings.policy.sending


def test_the_account_is_the_one_that_a_key_is_named_after():
    given = f"shop:{STRONG},{ACCOUNT}:{STRONG[::-1]},{ACCOUNT}:{STRONG.upper()}"

    assert config.read(PRODUCTION | {"OTP_API_KEYS": given}).account_sid == ACCOUNT
    assert config.read(PRODUCTION).account_sid == f"AC{'0' * 32}"


@pytest.mark.parametrize(
    ("name", "value", "words"),
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
        ("OTP_SENDS_PER_KEY", "9/1h; shop=5/1h; bank=1/1h", "a limit for bank, and"),
        ("OTP_CHECKS_PER_KEY", "Shop=5/1h", "a limit for Shop, and"),
        ("OTP_TLL", "5m", "did you mean OTP_TTL?"),
        ("OTP_QUITE_ELSE", "5m", "is not a setting"),
    ],
)
def test_what_is_unwise_is_warned_of(name, value, words):
    (warning,) = config.read(PRODUCTION | {name: value}).warnings

    assert words in warning


@pytest.mark.parametrize(
    "url",
    ["http://localhost:1", "http://127.0.0.2", "http://[::1]", "https://a.example"],
)
def test_a_provider_url_that_is_encrypted_or_local_needs_no_warning(url):
    assert config.read(PRODUCTION | {"TWILIO_API_BASE_URL": url}).warnings == ()


@pytest.mark.parametrize("kind", ["", "+sentinel", "+cluster"])
@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("ssl_cert_reqs=none", "ssl_cert_reqs off"),
        ("db=1&ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs off"),
        ("ssl_check_hostname=false", "ssl_check_hostname off"),
        ("ssl_check_hostname=No", "ssl_check_hostname off"),
    ],
)
def test_a_redis_whose_certificate_is_not_verified_is_warned_of(kind, option, words):
    url = f"rediss{kind}://:s3cr3t@redis.example.com/name?{option}"

    (warning,) = config.read(PRODUCTION | {"REDIS_URL": url}).warnings

    assert words in warning
    assert "s3cr3t" not in warning


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3cr3t@redis.example.com",
        "redis://user:s3cr3t@10.0.0.5:6379/0",
        "redis://:s3cr3t@[fd00::1]:6379",
        "redis://redis.example.com?password=s3cr3t",
        "redis+sentinel://:s3cr3t@localhost:1,10.0.0.5:2/name",
        "redis+cluster://:s3cr3t@redis.example.com",
    ],
)
def test_a_password_of_redis_without_tls_is_warned_of(url):
    (warning,) = config.read(PRODUCTION | {"REDIS_URL": url}).warnings

    assert "no TLS" in warning
    assert "s3cr3t" not in warning


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis.example.com",
        "redis://user@redis.example.com",
        "redis://:s3cr3t@redis:6379/0",
        "redis://:s3cr3t@127.0.0.1",
        "redis://:s3cr3t@[::1]:6379",
        "redis+sentinel://:s3cr3t@one:1,two:2/name",
        "unix://:s3cr3t@/run/redis.sock",
        "rediss://:s3cr3t@redis.example.com?ssl_cert_reqs=required",
        "rediss+sentinel://:s3cr3t@redis.example.com/name?ssl_check_hostname=true",
    ],
)
def test_a_redis_that_is_near_or_verified_needs_no_warning(url):
    assert config.read(PRODUCTION | {"REDIS_URL": url}).warnings == ()


def test_anonymous_clients_without_a_public_url_are_warned_of():
    anonymous = PRODUCTION | {"OTP_API_KEYS": "", "OTP_ALLOW_ANONYMOUS": "1"}

    (warning,) = config.read(anonymous).warnings

    assert warning.startswith("OTP_PUBLIC_URL is not set")
    assert "DNS rebinding" in warning
    assert not config.read(anonymous | {"OTP_PUBLIC_URL": "https://a.b"}).warnings


def test_every_country_without_a_limit_on_all_is_warned_of():
    everywhere = PRODUCTION | {"OTP_ALLOWED_COUNTRIES": "*"}

    (warning,) = config.read(everywhere | {"OTP_SENDS_TOTAL": "off"}).warnings

    assert warning.startswith("OTP_ALLOWED_COUNTRIES is *")
    bounded = everywhere | {"OTP_SENDS_TOTAL": "off", "OTP_SENDS_PER_COUNTRY": "9/1h"}
    assert config.read(bounded).warnings == ()


def test_a_key_that_is_known_by_its_digest_is_believed_to_be_strong():
    line = keys.line("shop", "hunter2")

    assert config.read(PRODUCTION | {"OTP_API_KEYS": line}).warnings == ()


def test_a_secret_of_exactly_128_bits_is_enough():
    environ = PRODUCTION | {
        "OTP_API_KEYS": f"shop:{STRONG}",
        "OTP_METRICS_KEY": STRONG[::-1],
    }

    assert config.read(environ).warnings == ()


def test_dev_mode_is_the_first_warning():
    (warning,) = config.read({"OTP_DEV": "1"}).warnings

    assert "development mode" in warning


def test_in_dev_mode_a_weak_key_is_only_warned_of():
    weak = {"OTP_API_KEYS": "shop:hunter2", "OTP_METRICS_KEY": "hunter2"}

    warnings = config.read({"OTP_DEV": "1"} | weak).warnings[1:]

    assert [warning.split()[0] for warning in warnings] == [
        "OTP_API_KEYS:",
        "OTP_METRICS_KEY",
    ]


LOCAL_PEPPER = "Zm9yLXRoZS1sb2NhbC1zdGFjay1vbmx5OiBldmVyeWJvZHkga25vd3MgaXQ="


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, set()),
        ({"OTP_API_KEYS": ""}, {"OTP_API_KEYS"}),
        ({"OTP_PEPPER": LOCAL_PEPPER}, {"OTP_PEPPER"}),
        ({"OTP_API_KEYS": "", "OTP_SENDER": "console"}, set()),
        ({"OTP_API_KEYS": "", "OTP_SENDER": "console,twilio"}, {"OTP_API_KEYS"}),
        ({"OTP_API_KEYS": "shop:hunter2"}, {"OTP_API_KEYS"}),
        ({"OTP_API_KEYS": "shop:hunter2", "OTP_SENDER": "console"}, set()),
    ],
)
def test_dev_mode_sends_for_real_only_with_keys_and_a_pepper_of_its_own(
    changes, refused
):
    environ = PRODUCTION | {"OTP_DEV": "1"} | changes
    if not refused:
        assert config.read(environ).dev
        return

    assert {problem.split()[0] for problem in problems(environ)} == refused


@pytest.mark.parametrize(
    ("senders", "page"),
    [("console", True), ("twilio", False), ("console,twilio", False)],
)
def test_dev_mode_has_a_page_for_anybody_only_where_no_message_is_sent(senders, page):
    environ = PRODUCTION | {"OTP_DEV": "1", "OTP_SENDER": senders}

    assert config.read(environ).hosted.verify is page
    opened = config.read(environ | {"OTP_VERIFY_PAGE": "1"})
    assert opened.hosted.verify
    words = "anybody who reaches the service can have messages sent"
    assert any(words in warning for warning in opened.warnings) is not page
