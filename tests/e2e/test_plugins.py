"""The plug-in of docs/providers.md, installed by pip."""

from __future__ import annotations

import base64
import subprocess
import sys

import pytest

from otp_engine.crypto import api_keys
from tests.support import documented_code, redis_server, server_process

KEY = "shop-secret-0123456789"
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    target = tmp_path_factory.mktemp("installed")
    heading = "## Plug-ins"
    (source / "acme_otp.py").write_text(documented_code.block(heading, "python"))
    (source / "pyproject.toml").write_text(documented_code.block(heading, "toml"))
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", *options),
            *("--target", target, source),
        ],
        check=True,
    )
    return target


def environ(installed, **changes):
    return {
        "PYTHONPATH": str(installed),
        "OTP_DEV": "1",
        "OTP_ARGON2": "test",
        "OTP_SENDER": "acme",
        "OTP_PLUGIN_OPTIONS": "acme.token=s3cret",
        "OTP_API_KEYS": api_keys.env_entry("shop", KEY),
        "OTP_PEPPER": base64.b64encode(server_process.PEPPER.secret).decode(),
        **changes,
    }


def test_installed_plugin_sends_a_message(installed):
    with server_process.running_server(**environ(installed)) as server:
        response = server.post(
            "/auth/send_otp", {"phone": "9445012345"}, **AUTHORIZATION
        )
        redis_server.wait_until(lambda: "acme: sms to +91********45\n" in server.stdout)

    assert response.status == 201


def test_start_without_its_option_ends_with_the_name_of_the_plugin(installed):
    result = server_process.run("serve", **environ(installed, OTP_PLUGIN_OPTIONS=""))

    assert result.returncode != 0
    assert (
        "the plug-in acme does not start: ValueError: OTP_PLUGIN_OPTIONS has no"
        " acme.token"
    ) in " ".join(result.stderr.split())


def test_start_without_the_distribution_ends_with_its_name(tmp_path):
    result = server_process.run("serve", **environ(tmp_path))

    assert result.returncode != 0
    assert "OTP_SENDER must list only" in result.stderr
    assert "s3cret" not in result.stderr


@pytest.mark.parametrize(("token", "status"), [("s3cret", 0), ("old", 1)])
def test_doctor_pings_the_plugin(installed, token, status):
    options = f"acme.token={token}"
    result = server_process.run(
        "doctor", **environ(installed, OTP_PLUGIN_OPTIONS=options)
    )

    assert result.returncode == status
    assert "s3cret" not in result.stdout + result.stderr
