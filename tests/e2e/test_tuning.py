"""Operators tune a service that runs: two instances of two workers on one Redis."""

from __future__ import annotations

import json
import time

import pytest
import redis

from tests import processes, servers
from tests.fakes import other_than

KEY = {"Authorization": "Bearer shop-secret-0123456789"}


@pytest.fixture
def environ(quick):
    return quick | {"OTP_SENDS_PER_IP": "off", "OTP_MAX_SENDS": "4"}


@pytest.fixture
def policy(environ):
    def run(*words):
        return processes.run("policy", *words, **environ)

    return run


def test_a_change_is_in_force_everywhere_within_two_seconds(environ, policy, twilio):
    with (
        processes.serving("--workers", "2", **environ) as one,
        processes.serving("--workers", "2", **environ) as two,
    ):
        phones = (f"+9194450{n:05}" for n in range(2_000))

        def refused():
            """Whether all workers refuse: 16 in a row hardly miss one of the four."""
            answers = [
                served.post("/auth/send_otp", {"phone": next(phones)}, **KEY).status
                for served in (one, two) * 8
            ]
            return set(answers) == {503}

        assert not refused()
        changed = policy("set", "sending", "off", "--reason", "pumping")
        began = time.monotonic()
        servers.wait_until(refused)
        took = time.monotonic() - began
        checked = one.post(
            "/auth/verify_otp", {"phone": "+919445000000", "otp": "000000"}, **KEY
        )

    assert changed.returncode == 0
    assert took < 2
    assert checked.status == 201


def test_a_limit_for_a_key_that_does_not_exist_is_warned_of(policy):
    result = policy("set", "sends_per_key", "9/1h; shop=5/1h; bank=1/1h")

    assert result.returncode == 0
    assert "! sends_per_key has a limit for bank, but OTP_API_KEYS" in result.stderr
    assert "limit for shop" not in result.stderr


def test_each_value_is_shown_with_where_it_comes_from(policy):
    policy("set", "ttl", "20m", "--reason", "slow carriers")

    shown = json.loads(policy("show", "--json").stdout)

    assert shown["code_length"] == {"value": "6", "from": "default"}
    assert shown["max_sends"]["from"] == "environment (OTP_MAX_SENDS)"
    assert shown["ttl"]["value"] == "20m"
    assert shown["ttl"]["from"].startswith("live, by ")
    assert shown["ttl"]["from"].endswith(": slow carriers")
    assert "slow carriers" in policy("show").stdout


def test_what_weakens_a_standard_is_live_and_warned_of(policy):
    result = policy("set", "ttl", "20m")

    assert result.returncode == 0
    assert "! ttl is 20m; NIST" in result.stderr


def test_the_chance_of_a_guess_is_shown_with_the_policy_and_with_its_changes(policy):
    before = policy("show")
    weaker = policy("set", "code_length", "4")
    other = policy("set", "sending", "off")
    after = policy("show")

    assert "✓ the chance of guessing a code is at most 1 in 50,000" in before.stderr
    assert "! code_length 4 is under 6 digits" in weaker.stderr
    assert "✓ the chance of guessing a code is at most 1 in 500" in weaker.stderr
    assert "chance" not in other.stderr
    assert "! code_length 4 is under 6 digits" in after.stderr


def test_no_reason_moves_the_cursor_of_whoever_reads_it(policy):
    policy("set", "ttl", "5m", "--reason", "slow\x1b[2J\rcarriers\n9  2026")

    for shown in (policy("history").stdout, policy("show").stdout):
        assert r"slow\x1b[2J\rcarriers\n9  2026" in shown
        assert "\x1b" not in shown
    assert len(policy("history").stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("ttl", "25h"), ("max_checks", "0"), ("sends_total", "many")]
)
def test_what_would_break_a_promise_is_refused_with_the_reason(policy, name, value):
    result = policy("set", name, value)

    assert result.returncode == 1
    assert f"✗ {name} must be" in result.stderr
    assert json.loads(policy("history", "--json").stdout) == []


def test_what_was_set_can_be_unset_and_rolled_back(policy):
    policy("set", "ttl", "5m")
    policy("set", "code_length", "8")
    policy("unset", "ttl")
    back = policy("rollback", "2")

    values = [
        change["values"] for change in json.loads(policy("history", "--json").stdout)
    ]

    assert back.returncode == 0
    assert values == [
        {"ttl": "5m", "code_length": "8"},
        {"code_length": "8"},
        {"ttl": "5m", "code_length": "8"},
        {"ttl": "5m"},
    ]
    assert "back to version 2" in policy("history").stdout


@pytest.mark.parametrize("words", [("unset", "ttl"), ("rollback", "9")])
def test_what_is_not_there_cannot_be_gone_back_to(policy, words):
    result = policy(*words)

    assert result.returncode == 1
    assert "✗ " in result.stderr


def test_a_rollback_to_nothing_is_the_environment(policy):
    policy("set", "ttl", "5m")

    policy("rollback", "0")

    assert json.loads(policy("show", "--json").stdout)["ttl"]["from"] == "default"


def test_without_redis_it_is_said_plainly():
    away = f"redis://127.0.0.1:{servers.free_port()}"
    environ = processes.production(away, "http://localhost")

    result = processes.run("policy", "show", **environ)

    assert result.returncode == 1
    assert "Redis does not answer" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.fixture
def served(environ):
    with processes.serving("--workers", "2", **environ) as served:
        yield served


def test_a_phone_is_shown_with_what_waits_and_what_is_used(environ, served, twilio):
    phone = {"phone": "+919445012345"}
    served.post("/auth/send_otp", phone, **KEY)
    wrong = other_than(twilio.code_to("+919445012345"))
    served.post("/auth/verify_otp", phone | {"otp": wrong}, **KEY)

    text = processes.run("inspect", "9445012345", **environ).stdout
    shown = json.loads(
        processes.run("inspect", "+919445012345", "--json", **environ).stdout
    )

    assert text.startswith("+91******2345\n  pending verification: expires in 0:")
    assert "4 of 5 attempts remaining" in text
    [pending] = shown["pending"]
    assert pending["attempts_remaining"] == 4
    assert 590 < pending["expires_in"] <= 600
    used = {(one["limit"], one["window"]): one["used"] for one in shown["limits"]}
    assert used == {
        ("sends_per_phone", "5/10m"): 1,
        ("sends_per_phone", "10/1d"): 1,
        ("failed_checks_per_phone", "10/1h"): 1,
        ("max_consecutive_failures", "100/30d"): 1,
        ("sends_total", "1000/1h"): 1,
    }
    assert "9445012345" not in text + json.dumps(shown)


def test_a_forgotten_phone_begins_anew(environ, served, twilio):
    phone = {"phone": "+919445012345"}
    served.post("/auth/send_otp", phone, **KEY)
    assert served.post("/auth/send_otp", phone, **KEY).status == 429

    forgotten = processes.run("forget", "+919445012345", **environ)
    again = processes.run("forget", "+919445012345", **environ)

    assert "✓ the data of +91******2345 is deleted" in forgotten.stderr
    assert (forgotten.returncode, again.returncode) == (0, 1)
    assert served.post("/auth/send_otp", phone, **KEY).status == 201


def test_what_is_no_number_is_said_to_be_none(environ):
    result = processes.run("inspect", "hello", **environ)

    assert result.returncode == 1
    assert "not a phone number" in result.stderr


def test_before_the_first_change_the_history_is_empty(policy):
    text, plain = policy("history"), policy("history", "--json")

    assert (text.returncode, text.stdout) == (0, "")
    assert (plain.returncode, json.loads(plain.stdout)) == (0, [])


def test_what_changes_nothing_is_no_version(policy):
    policy("set", "ttl", "20m")

    again = policy("set", "ttl", "20m")

    assert "nothing changes" in again.stderr
    assert "NIST" not in again.stderr
    assert len(json.loads(policy("history", "--json").stdout)) == 1


def test_only_what_a_change_weakens_is_warned_of(policy):
    policy("set", "ttl", "20m")

    assert "NIST" not in policy("set", "max_sends", "3").stderr


@pytest.fixture
def redis_of_policies(environ):
    with redis.Redis.from_url(environ["REDIS_URL"]) as client:
        yield client


FORGED = json.dumps(
    {
        "version": 2,
        "at": "2026-02-03T00:00:00+00:00",
        "who": "mallory",
        "reason": None,
        "values": {"code_length": "4", "max_checks": "100"},
    }
)


@pytest.mark.parametrize(
    "forged", [FORGED, json.dumps({"body": FORGED, "signatures": ["0" * 64]})]
)
def test_who_can_only_write_to_redis_changes_no_policy(
    environ, policy, twilio, redis_of_policies, forged
):
    policy("set", "ttl", "5m", "--reason", "signed")

    def send(service, phone):
        answer = service.post("/auth/send_otp", {"phone": phone}, **KEY)
        return int(answer.headers["otp-expires-in"]), len(twilio.code_to(phone))

    def has_looked(service):
        service.post("/auth/verify_otp", {"phone": "9445000000", "otp": "1234"}, **KEY)
        return any("is not signed" in line for line in service.stderr)

    with processes.serving("--workers", "1", **environ) as service:
        before = send(service, "+919445012345")
        redis_of_policies.lpush("otp:{policy_versions}", forged)
        servers.wait_until(lambda: has_looked(service))
        after = send(service, "+919445067890")

    doctor = processes.run("doctor", **environ)
    shown = policy("show")
    repaired = policy("set", "ttl", "6m")

    for life, digits in (before, after):
        assert 290 < life <= 300
        assert digits == 6
    assert doctor.returncode == 0
    for said in (doctor, shown):
        assert "! the newest policy version in Redis is not signed" in said.stderr
    assert "5m" in shown.stdout
    assert "version 2 is live" in repaired.stderr
    assert json.loads(policy("show", "--json").stdout)["ttl"]["value"] == "6m"
    assert "mallory" not in policy("history").stdout


def test_the_policy_lives_through_a_rotation_of_the_pepper(environ, policy, twilio):
    old = environ["OTP_PEPPER"]
    new = processes.run("keys", "pepper").stdout.strip().partition("=")[2]
    added = environ | {"OTP_PEPPER": old, "OTP_PEPPER_PREVIOUS": new}
    swapped = environ | {"OTP_PEPPER": new, "OTP_PEPPER_PREVIOUS": old}
    removed = environ | {"OTP_PEPPER": new}
    policy("set", "ttl", "5m")
    early = processes.run("doctor", **swapped)

    with processes.serving("--workers", "1", **added) as service:
        service.post("/auth/send_otp", {"phone": "+919445012345"}, **KEY)
        servers.wait_until(
            lambda: any("signed with both" in line for line in service.stderr)
        )
    late = processes.run("doctor", **swapped)
    shown = processes.run("policy", "show", "--json", **removed)

    assert "keep OTP_PEPPER_PREVIOUS" in early.stderr
    assert "not signed" not in late.stderr
    assert json.loads(shown.stdout)["ttl"]["value"] == "5m"
