"""No worker outlives its parent, and the next start finds the port free."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import redis_server, server_process

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PHONE = {"phone": "9445012345"}
METRICS = {"OTP_METRICS_KEY": "metrics-secret-0123456789-abcdef"}
# A worker that drained would run longer than a test waits.
DRAIN = {"OTP_DRAIN": "60s"}
PROGRAM = """
import os
from dataclasses import replace
from granian.constants import HTTPModes, Interfaces
from otp_engine import config
from otp_engine.ops import log_config
from otp_engine.server import DrainingServer

settings = config.load(os.environ)
{changes}
Server(
    settings, metrics_dir=None, interface=Interfaces.WSGI, workers=2, port={port},
    http=HTTPModes.http1, log_dictconfig=log_config.build_config(),
    respawn_failed_workers=True,
).run()
"""
# The second worker cannot be created, as on a machine without memory.
HALF_STARTED = """
class Server(DrainingServer):
    def _spawn_worker(self, idx, target, callback_loader):
        if idx == 1:
            raise OSError
        return super()._spawn_worker(idx, target, callback_loader)
"""
# As on macOS: a worker inherits no memory and no open file of its parent.
SPAWNED = """
import multiprocessing
multiprocessing.set_start_method("spawn")
Server = DrainingServer
"""
# No worker can build its application.
UNSTARTABLE = """
Server = DrainingServer
settings = replace(settings, redis_url="redis://localhost/?secret=123456")
"""


def workers_in(text):
    return [
        int(pid) for pid in re.findall(r"Spawning worker-\d+ with PID: (\d+)", text)
    ]


def workers(server):
    return workers_in("".join(server.stderr))


def has_ended(pid):
    """Return whether a process has ended, also if no process has read its status."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


@contextmanager
def started(arguments, **environ):
    """Start a program; yield it and the lines of its standard error."""
    with subprocess.Popen(
        arguments,
        env=server_process.PATH | environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    ) as process:
        try:
            yield process, process.stderr
        finally:
            process.terminate()
            process.wait(60)


@pytest.mark.parametrize(
    "number",
    ["SIGKILL", "SIGABRT", "SIGSEGV", "SIGBUS", "SIGALRM", "SIGQUIT", "SIGHUP"],
)
def test_workers_end_with_parent_and_free_its_port(own_environ, number, tmp_path):
    environ = own_environ | METRICS | DRAIN | {"TMPDIR": str(tmp_path)}
    with server_process.running_server("--workers", "2", **environ) as server:
        server.process.send_signal(signal.Signals[number])

        redis_server.wait_until(lambda: all(map(has_ended, workers(server))))
        server.process.wait(60)
        assert len(workers(server)) == 2
        assert server_process.is_free(server.port)
        assert list(tmp_path.glob("otp-engine-*")) == []


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGHUP, signal.SIGINT])
def test_signal_stops_dev_mode_without_drain(number):
    with server_process.running_server("--dev", **DRAIN) as server:
        server.process.send_signal(number)

        assert server.process.wait(60) == 0
    assert "the service has stopped" in server.stderr[-1]


def test_service_starts_again_on_port_of_killed_parent(own_environ):
    with server_process.running_server("--workers", "2", **own_environ) as killed:
        killed.process.kill()
        redis_server.wait_until(lambda: all(map(has_ended, workers(killed))))
    with server_process.running_server(
        "--workers", "2", "--port", str(killed.port), **own_environ
    ) as server:
        assert server.get("/readyz").status == 200


def test_worker_of_killed_parent_completes_request_and_frees_port(own_environ, twilio):
    def wait_for_port(handler):
        twilio.let_go.wait(60)
        handler.accept()

    twilio.behave = wait_for_port
    with (
        server_process.running_server("--workers", "1", **own_environ) as server,
        ThreadPoolExecutor(1) as threads,
    ):
        sending = threads.submit(server.post, "/auth/send_otp", PHONE, **KEY)
        redis_server.wait_until(lambda: len(twilio.messages) == 1)
        server.process.kill()
        redis_server.wait_until(lambda: server_process.is_free(server.port))
        twilio.let_go.set()

        assert sending.result().status == 201
        redis_server.wait_until(lambda: all(map(has_ended, workers(server))))


def test_worker_that_replaced_another_ends_with_parent(own_environ):
    with server_process.running_server("--workers", "2", **own_environ) as server:
        os.kill(workers(server)[0], signal.SIGKILL)
        redis_server.wait_until(
            lambda: "".join(server.stderr).count("Started worker") == 3
        )
        server.process.kill()

        redis_server.wait_until(lambda: all(map(has_ended, workers(server))))
        assert len(workers(server)) == 3


def test_ignored_hangup_stops_no_service():
    # A process inherits an ignored signal, and `nohup` relies on that.
    default = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        running = server_process.running_server("--dev", **DRAIN)
        with running as server:
            server.process.send_signal(signal.SIGHUP)
            server.process.send_signal(signal.SIGTERM)

            # The drain shows that SIGHUP, which is delivered first, did not stop it.
            redis_server.wait_until(lambda: server.get("/readyz").status == 503)
            server.process.send_signal(signal.SIGINT)
            assert server.process.wait(60) == 0
    finally:
        signal.signal(signal.SIGHUP, default)


@pytest.mark.parametrize("drain", ["0s", "1s"])
def test_signal_during_start_stops_service_without_killing_workers(own_environ, drain):
    arguments = [*server_process.PROGRAM, "serve", "--workers", "2", "--port", "0"]
    environ = own_environ | {"OTP_DRAIN": drain}
    with started(arguments, **environ) as (process, lines):
        next(line for line in lines if "Spawning worker-2" in line)
        process.terminate()
        rest = "".join(lines)

    assert process.returncode == 0
    assert "is killed" not in rest
    assert "Unexpected exit" not in rest


def test_spawned_workers_end_with_killed_parent(own_environ):
    program = PROGRAM.format(changes=SPAWNED, port=redis_server.free_port())
    with started([sys.executable, "-c", program], **own_environ) as (process, lines):
        log = [next(lines)]
        while "".join(log).count("Started worker") < 2:
            log.append(next(lines))
        process.kill()

        pids = workers_in("".join(log))
        redis_server.wait_until(lambda: all(map(has_ended, pids)))
    assert len(pids) == 2


def run_program(changes, environ):
    """Run a server with *changes* to its end; return the status and the log."""
    program = PROGRAM.format(changes=changes, port=redis_server.free_port())
    with started([sys.executable, "-c", program], **environ) as (process, lines):
        text = "".join(lines)
    return process.returncode, text


def test_parent_that_fails_during_start_leaves_no_worker(own_environ):
    returncode, text = run_program(HALF_STARTED, own_environ)

    assert returncode == 1
    [worker] = workers_in(text)
    assert has_ended(worker)


def test_workers_that_cannot_start_end_the_service_with_json_lines(own_environ):
    returncode, text = run_program(UNSTARTABLE, own_environ)

    assert returncode == 1
    failed = [json.loads(line) for line in text.splitlines() if "did not" in line]
    assert {line["message"] for line in failed} == {"the worker did not start"}
    assert {line["error"] for line in failed} == {"InvalidSettings"}
    assert all(json.loads(line) for line in text.splitlines())
    assert "123456" not in text
