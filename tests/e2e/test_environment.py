"""What a running service keeps of the environment that it was started with."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from otp_engine.config.secret_settings import FILES, SECRETS
from tests import processes, servers

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PHONE = {"phone": "9445012345"}


@pytest.fixture
def in_files(quick, tmp_path):
    """The same settings, with each secret in a file."""
    environ = dict(quick)
    for name in set(SECRETS) & set(quick):
        path = tmp_path / f"{name}.secret"
        path.write_text(f"{environ.pop(name)}\n")
        environ[FILES[name]] = str(path)
    return environ


def workers(served):
    """The process ids of the workers, in the order that they were started."""
    found = re.findall(r"Spawning worker-\d+ with PID: (\d+)", "".join(served.stderr))
    return [int(pid) for pid in found]


def replace_worker(served):
    """Kill the only worker, and wait until the next one listens."""
    os.kill(workers(served)[0], signal.SIGKILL)
    servers.wait_until(lambda: "".join(served.stderr).count("Started worker") == 2)
    servers.wait_until(lambda: servers.listens(served.port))


def started_with(pid):
    """The environment that the kernel shows for a process."""
    text = Path(f"/proc/{pid}/environ").read_text()
    return dict(item.partition("=")[::2] for item in text.split("\0") if item)


@pytest.mark.parametrize("source", ["quick", "in_files"])
def test_a_worker_that_replaces_a_dead_one_has_the_settings(request, source, twilio):
    environ = request.getfixturevalue(source)
    with processes.serving("--workers", "1", **environ) as served:
        replace_worker(served)

        assert served.post("/auth/send_otp", PHONE, **KEY).status == 201
        assert served.post("/auth/send_otp", PHONE).status == 401
    assert len(twilio.messages) == 1


def test_a_secret_file_that_goes_after_the_start_is_not_missed(in_files):
    with processes.serving("--workers", "1", **in_files) as served:
        for variable in FILES.values():
            Path(in_files.get(variable, "/nowhere/none")).unlink(missing_ok=True)
        replace_worker(served)

        assert served.post("/auth/send_otp", PHONE, **KEY).status == 201


def test_secrets_in_files_are_in_no_processs_environment(quick, in_files):
    secrets = [quick[name] for name in set(SECRETS) & set(quick)]
    with processes.serving("--workers", "2", **in_files) as served:
        shown = [
            started_with(pid) for pid in (served.process.pid, *workers(served)[:2])
        ]

    assert len(secrets) == 4
    for environ in shown:
        assert "OTP_PEPPER_FILE" in environ
        assert not any(secret in environ.values() for secret in secrets)


def test_no_variable_of_the_process_becomes_a_part_of_a_request():
    variables = {
        "HTTP_X_REQUEST_ID": "from-the-environment",
        "HTTP_AUTHORIZATION": "Bearer of-the-environment",
        "HTTP_ORIGIN": "https://evil.example",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "7",
    }
    with processes.serving("--dev", **variables) as served:
        health = served.get("/healthz")
        sent = served.post("/auth/send_otp", PHONE)

    assert health.status == 200
    assert health.headers["x-request-id"] != "from-the-environment"
    assert sent.status == 201
