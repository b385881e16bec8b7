"""The command line, run as it is run."""

from __future__ import annotations

import base64

import pytest

from otp_engine import __version__
from tests import processes, servers, twilio_server

PEPPER = base64.b64encode(b"p" * 32).decode()


def production(redis_url, twilio_url):
    return {
        "REDIS_URL": redis_url,
        "OTP_PEPPER": PEPPER,
        "OTP_API_KEYS": "shop:shop-secret-0123456789",
        "TWILIO_ACCOUNT_SID": twilio_server.ACCOUNT,
        "TWILIO_AUTH_TOKEN": twilio_server.TOKEN,
        "TWILIO_MESSAGING_SERVICE_SID": twilio_server.SERVICE,
        "TWILIO_API_BASE_URL": twilio_url,
    }


@pytest.mark.parametrize("words", [("-h",), ("serve", "-h"), ("doctor", "-h")])
def test_every_command_explains_itself(words):
    result = processes.run(*words)

    assert result.returncode == 0
    assert result.stdout.startswith("Usage: ")


def test_the_version_is_said():
    assert processes.run("--version").stdout == f"otp-engine {__version__}\n"


def test_a_pepper_from_keygen_is_a_good_one():
    first, second = processes.run("keygen").stdout, processes.run("keygen").stdout

    name, _, value = first.strip().partition("=")
    assert name == "OTP_PEPPER"
    assert len(base64.b64decode(value, validate=True)) == 32
    assert first != second


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_a_bad_environment_is_reported_whole_and_nothing_starts(command):
    result = processes.run(command, OTP_TTL="9d", OTP_PEPPER="eA==")

    assert result.returncode == 1
    for name in ("OTP_TTL", "OTP_PEPPER", "REDIS_URL", "OTP_SENDER", "OTP_API_KEYS"):
        assert f"✗ {name} " in result.stderr
    assert "Traceback" not in result.stderr


def test_the_store_of_dev_mode_is_one_processs():
    result = processes.run("serve", "--dev", "--workers", "2")

    assert result.returncode == 1
    assert "several workers need a REDIS_URL" in result.stderr


def test_the_doctor_finds_a_healthy_service_healthy(redis_url):
    with twilio_server.running() as twilio:
        result = processes.run("doctor", **production(redis_url, twilio.url))

    assert result.returncode == 0, result.stderr
    assert result.stderr.count("✓") == 3


def test_the_doctor_says_what_does_not_answer():
    away = f"127.0.0.1:{servers.free_port()}"
    environ = production(f"redis://{away}", f"http://{away}")

    result = processes.run("doctor", **environ, OTP_TTL="20m")

    assert result.returncode == 1
    assert "✗ not so: Redis answers" in result.stderr
    assert "✗ not so: the sender answers" in result.stderr
    assert "! codes live 20m" in result.stderr
