"""The steps of docs/backup-and-upgrade.md, on a real Redis."""

from __future__ import annotations

import base64
import subprocess
from contextlib import contextmanager

import pytest
import redis

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from tests.conftest import TIMEOUT
from tests.support import (
    command_line,
    deployments,
    documented_blocks,
    redis_server,
    server_process,
)
from tests.support.fakes import (
    FakeSender,
    by_name,
)

PHONE = "+919445012345"
FACTOR_KEY = bytes(range(50, 82))
USUAL = redis_server.options_of_compose()


@contextmanager
def redis_in(folder, *options):
    """Run a redis-server with the options of the deployment, changed by *options*."""
    folder.mkdir(exist_ok=True)
    settings = ("--dir", str(folder), *USUAL, *options)
    with (
        redis_server.redis_on_a_port(folder, *settings) as port,
        redis.Redis(port=port) as client,
    ):
        yield port, client


def service(port, sender):
    pepper = base64.b64encode(server_process.PEPPER.secret).decode()
    environ = {"OTP_DEV": "1", "OTP_ARGON2": "test", "OTP_PEPPER": pepper}
    settings = config.load(environ)
    store = RedisStore(connect(f"redis://127.0.0.1:{port}", TIMEOUT))
    return create_app(settings, store=store, senders=by_name(sender)).test_client()


def ends(client):
    """Return the time at which each key expires, in milliseconds of Redis's clock.

    Events are left out, because a background thread writes them.
    """
    seconds, microseconds = client.time()
    now = seconds * 1000 + microseconds // 1000
    return {
        key: now + client.pttl(key)
        for key in client.scan_iter()
        if b"{events}" not in key
    }


def back_up(port, path):
    program = redis_server.program("redis-cli", required_by="OTP_REQUIRE_REDIS")
    command = [program, "-p", str(port), "--rdb", str(path)]
    subprocess.run(command, check=True, capture_output=True)


def restore(path, folder):
    """Write the append-only file of *folder* from a backup."""
    folder.mkdir()
    path.rename(folder / "dump.rdb")
    with redis_in(folder, "--appendonly", "no") as (_, client):
        client.config_set("appendonly", "yes")
        redis_server.wait_until(
            lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0
        )


@pytest.fixture
def sender():
    return FakeSender()


def test_restored_redis_has_the_state_and_expiries_of_the_backup(tmp_path, sender):
    backup = tmp_path / "backup.rdb"
    with redis_in(tmp_path / "first") as (port, client):
        service(port, sender).post("/auth/send_otp", json={"phone": PHONE})
        used = {"phone": PHONE, "otp": sender.code}
        back_up(port, backup)
        stored = ends(client)
        approved = service(port, sender).post("/auth/verify_otp", json=used)

    restore(backup, tmp_path / "second")
    with redis_in(tmp_path / "second") as (port, client):
        restored = ends(client)
        # The page warns of this: a code that was used after the backup works again.
        again = service(port, sender).post("/auth/verify_otp", json=used)

    assert approved.json == {"VerificationStatus": "approved"}
    assert len(stored) > 3
    assert restored == {key: pytest.approx(end, abs=50) for key, end in stored.items()}
    assert again.json == {"VerificationStatus": "approved"}


def test_restored_factor_accepts_no_code_from_before_the_backup(tmp_path):
    backup = tmp_path / "backup.rdb"
    with redis_in(tmp_path / "first") as (port, client):
        before = deployments.deployment(f"redis://127.0.0.1:{port}", client, FACTOR_KEY)
        new = before.activate()
        code = before.code(new)
        assert before.check(code).approved
        back_up(port, backup)
    restore(backup, tmp_path / "second")

    with redis_in(tmp_path / "second") as (port, client):
        after = deployments.deployment(f"redis://127.0.0.1:{port}", client, FACTOR_KEY)
        repeated = after.check(code)
        following = after.check(after.code(new, steps=1))

    assert (repeated.approved, following.approved) == (False, True)


def test_recovery_code_used_after_the_backup_is_used_again_by_an_import(tmp_path):
    backup, file = tmp_path / "backup.rdb", str(tmp_path / "factors.otp")
    codes = [f"{number:010}" for number in range(3)]
    with redis_in(tmp_path / "first") as (port, client):
        before = deployments.deployment(f"redis://127.0.0.1:{port}", client, FACTOR_KEY)
        before.activate(codes=codes)
        back_up(port, backup)
        before.use_recovery_code(codes[0])
        exported = command_line.run("factors", "export", file, **before.environ)
    restore(backup, tmp_path / "second")

    with redis_in(tmp_path / "second") as (port, client):
        after = deployments.deployment(f"redis://127.0.0.1:{port}", client, FACTOR_KEY)
        restored = after.recovery_codes_left
        imported = command_line.run("factors", "import", file, **after.environ)
        left = after.recovery_codes_left

    assert (exported.exit_code, imported.exit_code) == (0, 0)
    assert (restored, left) == (3, 2)


def test_backup_of_the_systemd_installation_has_the_password(tmp_path):
    (script,) = (
        block.text
        for block in documented_blocks.blocks()
        if block.page == "docs/backup-and-upgrade.md" and "REDISCLI_AUTH=" in block.text
    )
    program = redis_server.program("redis-cli", required_by="OTP_REQUIRE_REDIS")
    url = tmp_path / "redis_url"
    with redis_in(tmp_path / "redis") as (port, client):
        client.set("otp:x", "1")
        client.config_set("requirepass", "0123456789abcdef")
        url.write_text(f"redis://:0123456789abcdef@127.0.0.1:{port}/0")
        script = script.replace("$ ", "").replace("redis-cli", f"{program} -p {port}")
        script = script.replace("/etc/otp-engine/secrets/redis_url", str(url))
        subprocess.run(["/bin/sh", "-ec", script], check=True, cwd=tmp_path)

    assert b"otp:x" in (tmp_path / "otp-2026-11-26.rdb").read_bytes()
