"""The Redis of `docker-compose.yml`: its password, its network, its health check."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import redis

from tests.support import redis_server, server_process

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


def test_only_the_service_shares_the_network_of_redis():
    engine = COMPOSE[COMPOSE.index("x-engine:") : COMPOSE.index("\nservices:")]
    others = {name: text for name, text in SERVICES.items() if name != "redis"}

    assert "networks: [store]" in SERVICES["redis"]
    assert "networks: [default, store]" in engine
    for name, text in others.items():
        assert "networks:" not in text, name
        assert ("<<: *engine" in text) == (name in {"otp-engine", "twilio"}), name
