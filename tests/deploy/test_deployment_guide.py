"""The steps of docs/deployment.md: what they name exists, and what they write works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support import redis_server, server_process, twilio_server
from tests.support.documented_blocks import ROOT, blocks

PAGE = "docs/deployment.md"
BLOCKS = [block for block in blocks() if block.page == PAGE]
SYSTEMD = ROOT / "deploy" / "systemd"
SECRETS = "install -d -m 700 /etc/otp-engine"
PASSWORD = "password=$(openssl"


def block_of(start):
    (text,) = (block.text for block in BLOCKS if block.text.startswith(f"$ {start}"))
    return re.sub(r"^\$ ", "", text, flags=re.MULTILINE)


def test_guide_names_only_what_exists():
    commands = [command.line for block in BLOCKS for command in block.commands]
    text = "\n".join(commands)
    makefile = (ROOT / "Makefile").read_text()
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

    files = re.findall(r"(?<![\w/])(?:deploy/[\w./-]+\w|requirements\S*\.txt)", text)
    targets = re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)
    services = re.findall(r"docker compose (?:exec|up --detach) ([a-z ]+)", text)
    named = {
        word
        for words in services
        for word in words.split()
        if word not in {"otp", "env"}
    }
    missing = [name for name in files if not (ROOT / name).exists()]
    assert missing == []
    assert len(files) > 3
    assert "image" in targets
    assert all(f"\n{target}:" in makefile for target in targets)
    assert {"twilio", "caddy"} <= named <= set(compose["services"])


def test_caddyfile_of_the_guide_has_the_name(tmp_path):
    (line,) = (
        command.line
        for block in BLOCKS
        for command in block.commands
        if command.line.startswith("sed ")
    )
    result = subprocess.run(
        ["/bin/sh", "-c", line.partition(" >")[0]],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    assert "\notp.example.com {\n" in result.stdout


def test_redis_accepts_the_settings_of_the_guide(tmp_path):
    program = redis_server.redis_program()
    port, path = redis_server.free_port(), tmp_path / "redis.conf"
    path.write_text(f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\n")
    script = block_of(PASSWORD).replace("/etc/redis/redis.conf", str(path))
    script = script.replace("systemctl restart redis-server", "")
    subprocess.run(["/bin/sh", "-ec", script], check=True)

    with subprocess.Popen([program, str(path)], stdout=subprocess.DEVNULL) as process:
        try:
            redis_server.wait_until(lambda: redis_server.listens(port))
        finally:
            process.terminate()

    text = path.read_text()
    assert re.search(r"^requirepass [0-9a-f]{64}$", text, re.MULTILINE)
    for line in ("appendonly yes", "appendfsync always", "maxmemory-policy noeviction"):
        assert line in text.splitlines()


@pytest.fixture
def etc(tmp_path):
    """Run the step of the guide that writes the secrets; return its folder."""
    folder, program = tmp_path / "etc", f"{sys.executable} -m otp_engine"
    script = (
        block_of(SECRETS)
        .replace("/etc/otp-engine", str(folder))
        .replace("/opt/otp-engine/bin/otp-engine", program)
        .replace("tee /dev/tty", f"tee {tmp_path}/shown")
    )
    subprocess.run(
        ["/bin/sh", "-ec", f"password=secret\n{script}"],
        input=twilio_server.TOKEN,
        cwd=ROOT,
        env=server_process.PATH | {"PYTHONPATH": str(ROOT)},
        text=True,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.mark.e2e
def test_files_of_the_guide_are_the_settings_of_a_service(etc, tmp_path):
    secrets = etc / "secrets"
    unit = (SYSTEMD / "otp-engine.service").read_text()
    loaded = re.findall(r"^LoadCredential=(\w+):", unit, re.MULTILINE)

    assert {path.stat().st_mode & 0o077 for path in [etc, *secrets.iterdir()]} == {0}
    assert {path.name for path in secrets.iterdir()} == {*loaded, "twilio_auth_token"}
    with (
        redis_server.redis_on_a_socket(tmp_path) as url,
        twilio_server.running() as twilio,
    ):
        (secrets / "redis_url").write_text(url)
        result = doctor(etc, tmp_path, twilio.url)

    assert "✓ the settings are valid" in result.stderr
    assert result.returncode == 0, result.stderr


def doctor(etc, folder: Path, twilio_url: str):
    """Run `otp-engine-admin doctor` with the files of the guide."""
    (etc / "otp-engine.env").write_text(
        "# A comment.\n  # An indented one, as systemd allows it.\n"
        f"TWILIO_ACCOUNT_SID={twilio_server.ACCOUNT}\n"
        f"TWILIO_MESSAGING_SERVICE_SID={twilio_server.SERVICE}\n"
        "OTP_BRAND=My Shop & Co\n"
        "OTP_DEFAULT_REGION=\"US\"\nOTP_ALLOWED_COUNTRIES='US,CA'\n"
        # The end of the last line is missing, as some editors leave it.
        f"TWILIO_API_BASE_URL={twilio_url}"
    )
    script = folder / "otp-engine-admin"
    script.write_text(
        (SYSTEMD / script.name)
        .read_text()
        .replace("/etc/otp-engine", str(etc))
        .replace("/opt/otp-engine/bin/otp-engine", f"{sys.executable} -m otp_engine")
    )
    return subprocess.run(
        ["/bin/sh", str(script), "doctor"],
        cwd=ROOT,
        env=server_process.PATH,
        capture_output=True,
        text=True,
        check=False,
    )
