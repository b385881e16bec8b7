"""The Redis of `docker-compose.yml`: its password, its network, its health check."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import redis
import yaml

from otp_engine import config
from otp_engine.cli import main
from otp_engine.cli.commands.serve import serve
from tests.support import redis_server, server_process
from tests.support.settings import RELAXED

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
PASSWORD = "a-password-of-the-test"
SERVICES = dict(
    re.findall(
        r"^  ([a-z-]+):\n((?:    .*\n|\n)+)",
        COMPOSE[COMPOSE.index("\nservices:") : COMPOSE.index("\nnetworks:")],
        re.MULTILINE,
    )
)


@pytest.fixture
def server(tmp_path):
    """Run redis-server as the container does; yields its port and its process."""
    redis_server.redis_program()
    script = SERVICES["redis"].partition("- |\n")[2].partition("      - redis")[0]
    script = re.sub("^ +", "", script, flags=re.MULTILINE).replace("$$", "$")
    port = redis_server.free_port()
    private = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path))
    command = ("redis-server", *private, *redis_server.options_of_compose())
    with subprocess.Popen(
        ["/bin/sh", "-ec", script, "redis", *command],
        env=server_process.PATH | {"REDISCLI_AUTH": PASSWORD},
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            redis_server.wait_until(lambda: redis_server.listens(port))
            yield port, process
        finally:
            process.kill()


def test_redis_rejects_clients_without_password(server):
    port, _ = server
    with (
        redis.Redis(port=port) as unauthenticated,
        pytest.raises(redis.AuthenticationError),
    ):
        unauthenticated.ping()


def test_redis_with_password_syncs_every_write_and_evicts_nothing(server):
    port, _ = server
    with redis.Redis(port=port, password=PASSWORD) as authenticated:
        assert authenticated.config_get("append*")["appendfsync"] == "always"
        assert authenticated.config_get("maxmemory-policy") == {
            "maxmemory-policy": "noeviction"
        }


def test_redis_command_line_does_not_contain_password(server):
    _, process = server
    command_line = Path(f"/proc/{process.pid}/cmdline").read_text()

    assert command_line.startswith("redis-server")
    assert PASSWORD not in command_line


@pytest.mark.parametrize(("password", "healthy"), [(PASSWORD, True), ("other", False)])
def test_redis_health_check_requires_a_reply_to_ping(server, password, healthy):
    port, _ = server
    command = re.search(r'"CMD-SHELL", "(redis-cli .*)"', SERVICES["redis"])
    assert command
    check = command[1].replace("redis-cli", f"redis-cli -p {port}")

    result = subprocess.run(
        ["/bin/sh", "-c", check],
        env=server_process.PATH | {"REDISCLI_AUTH": password},
        check=False,
    )

    assert (result.returncode == 0) == healthy


def test_default_redis_url_contains_default_redis_password():
    default = re.search(r"\$\{REDIS_PASSWORD:-(.+)\}", COMPOSE)

    assert default
    assert f"REDIS_URL:-redis://:{default[1]}@redis:6379/0}}" in COMPOSE


def test_store_network_is_internal():
    assert re.search(r"^  store:\n    internal: true$", COMPOSE, re.MULTILINE)


ENGINE = COMPOSE[COMPOSE.index("x-engine:") : COMPOSE.index("\nservices:")]


def test_only_the_service_shares_the_network_of_redis():
    others = {name: text for name, text in SERVICES.items() if name != "redis"}

    assert "networks: [store]" in SERVICES["redis"]
    assert "    store: {}\n" in ENGINE
    for name, text in others.items():
        assert "networks:" not in text, name
        assert ("<<: *engine" in text) == (name in {"otp-engine", "twilio"}), name


def test_prometheus_and_proxy_reach_the_service_that_runs():
    shared = "    default: {aliases: [otp-engine]}\n"
    targets = (ROOT / "deploy/prometheus/prometheus.yml").read_text()

    assert shared in ENGINE
    assert "names: [otp-engine]" in targets
    port = re.search(r"^ +port: (\d+)$", targets, re.MULTILINE)
    assert port
    assert f"OTP_ADMIN_PORT: ${{OTP_ADMIN_PORT:-{port[1]}}}" in COMPOSE
    assert "http://otp-engine:3000" in SERVICES["proxy"]


@pytest.mark.parametrize("name", ["prometheus", "proxy", "grafana"])
def test_observers_do_not_start_dev_mode_beside_twilio(name):
    assert not re.search(r"depends_on:.*otp-engine", SERVICES[name])


def test_first_log_lines_have_the_port_of_this_machine():
    command = re.search(r"^  command: (\[.*\])$", ENGINE, re.MULTILINE)
    assert command
    arguments = [
        word.replace("${PORT:-3000}", "3471") for word in json.loads(command[1])
    ]

    # Without its parent, click would cache a help option without -h.
    with (
        main.make_context("otp-engine", ["serve"]) as parent,
        serve.make_context("serve", arguments[1:], parent=parent) as context,
    ):
        assert context.params["url"] == "http://localhost:3471"
    assert '["127.0.0.1:${PORT:-3000}:3000"]' in ENGINE


def test_service_of_real_messages_starts_again_after_every_crash():
    # Docker never resets the count of `on-failure`, and ignores it at its own start.
    composed = yaml.safe_load(COMPOSE)["services"]

    assert composed["twilio"]["restart"] == "unless-stopped"
    assert composed["redis"]["restart"] == "unless-stopped"


def test_wrong_settings_do_not_restart_dev_mode_for_ever():
    composed = yaml.safe_load(COMPOSE)["services"]

    assert composed["otp-engine"]["restart"] == "on-failure:3"


def test_nginx_accepts_the_configuration_of_the_container(tmp_path):
    nginx = redis_server.program("nginx", required_by="OTP_REQUIRE_PROXIES")
    script = SERVICES["proxy"].partition("- |\n")[2].partition("        exec nginx")[0]
    script = re.sub("^ +", "", script, flags=re.MULTILINE).replace("$$", "$")
    script = script.replace("/tmp/", f"{tmp_path}/")  # noqa: S108 - a path of the container
    script = script.replace("/etc/otp-engine", str(ROOT / "deploy" / "proxy"))
    subprocess.run(["/bin/sh", "-ec", script], check=True, capture_output=True)

    test = [nginx, "-t", "-p", f"{tmp_path}/", "-c", str(tmp_path / "nginx.conf")]
    result = subprocess.run(test, check=False, capture_output=True, text=True)

    assert result.returncode == 0, result.stderr
    adapted = (tmp_path / "nginx.conf").read_text()
    assert "listen 8443 ssl;" in adapted
    assert "proxy_pass $service;" in adapted
    assert "127.0.0.1:3000" not in adapted


def test_mailpit_is_the_mail_server_of_the_local_stack():
    default = re.search(r"OTP_SMTP_URL: \$\{OTP_SMTP_URL:-(\S+)\}", ENGINE + COMPOSE)
    assert default

    settings = config.load(
        RELAXED
        | {
            "OTP_SENDER": "smtp,console",
            "OTP_SMTP_URL": default[1],
            "OTP_SMTP_FROM": "codes@example.com",
        }
    )

    assert settings.smtp
    assert (settings.smtp.host, settings.smtp.port) == ("mailpit", 1025)
    assert settings.smtp.host in SERVICES
    assert settings.real_sender is None
    assert settings.inbox


def test_mailpit_is_pinned_confined_and_on_loopback_only():
    mailpit = SERVICES["mailpit"]

    assert re.search(r"image: axllent/mailpit:v\d+\.\d+", mailpit)
    assert "profiles: [mail]" in mailpit
    assert "<<: *confined" in mailpit
    assert re.search(r'^    user: "\d+:\d+"$', mailpit, re.MULTILINE)
    ports = re.findall(r'ports: \["([^"]+)"\]', mailpit)
    assert ports == ["127.0.0.1:8025:8025"]


def test_every_port_is_published_on_an_address_of_ipv4():
    ports = re.findall(r"^ +ports: (\[.*\])$", COMPOSE, re.MULTILINE)
    published = [port for each in ports for port in json.loads(each)]

    assert len(published) > 5
    assert all(re.match(r"(127\.0\.0\.1|0\.0\.0\.0):", port) for port in published)


def test_service_of_real_messages_has_no_test_mail_server():
    assert "OTP_SMTP_URL: ${OTP_SMTP_URL:-}" in SERVICES["twilio"]
