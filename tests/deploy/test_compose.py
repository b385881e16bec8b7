"""The Redis of `docker-compose.yml` has a password and a network of its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import redis

from tests import processes, servers

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
    """Run a redis-server as the container does; yields its port and its process."""
    servers.redis_program()
    script = SERVICES["redis"].partition("- |\n")[2].partition("      - redis")[0]
    script = re.sub("^ +", "", script, flags=re.MULTILINE).replace("$$", "$")
    port = servers.free_port()
    place = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path))
    words = ("redis-server", *place, *servers.options_of_compose())
    with subprocess.Popen(
        ["/bin/sh", "-ec", script, "redis", *words],
        env=processes.PATH | {"REDISCLI_AUTH": PASSWORD},
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            servers.wait_until(lambda: servers.listens(port))
            yield port, process
        finally:
            process.kill()


def test_its_redis_wants_the_password(server):
    port, _ = server
    with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()

    with redis.Redis(port=port, password=PASSWORD) as client:
        assert client.ping()
        assert client.config_get("append*")["appendfsync"] == "always"
        assert client.config_get("maxmemory-policy") == {
            "maxmemory-policy": "noeviction"
        }


def test_the_password_is_in_no_command_line(server):
    _, process = server
    words = Path(f"/proc/{process.pid}/cmdline").read_text()

    assert words.startswith("redis-server")
    assert PASSWORD not in words


def test_the_health_of_its_redis_is_the_answer_to_a_ping(server):
    port, _ = server
    command = re.search(r'"CMD-SHELL", "(redis-cli .*)"', SERVICES["redis"])
    assert command
    check = command[1].replace("redis-cli", f"redis-cli -p {port}")

    def healthy(password):
        environ = processes.PATH | {"REDISCLI_AUTH": password}
        words = ["/bin/sh", "-c", check]
        return subprocess.run(words, env=environ, check=False).returncode == 0

    assert healthy(PASSWORD)
    assert not healthy("another")


def test_the_service_is_given_the_password_of_its_redis():
    given = re.search(r"\$\{REDIS_PASSWORD:-(.+)\}", COMPOSE)

    assert given
    assert f"REDIS_URL:-redis://:{given[1]}@redis:6379/0}}" in COMPOSE


def test_only_the_service_is_on_the_network_of_redis():
    engine = COMPOSE[COMPOSE.index("x-engine:") : COMPOSE.index("\nservices:")]

    assert "networks: [store]" in SERVICES.pop("redis")
    assert "networks: [default, store]" in engine
    assert re.search(r"^  store:\n    internal: true$", COMPOSE, re.MULTILINE)
    for name, text in SERVICES.items():
        assert "networks:" not in text, name
        assert ("<<: *engine" in text) == (name in {"otp-engine", "twilio"}), name
