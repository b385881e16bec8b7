"""The unit of `deploy/systemd`, and the service as systemd starts it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from otp_engine.config import secret_settings
from otp_engine.server import _STOP_TIMEOUT
from tests.support import redis_server

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "systemd" / "otp-engine.service"
TEXT = UNIT.read_text()
PROGRAM = "/opt/otp-engine/bin/otp-engine"


def values(name):
    return re.findall(rf"^{name}=(.*)$", TEXT, re.MULTILINE)


@pytest.fixture(scope="module")
def analyze():
    program = redis_server.program("systemd-analyze", required_by="OTP_REQUIRE_SYSTEMD")

    def run(*arguments):
        return subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False
        )

    return run


def test_exposure_of_the_unit_is_below_2(analyze):
    result = analyze("security", "--offline=true", "--no-pager", str(UNIT))

    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", result.stdout)
    assert level
    assert float(level[1]) < 2


def test_unit_is_valid(analyze, tmp_path):
    path = tmp_path / UNIT.name
    path.write_text(TEXT.replace(PROGRAM, sys.executable))

    result = analyze("verify", "--man=no", str(path))

    assert (result.returncode, result.stderr) == (0, "")


def test_each_credential_is_the_file_of_a_secret_setting():
    files = dict(re.findall(r"^Environment=(\w+)=%d/(\w+)$", TEXT, re.MULTILINE))
    credentials = dict(each.split(":") for each in values("LoadCredential"))

    assert files
    assert {name.removesuffix("_FILE") for name in files} <= set(
        secret_settings.SECRETS
    )
    assert set(files.values()) == set(credentials)
    for name, path in credentials.items():
        assert path == f"/etc/otp-engine/secrets/{name}"


def test_stop_timeout_is_longer_than_the_service_needs():
    (seconds,) = values("TimeoutStopSec")

    assert int(seconds) > 2 * _STOP_TIMEOUT
    assert values("KillMode") == ["mixed"]


def test_open_files_are_enough_for_all_connections():
    (files,) = values("LimitNOFILE")

    assert int(files) > 4096
