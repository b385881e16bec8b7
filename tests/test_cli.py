"""The commands, in this process; `tests/e2e/test_commands.py` runs them for real."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import socket
from datetime import UTC, datetime

import click
import pytest
import redis
from click.testing import CliRunner

from otp_engine import __version__, config
from otp_engine.cli import connection_limit, listen_address, serve
from otp_engine.cli.common import load
from otp_engine.cli.listen_address import ListenAddress
from otp_engine.crypto import api_keys
from otp_engine.crypto.webhook_signatures import WebhookSecret
from otp_engine.domain.services import Service
from otp_engine.store.redis_store import RedisStore
from tests.support import redis_server, twilio_server
from tests.support.command_line import run
from tests.support.server_process import production
from tests.support.settings import PRODUCTION

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("arguments", [("-h",), ("serve", "-h"), ("doctor", "-h")])
def test_help_option_prints_usage(arguments):
    result = run(*arguments)

    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: otp-engine ")


def test_version_option_prints_version():
    assert run("--version").stdout == f"otp-engine {__version__}\n"


@pytest.mark.parametrize(
    ("command", "variable"),
    [("pepper", "OTP_PEPPER"), ("factor", "OTP_FACTOR_KEY")],
)
def test_new_key_is_random_and_has_32_bytes(command, variable):
    first, second = run("keys", command).stdout, run("keys", command).stdout

    name, _, value = first.strip().partition("=")
    assert name == variable
    assert len(base64.b64decode(value, validate=True)) == 32
    assert first != second


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_invalid_environment_fails_with_every_problem(command):
    result = run(command, OTP_TTL="9d", OTP_PEPPER="eA==")

    assert result.exit_code == 1
    for name in ("OTP_TTL", "OTP_PEPPER", "REDIS_URL", "OTP_SENDER", "OTP_API_KEYS"):
        assert f"✗ {name} " in result.stderr


def test_serve_without_settings_recommends_dev_mode_and_a_key():
    lines = run("serve").stderr.splitlines()

    assert "`otp-engine serve --dev`" in lines[0]
    [keys] = [line for line in lines if line.startswith("✗ OTP_API_KEYS ")]
    key, anonymous = "`otp-engine keys new NAME`", "OTP_ALLOW_ANONYMOUS"
    assert keys.index(key) < keys.index(anonymous)


def test_serve_with_embedded_store_and_two_workers_fails():
    result = run("serve", "--dev", "--workers", "2")

    assert result.exit_code == 1
    assert "--workers over 1 needs REDIS_URL" in result.stderr


@pytest.fixture
def twilio():
    with twilio_server.running() as twilio:
        yield twilio


def test_doctor_of_healthy_service_exits_with_0(redis_url, real_redis, twilio):
    result = run("doctor", **production(redis_url, twilio.url))

    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("✓") == 8
    assert "✓ twilio sends by sms; whatsapp needs TWILIO_WHATSAPP_CONTENT" in (
        result.stderr
    )
    assert "✓ the pumping guard suspends no place" in result.stderr
    assert "✓ the chance of guessing a code is at most 1 in 40,000" in result.stderr


def test_doctor_without_redis_and_provider_names_both():
    away = f"127.0.0.1:{redis_server.free_port()}"
    environ = production(f"redis://{away}", f"http://{away}")

    result = run("doctor", **environ, OTP_TTL="20m")

    assert result.exit_code == 1
    assert f"✗ Redis (redis://{away}) does not answer" in result.stderr
    assert "✗ the sender (twilio) does not answer" in result.stderr
    assert "! ttl 20m is over 10m" in result.stderr


@pytest.mark.parametrize(
    "redis_url",
    [
        "redis://:s3cr3t@{}",
        "redis://{}?password=p@s3cr3t",
        "redis://{}?username=u@h&password=s3cr3t",
    ],
)
def test_doctor_shows_no_password_of_redis(redis_url):
    away = f"127.0.0.1:{redis_server.free_port()}"
    environ = production(redis_url.format(away), f"http://{away}")

    result = run("doctor", **environ)

    assert f"✗ Redis (redis://{away}) does not answer" in result.stderr
    assert "s3cr3t" not in result.output + result.stderr


def test_doctor_warns_if_redis_can_lose_data(tmp_path, twilio):
    options = ("--maxmemory-policy", "allkeys-lru")
    with redis_server.redis_on_a_port(tmp_path, *options) as port:
        environ = production(f"redis://:@127.0.0.1:{port}", twilio.url)
        result = run("doctor", **environ)

    assert result.exit_code == 0
    assert "! Redis evicts keys (allkeys-lru)" in result.stderr
    assert "! Redis loses data at a restart" in result.stderr


def test_doctor_without_a_required_replica_fails(redis_url, twilio):
    environ = production(redis_url, twilio.url)

    result = run("doctor", **environ, OTP_REDIS_WAIT_REPLICAS="1")

    assert result.exit_code == 1
    assert "has 0 replicas that confirm a write, and" in result.stderr


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://:s3cr3t@127.0.0.1:{port}", "has no password, and REDIS_URL has one"),
        ("redis://otp:s3cr3t@127.0.0.1:{port}", "refuses the password, or the user"),
        ("redis://127.0.0.1:{port}/99", "has no database 99"),
    ],
)
@pytest.mark.parametrize("command", [("doctor",), ("policy", "show")])
def test_command_prints_why_redis_cannot_be_used(
    tmp_path, twilio, url, reason, command
):
    with redis_server.redis_on_a_port(tmp_path) as port:
        result = run(*command, **production(url.format(port=port), twilio.url))

    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("✗")]
    assert reason in line
    assert "s3cr3t" not in result.stderr
    assert "redis:" not in result.stderr.replace("redis://", "")


def test_doctor_names_the_command_that_the_user_of_redis_may_not_run(tmp_path, twilio):
    with (
        redis_server.redis_on_a_port(tmp_path) as port,
        redis.Redis(port=port) as admin,
    ):
        admin.execute_command("ACL", "SETUSER", "default", "-time")
        result = run("doctor", **production(f"redis://127.0.0.1:{port}", twilio.url))

    assert result.exit_code == 1
    assert f"✗ Redis (redis://127.0.0.1:{port}) does not permit the user TIME" in (
        result.stderr
    )


def test_doctor_without_permission_for_info_warns(tmp_path, twilio):
    with (
        redis_server.redis_on_a_port(tmp_path) as port,
        redis.Redis(port=port) as admin,
    ):
        admin.execute_command("ACL", "SETUSER", "default", "-info")
        environ = production(f"redis://127.0.0.1:{port}", twilio.url)
        result = run("doctor", **environ)

    assert result.exit_code == 0
    assert (
        "! Redis did not report its persistence: it does not permit the user INFO"
        in result.stderr
    )


@pytest.mark.parametrize("query", ["?foo=1", "?socket_timeout=x", "/?db=q"])
def test_serve_with_invalid_redis_url_fails(query):
    environ = production("redis://127.0.0.1" + query, "http://127.0.0.1")

    result = run("serve", **environ)

    assert result.exit_code == 1
    assert result.stderr.startswith("✗ REDIS_URL ")
    assert result.stderr.count("\n") == 1


# Two servers on one port would each answer half of the requests.
@pytest.mark.parametrize("options", [{}, {"reuse_port": True}])
def test_serve_on_port_in_use_fails(options):
    with socket.create_server(("127.0.0.1", 0), **options) as taken:
        port = str(taken.getsockname()[1])
        result = run("serve", "--dev", "--port", port)

    assert result.exit_code == 1
    assert f"✗ cannot listen on 127.0.0.1, port {port}" in result.stderr


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("nowhere.invalid", ""),
        ("", ""),
        ("localhost:3000", ""),
        ("a..b", "this is no host name"),
        ("192.0.2.1", "Cannot assign requested address"),
        ("fe80::1%nowhere", "addresses with a zone are not supported"),
    ],
)
def test_serve_on_host_that_is_not_of_this_machine_fails(host, reason):
    result = run("serve", "--dev", "--host", host)

    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert line.startswith(f"✗ cannot listen on {host}, port 3000: {reason}")


@pytest.mark.parametrize(
    ("host", "ip"),
    [
        ("localhost", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("::", "::"),
        ("[::]", "::"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
    ],
)
def test_host_is_resolved_to_one_ip_address(host, ip):
    address = listen_address.find(host, 0)

    assert address.ip == ip
    assert address.port > 0


@pytest.mark.parametrize(
    ("ip", "url"),
    [
        ("127.0.0.1", "http://localhost:3420"),
        ("0.0.0.0", "http://localhost:3420"),
        ("::", "http://localhost:3420"),
        ("::1", "http://[::1]:3420"),
        ("192.0.2.1", "http://192.0.2.1:3420"),
    ],
)
def test_url_of_listen_address_reaches_it_from_this_machine(ip, url):
    assert ListenAddress(ip, 3420).url == url


@pytest.mark.parametrize(
    ("workers", "soft", "hard", "connections", "files"),
    [
        (1, 1024, math.inf, 4096, 4352),
        (2, 1024, 524_288, 2048, 2304),
        (2, 65_536, 65_536, 2048, 2304),
        # Fewer connections leave open files for Redis and the provider.
        (1, 1024, 1024, 768, 1024),
        (2, 256, 300, 160, 300),
        (256, 1024, math.inf, 320, 576),
    ],
)
def test_connections_of_a_worker_fit_its_open_files(
    workers, soft, hard, connections, files
):
    assert connection_limit.plan(workers, soft, hard) == (connections, files)


def test_idle_connection_of_default_outlives_one_of_load_balancers():
    settings = config.load({"OTP_DEV": "1"})

    assert serve.http1_settings(settings).header_read_timeout == 75_000


def test_new_api_key_is_printed_once_with_its_hash():
    result = run("keys", "new", "shop")

    key, line = result.stdout.splitlines()
    assert key.startswith("otp_live_")
    assert line.startswith("OTP_API_KEYS=shop:sha256:")
    assert key not in line
    assert "not shown again" in result.stderr


@pytest.mark.parametrize("name", ["the shop", "a:b", "a,b", "anonymous", ""])
def test_new_api_key_with_invalid_name_fails(name):
    result = run("keys", "new", name)

    assert (result.exit_code, result.stdout) == (1, "")


def test_console_key_is_printed_with_its_digest_for_the_settings():
    result = run("keys", "console", "alice")

    secret, line = result.stdout.splitlines()
    assert line == f"OTP_CONSOLE_KEY={api_keys.env_entry('alice', secret)}"
    assert secret not in line
    [key] = config.load(PRODUCTION | dict([line.split("=", 1)])).console.keys
    assert key.digest == api_keys.digest(secret)


@pytest.mark.parametrize("name", ["anonymous", "alice@ops", "x" * 40, ""])
def test_console_key_needs_the_name_of_a_person(name):
    result = run("keys", "console", name)

    assert result.exit_code == 1
    assert "a name has up to 64 letters" in result.stderr


def test_new_metrics_key_is_printed_with_its_hash():
    result = run("keys", "metrics")

    key, line = result.stdout.splitlines()
    assert key.startswith("otp_live_")
    digest = hashlib.sha256(key.encode()).hexdigest()
    assert line == f"OTP_METRICS_KEY=sha256:{digest}"


def test_new_proof_key_has_32_bytes():
    line = run("keys", "proof").stdout.strip()

    name, _, value = line.partition("=")
    assert name == "OTP_PROOF_KEY"
    assert len(base64.b64decode(value, validate=True)) == 32


def test_new_webhook_secret_can_be_parsed():
    line = run("keys", "webhook").stdout.strip()

    assert WebhookSecret.parse(line).to_text() == line


@pytest.mark.parametrize(("length", "exit_code"), [(47, 0), (46, 1)])
def test_check_of_truncated_api_key_fails(length, exit_code):
    key = run("keys", "new", "shop").stdout.splitlines()[0]

    assert run("keys", "check", key[:length]).exit_code == exit_code


def test_calibrate_measures_every_cost_and_proposes_one():
    result = run("calibrate", "--seconds", "0.05", "--rate", "0.1", "--json")

    report = json.loads(result.stdout)
    assert [cost["name"] for cost in report["costs"]] == ["owasp", "rfc9106", "light"]
    assert all(cost["hashes_per_second"] > 0 for cost in report["costs"])
    assert report["proposed"] == "rfc9106"
    assert result.exit_code == 0


def test_calibrate_for_impossible_rate_fails():
    result = run("calibrate", "--seconds", "0.05", "--rate", "1000000")

    assert result.exit_code == 1
    assert "no profile reaches 1e+06 a second" in result.stderr
    assert "core-hours" in result.stdout


def test_command_removes_secrets_from_its_environment():
    @click.command
    def show():
        load()
        click.echo(json.dumps(dict(os.environ)))

    environ = production("redis://127.0.0.1", "http://127.0.0.1")
    cleared = dict.fromkeys(os.environ)
    result = CliRunner().invoke(show, env=cleared | environ, catch_exceptions=False)

    assert set(environ) - set(json.loads(result.stdout)) == {
        "REDIS_URL",
        "OTP_PEPPER",
        "OTP_API_KEYS",
        "TWILIO_AUTH_TOKEN",
    }


def test_doctor_warns_of_weak_live_policy(redis_url, real_redis, twilio):
    environ = production(redis_url, twilio.url)
    run("policy", "set", "max_checks", "11", **environ)

    result = run("doctor", **environ)

    assert result.exit_code == 0
    assert "! live policy: max_checks 11 is over 10" in result.stderr


def test_doctor_warns_of_weak_services(redis_url, real_redis, twilio):
    services = RedisStore(real_redis).services
    services.compare_and_set(
        None, Service(sid="VA1", code_length=4, created_at=NOW, updated_at=NOW)
    )
    services.compare_and_set(
        None, Service(sid="VA2", custom_code=True, created_at=NOW, updated_at=NOW)
    )
    services.compare_and_set(
        None, Service(sid="VA3", code_length=6, created_at=NOW, updated_at=NOW)
    )

    result = run("doctor", **production(redis_url, twilio.url))

    assert result.exit_code == 0
    assert "! service VA1: CodeLength 4 is under 6 digits" in result.stderr
    assert "! service VA2: CustomCodeEnabled" in result.stderr
    assert "VA3" not in result.stderr


def test_doctor_ignores_what_redis_stores_of_the_default_service(
    redis_url, real_redis, twilio
):
    sid = f"VA{'0' * 32}"
    RedisStore(real_redis).services.compare_and_set(
        None, Service(sid=sid, code_length=4, created_at=NOW, updated_at=NOW)
    )

    result = run("doctor", **production(redis_url, twilio.url))

    assert sid not in result.stderr


def test_doctor_counts_the_shorter_codes_of_the_default_service(
    redis_url, real_redis, twilio
):
    environ = production(redis_url, twilio.url)

    result = run("doctor", **environ, OTP_SERVICE_CODE_LENGTH="5")

    assert "! a brute-force attack finds a code with a chance of 1 in 4,000 a" in (
        result.stderr
    )
    assert "! OTP_SERVICE_CODE_LENGTH 5 is under 6 digits" in result.stderr


def test_doctor_in_dev_mode_warns():
    result = run("doctor", OTP_DEV="1")

    assert result.exit_code == 0
    assert "! dev mode is on" in result.stderr


def test_doctor_of_weak_production_fails_without_printing_secrets(redis_url):
    weak = {"OTP_API_KEYS": "shop:hunter2", "OTP_ARGON2": "m=63,t=1,p=1"}

    result = run("doctor", **production(redis_url, "http://[::1]") | weak)

    assert result.exit_code == 1
    assert "✗ OTP_API_KEYS must have secrets of at least 128 bits" in result.stderr
    assert "✗ OTP_ARGON2 must have m of at least 64" in result.stderr
    assert "hunter2" not in result.stderr


def test_dev_mode_with_twilio_and_no_api_keys_fails():
    environ = production("redis://127.0.0.1:1", "http://127.0.0.1:1")

    result = run("serve", "--dev", **environ | {"OTP_API_KEYS": ""})

    assert result.exit_code == 1
    assert "✗ OTP_API_KEYS is not set: in dev mode the sender twilio" in result.stderr
