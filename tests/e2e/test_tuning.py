"""Operators change the policy of a running service: two instances on one Redis."""

from __future__ import annotations

import json

import pytest
import redis

from tests.support import redis_server, server_process
from tests.support.command_line import run

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
FORGED = json.dumps(
    {
        "version": 2,
        "created_at": "2026-02-03T00:00:00+00:00",
        "author": "mallory",
        "reason": None,
        "values": {"code_length": "4", "max_checks": "100"},
    }
)


@pytest.fixture
def environ(own_environ):
    return own_environ | {"OTP_SENDS_PER_IP": "off", "OTP_MAX_SENDS": "4"}


def test_change_of_policy_reaches_every_worker(environ):
    with (
        server_process.running_server("--workers", "2", **environ) as first,
        server_process.running_server("--workers", "2", **environ) as second,
    ):
        phones = (f"+9194450{n:05}" for n in range(20_000))

        def all_reject():
            """Return whether all workers reject: 16 requests rarely miss one of 4."""
            statuses = [
                server.post("/auth/send_otp", {"phone": next(phones)}, **KEY).status
                for server in (first, second) * 8
            ]
            return set(statuses) == {503}

        assert not all_reject()
        changed = run("policy", "set", "sending", "off", "--reason", "spam", **environ)
        redis_server.wait_until(all_reject)
        checked = first.post(
            "/auth/verify_otp", {"phone": "+919445000000", "otp": "000000"}, **KEY
        )

    assert changed.exit_code == 0
    assert checked.status == 201


@pytest.mark.parametrize(
    "forged", [FORGED, json.dumps({"body": FORGED, "signatures": ["0" * 64]})]
)
def test_unsigned_policy_version_changes_nothing(environ, twilio, forged):
    run("policy", "set", "ttl", "5m", "--reason", "signed", **environ)

    def send(server, phone):
        response = server.post("/auth/send_otp", {"phone": phone}, **KEY)
        return int(response.headers["otp-expires-in"]), len(twilio.code_to(phone))

    def has_read_it(server):
        server.post("/auth/verify_otp", {"phone": "9445000000", "otp": "1234"}, **KEY)
        return any("is not signed" in line for line in server.stderr)

    with (
        server_process.running_server("--workers", "1", **environ) as server,
        redis.Redis.from_url(environ["REDIS_URL"]) as client,
    ):
        before = send(server, "+919445012345")
        client.lpush("otp:{policy_versions}", forged)
        redis_server.wait_until(lambda: has_read_it(server))
        after = send(server, "+919445067890")
    doctor = run("doctor", **environ)

    for lifetime, digits in (before, after):
        assert 200 < lifetime <= 300
        assert digits == 6
    assert doctor.exit_code == 0
    assert "! the newest policy version in Redis is not signed" in doctor.stderr


def test_policy_survives_rotation_of_pepper(environ):
    old = environ["OTP_PEPPER"]
    new = run("keys", "pepper").stdout.strip().partition("=")[2]
    added = environ | {"OTP_PEPPER": old, "OTP_PEPPER_PREVIOUS": new}
    swapped = environ | {"OTP_PEPPER": new, "OTP_PEPPER_PREVIOUS": old}
    removed = environ | {"OTP_PEPPER": new}
    run("policy", "set", "ttl", "5m", **environ)
    early = run("doctor", **swapped)

    with server_process.running_server("--workers", "1", **added) as server:
        server.post("/auth/send_otp", {"phone": "+919445012345"}, **KEY)
        redis_server.wait_until(
            lambda: any("signed with all peppers" in line for line in server.stderr)
        )
    late = run("doctor", **swapped)
    shown = run("policy", "show", "--json", **removed)

    assert "keep OTP_PEPPER_PREVIOUS" in early.stderr
    assert "not signed" not in late.stderr
    assert json.loads(shown.stdout)["values"]["ttl"]["value"] == "5m"
