"""The settings that the commands on a running service need."""

from __future__ import annotations

import pytest

from tests.support import redis_server, server_process
from tests.support.command_line import run


@pytest.mark.parametrize(
    "arguments", [("policy", "show"), ("events",), ("inspect", "9445012345")]
)
def test_command_without_redis_fails(arguments):
    away = f"redis://127.0.0.1:{redis_server.free_port()}"

    result = run(*arguments, **server_process.production(away, "http://localhost"))

    assert result.exit_code == 1
    assert "Redis does not answer" in result.stderr


def test_doctor_names_the_reason_of_a_provider_that_does_not_answer(redis_url):
    away = f"http://127.0.0.1:{redis_server.free_port()}"

    result = run("doctor", **server_process.production(redis_url, away))

    assert result.exit_code == 1
    assert "✗ the sender (twilio) does not answer: connection refused" in result.stderr


def test_misspelled_name_is_shown_beside_the_missing_setting():
    environ = server_process.production("redis://127.0.0.1", "http://localhost")
    environ["OTP_API_KYS"] = environ.pop("OTP_API_KEYS")

    result = run("doctor", **environ)

    assert result.exit_code == 1
    assert "! OTP_API_KYS is not a setting; did you mean OTP_API_KEYS?" in result.stderr
    assert "✗ OTP_API_KEYS is not set" in result.stderr


def test_command_needs_no_settings_of_the_service(redis_url, real_redis):
    narrow = {
        "REDIS_URL": redis_url,
        "OTP_PEPPER": server_process.production("", "")["OTP_PEPPER"],
    }

    change = run("policy", "set", "sends_per_key", "shop=9/1h", **narrow)

    assert change.exit_code == 0
    # Without OTP_API_KEYS the command does not know which keys the service has.
    assert "OTP_API_KEYS" not in change.stderr
    for arguments in (("policy", "show"), ("events",), ("inspect", "9445012345")):
        assert run(*arguments, **narrow).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("policy", "show"),
        ("policy", "set", "ttl", "5m"),
        ("events",),
        ("inspect", "9445012345"),
        ("forget", "9445012345"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("environ", [{}, {"OTP_DEV": "1"}], ids=["none", "dev"])
def test_command_without_redis_url_names_the_cure(arguments, environ):
    result = run(*arguments, **environ)

    assert result.exit_code == 1
    assert "✗ REDIS_URL is not set: set it to the Redis of the service" in result.stderr
    assert "docker compose exec otp-engine otp-engine" in result.stderr
