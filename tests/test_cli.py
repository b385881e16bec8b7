"""The command line, run as it is run."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
import redis

from otp_engine import __version__
from otp_engine.domain.service import Service
from otp_engine.store.redis_store import RedisStore
from tests import processes, servers, twilio_server
from tests.processes import production

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("words", [("-h",), ("serve", "-h"), ("doctor", "-h")])
def test_every_command_explains_itself(words):
    result = processes.run(*words)

    assert result.returncode == 0
    assert result.stdout.startswith("Usage: ")


def test_the_version_is_said():
    assert processes.run("--version").stdout == f"otp-engine {__version__}\n"


def test_keys_pepper_prints_a_new_pepper():
    first, second = (processes.run("keys", "pepper").stdout for _ in range(2))

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
    assert result.stderr.count("✓") == 4
    assert "✓ the chance of guessing a code is at most 1 in 40,000" in result.stderr


def test_the_doctor_says_what_does_not_answer():
    away = f"127.0.0.1:{servers.free_port()}"
    environ = production(f"redis://{away}", f"http://{away}")

    result = processes.run("doctor", **environ, OTP_TTL="20m")

    assert result.returncode == 1
    assert f"✗ Redis (redis://{away}) does not answer" in result.stderr
    assert "✗ the sender (twilio) does not answer" in result.stderr
    assert "! ttl is 20m" in result.stderr


def test_the_doctor_says_what_redis_could_forget(tmp_path):
    options = ("--maxmemory-policy", "allkeys-lru")
    with (
        servers.redis_on_a_port(tmp_path, *options) as port,
        twilio_server.running() as twilio,
    ):
        environ = production(f"redis://:@127.0.0.1:{port}", twilio.url)
        result = processes.run("doctor", **environ, OTP_REDIS_WAIT_REPLICAS="1")

    assert result.returncode == 0
    assert "! Redis evicts keys (allkeys-lru)" in result.stderr
    assert "! Redis loses data at a restart" in result.stderr
    assert "! Redis has fewer than 1 replicas" in result.stderr


def test_a_redis_that_will_not_say_is_a_doubt_and_no_traceback(tmp_path):
    with (
        servers.redis_on_a_port(tmp_path) as port,
        redis.Redis(port=port) as admin,
        twilio_server.running() as twilio,
    ):
        admin.execute_command("ACL", "SETUSER", "default", "-info")
        environ = production(f"redis://127.0.0.1:{port}", twilio.url)
        result = processes.run("doctor", **environ)

    assert result.returncode == 0
    assert "! Redis did not report its persistence" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("query", ["?foo=1", "?socket_timeout=x", "/?db=q"])
def test_a_redis_url_that_could_never_work_is_a_problem(query):
    environ = production("redis://127.0.0.1" + query, "http://127.0.0.1")

    result = processes.run("serve", **environ)

    assert result.returncode == 1
    assert "✗ REDIS_URL has a part or an option" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("options", [{}, {"reuse_port": True}])
def test_a_port_that_is_taken_is_not_shared(options):
    """Two servers on one port would each answer half of the requests."""
    with socket.create_server(("127.0.0.1", 0), **options) as taken:
        port = str(taken.getsockname()[1])
        result = processes.run("serve", "--dev", "--port", port)

    assert result.returncode == 1
    assert f"✗ cannot listen on 127.0.0.1, port {port}" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_ctrl_c_stops_at_once():
    """It goes to the parent and to its workers together, as a terminal sends it."""
    for _ in range(3):
        with processes.serving("--dev") as served:
            began = time.monotonic()
            os.killpg(served.process.pid, signal.SIGINT)
            served.process.wait(30)

        assert time.monotonic() - began < 5


def test_a_new_key_is_printed_once_with_the_line_that_knows_it():
    result = processes.run("keys", "new", "shop")

    key, line = result.stdout.splitlines()
    assert key.startswith("otp_live_")
    assert line.startswith("OTP_API_KEYS=shop:sha256:")
    assert key not in line
    assert "not shown again" in result.stderr


@pytest.mark.parametrize("name", ["the shop", "a:b", "a,b", "anonymous", ""])
def test_a_name_that_cannot_be_is_refused(name):
    result = processes.run("keys", "new", name)

    assert (result.returncode, result.stdout) == (1, "")


def test_a_new_key_for_a_prometheus_comes_with_its_own_line():
    result = processes.run("keys", "metrics")

    key, line = result.stdout.splitlines()
    assert key.startswith("otp_live_")
    digest = hashlib.sha256(key.encode()).hexdigest()
    assert line == f"OTP_METRICS_KEY=sha256:{digest}"


def test_a_new_key_for_proofs_is_a_good_one():
    line = processes.run("keys", "proof").stdout.strip()

    name, _, value = line.partition("=")
    assert name == "OTP_PROOF_KEY"
    assert len(base64.b64decode(value, validate=True)) == 32


@pytest.mark.parametrize(("cut", "code"), [(47, 0), (46, 1)])
def test_a_key_can_be_checked_for_being_whole(cut, code):
    key = processes.run("keys", "new", "shop").stdout.splitlines()[0]

    assert processes.run("keys", "check", key[:cut]).returncode == code


def test_the_costs_of_a_hash_are_measured_and_one_is_proposed():
    result = processes.run(
        *("calibrate", "--seconds", "0.05", "--rate", "0.1", "--json")
    )

    said = json.loads(result.stdout)
    assert [one["name"] for one in said["costs"]] == ["owasp", "rfc9106", "light"]
    assert all(one["hashes_per_second"] > 0 for one in said["costs"])
    assert said["proposed"] == "rfc9106"
    assert result.returncode == 0


def test_a_rate_that_no_cost_carries_is_said_to_be_one():
    result = processes.run("calibrate", "--seconds", "0.05", "--rate", "1000000")

    assert result.returncode == 1
    assert "no profile reaches 1e+06 a second" in result.stderr
    assert "core-hours" in result.stdout


def test_a_command_has_no_secret_in_its_environment_once_it_has_read_them():
    script = (
        "import json, os; from otp_engine.cli.common import load; load();"
        " print(json.dumps(dict(os.environ)))"
    )
    environ = production("redis://127.0.0.1", "http://127.0.0.1")
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=processes.PATH | environ,
        capture_output=True,
        check=True,
    )

    left = json.loads(result.stdout)
    assert set(environ) - set(left) == {
        "REDIS_URL",
        "OTP_PEPPER",
        "OTP_API_KEYS",
        "TWILIO_AUTH_TOKEN",
    }


def test_the_doctor_warns_of_a_weak_live_policy_and_of_weak_services(
    redis_url, real_client
):
    services = RedisStore(real_client).services
    services.swap(None, Service(sid="VA1", code_length=4, created=NOW, updated=NOW))
    services.swap(None, Service(sid="VA2", custom_code=True, created=NOW, updated=NOW))
    services.swap(None, Service(sid="VA3", code_length=6, created=NOW, updated=NOW))
    with twilio_server.running() as twilio:
        environ = production(redis_url, twilio.url)
        processes.run("policy", "set", "max_checks", "11", **environ)
        result = processes.run("doctor", **environ)

    assert result.returncode == 0
    assert "! live policy: max_checks 11 is over 10" in result.stderr
    assert "! service VA1: CodeLength 4 is under 6 digits" in result.stderr
    assert "! service VA2: CustomCodeEnabled" in result.stderr
    assert "VA3" not in result.stderr


def test_the_doctor_says_dev_mode_and_does_not_start_a_weak_production(redis_url):
    weak = {"OTP_API_KEYS": "shop:hunter2", "OTP_ARGON2": "m=63,t=1,p=1"}

    dev = processes.run("doctor", OTP_DEV="1")
    refused = processes.run("doctor", **production(redis_url, "http://[::1]") | weak)

    assert (dev.returncode, refused.returncode) == (0, 1)
    assert "! this is development mode" in dev.stderr
    assert "✗ OTP_API_KEYS must have secrets of at least 128 bits" in refused.stderr
    assert "✗ OTP_ARGON2 must have m of at least 64" in refused.stderr
    assert "hunter2" not in refused.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_start_of_dev_mode_says_what_is_open_outside_of_this_machine(host):
    with processes.serving("--dev", "--host", host) as served:
        written = "".join(served.stderr)

    assert "this is development mode" in written
    assert "the chance of guessing a code is at most 1 in 40,000" in written
    open_paths = "/dev/inbox (every code), /verify, /metrics, /v2, sends and checks"
    assert (open_paths in written) == (host == "0.0.0.0")


def test_dev_mode_does_not_send_for_real_to_everybody():
    environ = production("redis://127.0.0.1:1", "http://127.0.0.1:1")

    result = processes.run("serve", "--dev", **environ | {"OTP_API_KEYS": ""})

    assert result.returncode == 1
    assert "✗ OTP_API_KEYS is not set: in dev mode the sender twilio" in result.stderr
