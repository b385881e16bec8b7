"""`otp-engine policy set`, `unset` and `rollback`: words, dry run and warnings."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from otp_engine import config
from otp_engine.cli import policy_changes
from otp_engine.cli.policy_changes import ChangeOptions
from otp_engine.domain.policy.changes import BasePolicy
from otp_engine.domain.policy.reverts import PolicyState
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.policy import Change
from otp_engine.store.redis_store import RedisStore
from tests.support import redis_server
from tests.support.command_line import run

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PHONE = {"phone": "+919445012345"}


@pytest.mark.parametrize("name", ["tll", "OTP_TLT", "ttl_", "tt"])
def test_unknown_name_is_rejected_with_a_similar_one(policy, name):
    for arguments in (("set", name, "5m"), ("set", f"{name}=5m"), ("unset", name)):
        result = policy(*arguments)

        assert result.exit_code == 2
        assert "is not a value of the policy. Did you mean ttl?" in result.stderr
        assert max(map(len, result.stderr.splitlines())) <= 80


@pytest.mark.parametrize(
    "words",
    [("OTP_TTL", "5m"), ("TTL", "5m"), ("ttl=5m",), ("OTP_TTL=5m",), (" ttl = 5m ",)],
)
def test_name_is_accepted_as_operators_write_it(policy, words):
    result = policy("set", *words)

    assert "✓ ttl: 10m (default) → 5m" in result.stderr


def test_dashes_in_a_name_are_underscores(policy):
    assert "✓ max_sends: 4" in policy("set", "max-sends", "3").stderr


@pytest.mark.parametrize(
    "words",
    [
        ("ttl",),
        ("ttl", "5m", "max_checks", "4"),
        ("ttl=5m", "max_checks"),
        ("sends_per_ip", "20/10m,", "5/10m"),
        ("ttl=5m", "ttl=6m"),
        ("ttl=5m", "OTP_TTL=6m"),
        (),
    ],
)
def test_set_with_other_words_is_a_usage_error(policy, words):
    result = policy("set", *words)

    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert json.loads(policy("history", "--json").stdout) == []


def test_several_values_are_one_version(policy):
    result = policy("set", "ttl=5m", "max_checks=4", "sends_per_key=9/1h; shop=5/1h")

    [version] = json.loads(policy("history", "--json").stdout)
    assert result.exit_code == 0
    assert version["values"] == {
        "ttl": "5m",
        "max_checks": "4",
        "sends_per_key": "9/1h; shop=5/1h",
    }


def test_one_invalid_value_of_several_changes_nothing(policy):
    result = policy("set", "ttl=5m", "max_checks=0", "max_sends=x")

    assert result.exit_code == 1
    assert "✗ max_checks must be" in result.stderr
    assert "✗ max_sends must be" in result.stderr
    assert json.loads(policy("history", "--json").stdout) == []


def test_value_of_an_api_key_has_an_equals_sign(policy):
    result = policy("set", "sends_per_key", "shop=5/1h")

    assert "✓ sends_per_key: off (default) → shop=5/1h" in result.stderr


def test_unset_of_several_values_is_one_version(policy):
    policy("set", "ttl=5m", "max_checks=4")

    policy("unset", "ttl", "max_checks")

    newest, _ = json.loads(policy("history", "--json").stdout)
    assert newest["values"] == {}


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("set", "ttl", "20m"), ["! ttl 20m is over 10m", "✓ ttl: 5m → 20m"]),
        (("unset", "ttl"), ["✓ ttl: 5m → 10m (default)"]),
        (("rollback", "0"), ["✓ ttl: 5m → 10m (default)"]),
    ],
)
def test_dry_run_prints_the_change_and_stores_nothing(policy, arguments, printed):
    policy("set", "ttl", "5m")

    result = policy(*arguments, "--dry-run")

    assert result.exit_code == 0
    for text in [*printed, "dry run: nothing is stored"]:
        assert text in result.stderr
    assert len(json.loads(policy("history", "--json").stdout)) == 1


def test_simultaneous_changes_keep_each_other(environ, real_redis):
    texts = {
        "ttl": "5m",
        "max_checks": "4",
        "max_sends": "3",
        "code_length": "8",
        "sends_total": "9/1h",
        "checks_per_ip": "9/1m",
        "resend_cooldown": "9s",
    }
    settings = config.load(environ)
    base = BasePolicy(settings.policy, settings.explicit_policy_names)
    barrier = Barrier(len(texts))

    def change(name):
        store = RedisStore(real_redis)
        versions = SignedPolicyVersions(store.policy_versions, settings.peppers)
        context = OperatorContext(settings, store, versions, base)
        barrier.wait()
        policy_changes.commit(
            context,
            ChangeOptions(reason=None, by=name),
            Change(lambda state, end: state.with_value(name, texts[name], end)),
        )
        return versions

    for _ in range(10):
        real_redis.flushall()
        with ThreadPoolExecutor(len(texts)) as threads:
            *_, versions = threads.map(change, texts)

        assert [version.version for version in versions.history(99)] == list(
            range(len(texts), 0, -1)
        )
        assert versions.live_state() == PolicyState(texts)


def test_dry_run_emits_no_event(environ, policy):
    policy("set", "ttl", "5m", "--dry-run")

    assert run("events", "--kind", "policy", **environ).stdout == ""


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (("sends_per_phone", "off"), "! sends_per_phone enforces no limit"),
        (("sends_per_ip", "off"), "! sends_per_ip enforces no limit any longer"),
        (("checks_per_ip", "off"), "! checks_per_ip enforces no limit any longer"),
        (("sends_total", "9/1h shadow"), "! sends_total enforces no limit any longer"),
        (("max_checks", "50"), "! max_checks 50 is over 10"),
        (("max_checks", "1"), "! max_checks 1: one mistyped digit"),
        (("resend_cooldown", "0s"), "! resend_cooldown 0s"),
        (("ttl", "11m"), "! ttl 11m is over 10m"),
        (("ttl", "30s"), "! ttl 30s is under 1m"),
        (("code_length", "4"), "! code_length 4 is under 6 digits"),
        (("max_consecutive_failures", "3"), "! max_consecutive_failures 3 is under"),
        (
            ("failed_checks_per_phone", "4/1h"),
            "! failed_checks_per_phone 4/1h is under",
        ),
    ],
)
def test_slip_is_live_and_warned_of(policy, words, warning):
    result = policy("set", *words)

    assert result.exit_code == 0
    assert warning in result.stderr
    assert "version 1 is live" in result.stderr


def test_stricter_values_have_no_warning(policy):
    result = policy("set", "ttl=5m", "max_checks=4", "sends_total=900/1h")

    assert "!" not in result.stderr


@pytest.mark.parametrize(
    "words", [("sends_total", "1/1h"), ("sends_per_country", "1/1h, 9/1d")]
)
def test_limit_under_the_usage_of_the_last_hour_is_warned_of(
    environ, policy, service, words
):
    policy("set", "sends_per_country", "50/1h")
    service.post("/auth/send_otp", json=PHONE, headers=KEY)

    # The service writes its events in the background.
    redis_server.wait_until(lambda: "sent" in run("events", **environ).stdout)

    result = policy("set", *words, "--dry-run")

    assert f"! {words[0]} 1/1h is full now (sends" in result.stderr
    assert "9/1d" not in result.stderr.split("✓")[0]


def test_limit_over_the_usage_has_no_warning(policy, service):
    service.post("/auth/send_otp", json=PHONE, headers=KEY)

    assert "!" not in policy("set", "sends_total", "2/1h").stderr


def test_limit_of_an_api_key_under_its_usage_is_warned_of(policy, service):
    policy("set", "sends_per_key", "50/1h")
    service.post("/auth/send_otp", json=PHONE, headers=KEY)

    result = policy("set", "sends_per_key", "shop=1/1h")

    assert (
        "! sends_per_key 1/1h is full now (sends of shop in that time: 1)"
        in result.stderr
    )


def test_policy_value_with_spaces_around_is_set(environ):
    result = run("policy", "set", "max_checks", " 3 ", **environ)

    assert "max_checks: 5 (default) → 3" in result.stderr


@pytest.mark.parametrize("value", ["480/24h", "480.50 USD/24h", "480/24h shadow"])
def test_budget_is_set(policy, value):
    assert f"✓ budget: off (default) → {value}" in policy("set", "budget", value).stderr


def test_budget_in_another_currency_is_rejected(policy):
    result = policy("set", "budget", "480 EUR/24h")

    assert result.exit_code == 1
    assert "budget is in EUR, and the prices are in USD" in result.stderr
    assert json.loads(policy("history", "--json").stdout) == []
