"""The service where few files can be open."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import redis_server, server_process
from tests.support.server_process import running_server

FEW = """
import resource
import sys

resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
from otp_engine.cli import main

main(["serve", "--dev", "--port", "{port}"])
"""


def start(limit):
    program = FEW.format(limit=limit, port=redis_server.free_port())
    return subprocess.Popen(
        [*server_process.PROGRAM[:1], "-c", program],
        env=server_process.PATH,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_low_limit_of_open_files_is_logged():
    with start(300) as process:
        line = next(line for line in process.stderr if "limit of open files" in line)
        process.terminate()

    assert "is 300: with fewer than 416" in line


@pytest.mark.parametrize("limit", [16, 20, 63])
def test_limit_that_no_worker_can_start_with_stops_the_start(limit):
    with start(limit) as process:
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert f"the limit of open files is {limit}: set ulimit -n to 416" in errors
    assert "Traceback" not in errors


def test_service_starts_with_the_fewest_open_files():
    with start(64) as process:
        lines = iter(process.stderr)
        started = any("Started worker" in line for line in lines)
        process.terminate()
        process.communicate(timeout=60)

    assert started
    assert process.returncode == 0


def test_usual_limit_of_open_files_is_not_logged():
    with running_server("--dev") as served:
        assert not any("limit of open files" in line for line in served.stderr)
