"""`otp-engine policy`, `inspect`, `forget` and `events`, in this process."""

from __future__ import annotations

import json

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.store.redis_store import RedisStore
from tests.support import redis_server, server_process
from tests.support.command_line import run
from tests.support.fakes import different_code

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PHONE = {"phone": "+919445012345"}
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
def environ(redis_url, real_redis):
    return server_process.production(redis_url, "http://127.0.0.1") | {
        "OTP_MAX_SENDS": "4",
        "OTP_ARGON2": "m=64,t=1,p=1",
    }


@pytest.fixture
def policy(environ):
    """Run a command about the policy."""

    def run_policy(*arguments):
        return run("policy", *arguments, **environ)

    return run_policy


def test_limit_for_unknown_api_key_is_warned_of(policy):
    result = policy("set", "sends_per_key", "9/1h; shop=5/1h; bank=1/1h")

    assert result.exit_code == 0
    assert "! sends_per_key has a limit for bank, but OTP_API_KEYS" in result.stderr
    assert "limit for shop" not in result.stderr


def test_show_prints_where_each_value_comes_from(policy):
    policy("set", "ttl", "20m", "--reason", "slow networks")

    shown = json.loads(policy("show", "--json").stdout)

    assert shown["code_length"] == {"value": "6", "from": "default"}
    assert shown["max_sends"]["from"] == "environment (OTP_MAX_SENDS)"
    assert shown["ttl"]["value"] == "20m"
    assert shown["ttl"]["from"].startswith("live, by ")
    assert shown["ttl"]["from"].endswith(": slow networks")
    assert "slow networks" in policy("show").stdout


def test_value_weaker_than_standard_is_live_and_warned_of(policy):
    result = policy("set", "ttl", "20m")

    assert result.exit_code == 0
    assert "! ttl 20m is over 10m" in result.stderr


def test_guessing_chance_is_shown_with_changes_that_affect_it(policy):
    before = policy("show")
    weaker = policy("set", "code_length", "4")
    other = policy("set", "sending", "off")
    after = policy("show")

    assert "✓ the chance of guessing a code is at most 1 in 50,000" in before.stderr
    assert "! code_length 4 is under 6 digits" in weaker.stderr
    assert "✓ the chance of guessing a code is at most 1 in 500" in weaker.stderr
    assert "chance" not in other.stderr
    assert "! code_length 4 is under 6 digits" in after.stderr


def test_control_characters_in_reason_are_escaped(policy):
    policy("set", "ttl", "5m", "--reason", "slow\x1b[2J\rnetworks\n9  2026")

    for shown in (policy("history").stdout, policy("show").stdout):
        assert r"slow\x1b[2J\rnetworks\n9  2026" in shown
        assert "\x1b" not in shown
    assert len(policy("history").stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("ttl", "25h"), ("max_checks", "0"), ("sends_total", "many")]
)
def test_invalid_value_is_rejected_with_reason(policy, name, value):
    result = policy("set", name, value)

    assert result.exit_code == 1
    assert f"✗ {name} must be" in result.stderr
    assert json.loads(policy("history", "--json").stdout) == []


def test_unset_and_rollback_add_versions_to_history(policy):
    policy("set", "ttl", "5m")
    policy("set", "code_length", "8")
    policy("unset", "ttl")
    rollback = policy("rollback", "2")

    values = [
        change["values"] for change in json.loads(policy("history", "--json").stdout)
    ]

    assert rollback.exit_code == 0
    assert values == [
        {"ttl": "5m", "code_length": "8"},
        {"code_length": "8"},
        {"ttl": "5m", "code_length": "8"},
        {"ttl": "5m"},
    ]
    assert "back to version 2" in policy("history").stdout


@pytest.mark.parametrize("arguments", [("unset", "ttl"), ("rollback", "9")])
def test_unset_or_rollback_of_missing_value_fails(policy, arguments):
    result = policy(*arguments)

    assert result.exit_code == 1
    assert "✗ " in result.stderr


def test_rollback_to_version_0_restores_environment(policy):
    policy("set", "ttl", "5m")

    policy("rollback", "0")

    assert json.loads(policy("show", "--json").stdout)["ttl"]["from"] == "default"


@pytest.mark.parametrize(
    "arguments", [("policy", "show"), ("events",), ("inspect", "9445012345")]
)
def test_command_without_redis_fails(arguments):
    away = f"redis://127.0.0.1:{redis_server.free_port()}"

    result = run(*arguments, **server_process.production(away, "http://localhost"))

    assert result.exit_code == 1
    assert "Redis does not answer" in result.stderr


@pytest.mark.parametrize(
    "arguments", [("history",), ("history", "--json")], ids=["text", "json"]
)
def test_history_before_first_change_is_empty(policy, arguments):
    result = policy(*arguments)

    assert result.exit_code == 0
    assert result.stdout.strip() in {"", "[]"}


def test_change_to_present_value_adds_no_version(policy):
    policy("set", "ttl", "20m")

    again = policy("set", "ttl", "20m")

    assert "nothing changes" in again.stderr
    assert "NIST" not in again.stderr
    assert len(json.loads(policy("history", "--json").stdout)) == 1


def test_change_warns_only_of_what_it_weakens(policy):
    policy("set", "ttl", "20m")

    assert "NIST" not in policy("set", "max_sends", "3").stderr


@pytest.mark.parametrize(
    "forged", [FORGED, json.dumps({"body": FORGED, "signatures": ["0" * 64]})]
)
def test_unsigned_policy_version_is_ignored_and_warned_of(policy, real_redis, forged):
    policy("set", "ttl", "5m", "--reason", "signed")
    real_redis.lpush("otp:{policy_versions}", forged)

    shown = policy("show")
    repaired = policy("set", "ttl", "6m")

    assert "! the newest policy version in Redis is not signed" in shown.stderr
    assert "5m" in shown.stdout
    assert "version 2 is live" in repaired.stderr
    assert json.loads(policy("show", "--json").stdout)["ttl"]["value"] == "6m"
    assert "mallory" not in policy("history").stdout


@pytest.fixture
def service(environ, real_redis, outbox):
    """The API of a service with the same settings, on the same Redis."""
    store = RedisStore(real_redis)
    return create_app(config.load(environ), store=store, sender=outbox).test_client()


def test_inspect_shows_verification_and_used_limits(environ, service, outbox):
    service.post("/auth/send_otp", json=PHONE, headers=KEY)
    wrong = PHONE | {"otp": different_code(outbox.code)}
    service.post("/auth/verify_otp", json=wrong, headers=KEY)

    text = run("inspect", "9445012345", **environ).stdout
    shown = json.loads(run("inspect", "+919445012345", "--json", **environ).stdout)

    assert text.startswith("+91******2345\n  pending verification: expires in 0:")
    assert "4 of 5 attempts remaining" in text
    [pending] = shown["pending"]
    assert pending["attempts_remaining"] == 4
    assert 500 < pending["expires_in"] <= 600
    used = {(use["limit"], use["window"]): use["used"] for use in shown["limits"]}
    assert used == {
        ("sends_per_phone", "5/10m"): 1,
        ("sends_per_phone", "10/1d"): 1,
        ("failed_checks_per_phone", "10/1h"): 1,
        ("max_consecutive_failures", "100/30d"): 1,
        ("sends_total", "1000/1h"): 1,
    }
    assert "9445012345" not in text + json.dumps(shown)


def test_inspect_shows_attempts_of_bound_verification(environ, service):
    service.post("/auth/send_otp", json=PHONE | {"bind": True}, headers=KEY)

    text = run(
        "inspect", "9445012345", **environ, OTP_FAILED_CHECKS_PER_PHONE="2/1h"
    ).stdout

    assert "pending verification (bound)" in text
    assert "2 of 2 attempts remaining" in text


def test_policy_value_with_spaces_around_is_set(environ):
    result = run("policy", "set", "max_checks", " 3 ", **environ)

    assert "max_checks = 3" in result.stderr


def test_inspect_reads_number_from_standard_input(environ):
    result = run("inspect", "-", stdin="9445012345\n", **environ)

    assert result.exit_code == 0
    assert result.stdout.startswith("+91******2345\n")


def test_forget_removes_verification_and_cooldown(environ, service):
    service.post("/auth/send_otp", json=PHONE, headers=KEY)
    assert service.post("/auth/send_otp", json=PHONE, headers=KEY).status_code == 429

    first = run("forget", "+919445012345", **environ)
    second = run("forget", "+919445012345", **environ)

    assert "✓ the data of +91******2345 is deleted" in first.stderr
    assert (first.exit_code, second.exit_code) == (0, 1)
    assert service.post("/auth/send_otp", json=PHONE, headers=KEY).status_code == 201


def test_inspect_of_invalid_number_fails(environ):
    result = run("inspect", "hello", **environ)

    assert result.exit_code == 1
    assert "not a phone number" in result.stderr


@pytest.mark.parametrize(
    "arguments", [("--since", "yesterday"), ("--since", "40d"), ("--kind", "gossip")]
)
def test_events_with_invalid_option_fails(environ, arguments):
    result = run("events", *arguments, **environ)

    assert result.exit_code == 2
    assert f"Invalid value for '{arguments[0]}'" in result.stderr


def test_events_shows_change_of_policy_and_failed_check(environ, service):
    run("policy", "set", "ttl", "5m", "--reason", "tests", **environ)
    service.post("/auth/verify_otp", json=PHONE | {"otp": "123456"}, headers=KEY)

    def lines(*arguments):
        return run("events", *arguments, **environ).stdout.splitlines()

    redis_server.wait_until(lambda: lines("--kind", "not_found") != [])

    [policy] = lines("--kind", "policy")
    assert "change=ttl = 5m  reason=tests" in policy
    assert "phone=+91944*******" in lines("--kind", "not_found")[0]
    assert lines("--since", "0s") == []


def test_help_of_a_command_needs_no_settings():
    result = run("policy", "set", "--help")

    assert result.exit_code == 0
    assert "--reason" in result.stdout
