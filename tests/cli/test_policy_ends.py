"""Changes of the policy with an end: `--for`, `--until`, and what shows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine import config
from otp_engine.domain.policy.reverts import End, PolicyState
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.store.redis_store import RedisStore
from tests.support import redis_server
from tests.support.command_line import run

NONE: list[object] = []


def newest(policy):
    return json.loads(policy("history", "--json", "-n", "1").stdout)[0]


def shown(policy, name):
    return json.loads(policy("show", "--json").stdout)["values"][name]


def until(policy, name):
    [end] = shown(policy, name)["ends"]
    return datetime.fromisoformat(end["until"])


@pytest.fixture
def versions(environ, real_redis):
    """The versions in the Redis of the commands."""
    peppers = config.load(environ).peppers
    return SignedPolicyVersions(RedisStore(real_redis).policy_versions, peppers)


@pytest.fixture
def ended(versions):
    """Store a version with a change that has ended while no instance ran."""
    now = versions.now()
    end = End(now - timedelta(minutes=5), 1)
    state = PolicyState({"max_checks": "4"}).with_value("ttl", "5m", end)
    version = PolicyVersion(
        version=1,
        created_at=now - timedelta(hours=1),
        author="alice",
        values=state.values,
        reverts=state.reverts,
    )
    assert versions.add(version)
    return version


def test_change_with_a_duration_shows_its_end(policy, versions):
    start = versions.now()

    result = policy("set", "ttl", "5m", "--for", "2h")

    end = until(policy, "ttl")
    text = f"{end:%Y-%m-%d %H:%M:%SZ}"
    assert timedelta(hours=2) <= end - start <= timedelta(hours=2, minutes=1)
    assert (
        f"✓ ttl: 10m (default) → 5m until {text}, then 10m (default)" in result.stderr
    )
    shown = [line.split() for line in policy("show").stdout.splitlines()]
    assert ["ttl", *f"until {text}, then 10m (default)".split()] in shown
    assert f"5m until {text}, then 10m (default)" in policy("history").stdout


def test_json_has_the_end_of_each_change(policy):
    policy("set", "max_sends", "6", "--reason", "for ever")
    policy("set", "max_sends=3", "ttl=5m", "--for", "2h")

    changes = {change["name"]: change for change in newest(policy)["changes"]}

    end = {"until": changes["ttl"]["ends"][0]["until"], "item": None}
    assert changes["ttl"]["ends"] == [end | {"then": "10m", "then_source": "default"}]
    assert changes["max_sends"]["ends"] == [end | {"then": "6", "then_source": "live"}]
    assert shown(policy, "ttl")["ends"] == changes["ttl"]["ends"]
    assert shown(policy, "code_length")["ends"] == NONE


def test_dry_run_prints_the_end(policy):
    result = policy("set", "ttl", "5m", "--for", "2h", "--dry-run")

    assert "→ 5m until 2" in result.stderr
    assert json.loads(policy("history", "--json").stdout) == []


@pytest.mark.parametrize("words", [("unset", "ttl"), ("rollback", "0")])
def test_value_of_the_environment_can_have_an_end(policy, words):
    policy("set", "ttl", "5m")

    result = policy(*words, "--for", "2h")

    assert "✓ ttl: 5m → 10m (default) until 2" in result.stderr
    assert shown(policy, "ttl")["ends"][0]["then"] == "5m"


def test_end_of_an_unset_value_can_be_removed(policy):
    policy("set", "ttl", "5m")
    policy("unset", "ttl", "--for", "2h")

    result = policy("unset", "ttl")

    assert "then 5m → 10m (default)" in result.stderr
    assert shown(policy, "ttl")["ends"] == NONE


def test_equal_value_without_an_end_removes_the_end(policy):
    policy("set", "ttl", "5m", "--for", "2h")

    result = policy("set", "ttl", "5m")

    assert "then 10m (default) → 5m\n" in result.stderr
    assert newest(policy)["version"] == 2
    assert shown(policy, "ttl")["ends"] == NONE


def test_later_change_of_another_value_keeps_the_end(policy):
    policy("set", "ttl", "5m", "--for", "2h")
    before = until(policy, "ttl")

    policy("set", "max_sends", "3")

    assert until(policy, "ttl") == before
    assert [change["name"] for change in newest(policy)["changes"]] == ["max_sends"]


def test_rollback_restores_the_ends_of_a_version(policy):
    policy("set", "ttl", "5m", "--for", "2h")
    before = until(policy, "ttl")
    policy("set", "ttl", "6m")

    policy("rollback", "1")

    assert shown(policy, "ttl")["value"] == "5m"
    assert until(policy, "ttl") == before


def test_rollback_removes_the_ends_of_later_changes(policy):
    policy("set", "max_sends", "3")
    policy("set", "ttl", "5m", "--for", "2h")

    policy("rollback", "1")

    assert shown(policy, "ttl")["ends"] == NONE
    assert shown(policy, "ttl")["source"] == "default"


@pytest.mark.usefixtures("ended")
def test_history_shows_what_ended(policy):
    lines = [line.strip() for line in policy("history").stdout.splitlines()]

    assert "ttl: 5m → 10m (default)" in lines


def test_text_of_policy_with_ends_fits_a_terminal(policy):
    policy("set", "ttl=5m", "failed_checks_per_phone=9/1h", "--for", "2h")

    assert max(map(len, policy("show").stdout.splitlines())) <= 80


@pytest.mark.usefixtures("ended")
def test_rollback_does_not_revive_a_change_that_has_ended(policy):
    policy("set", "max_checks", "3")

    result = policy("rollback", "1")

    assert "! ttl of version 1 has ended since: 10m (default) returns" in result.stderr
    assert newest(policy)["values"] == {"max_checks": "4"}


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize(
    "words", [("show",), ("history",), ("set", "max_sends", "3"), ("rollback", "0")]
)
def test_command_ends_a_change_that_no_instance_ended(environ, policy, words):
    policy(*words)

    version = json.loads(policy("history", "--json").stdout)[-2]
    assert (version["version"], version["author"]) == (2, "otp-engine")
    assert version["reason"] == "version 1 ended"
    assert version["values"] == {"max_checks": "4"}
    assert (
        "version 2 by otp-engine: ttl = value of the environment"
        in run("events", "--kind", "policy", **environ).stdout
    )


@pytest.mark.usefixtures("ended")
def test_command_shows_the_policy_while_redis_accepts_no_write(policy, real_redis):
    real_redis.config_set("maxmemory", "1")
    try:
        result = policy("show", "--json")
    finally:
        real_redis.config_set("maxmemory", "0")

    ttl = json.loads(result.stdout)["values"]["ttl"]
    assert (ttl["value"], ttl["source"]) == ("10m", "default")


@pytest.mark.usefixtures("ended")
def test_inspect_uses_the_values_after_an_end(environ):
    shown = run("inspect", "--json", stdin="+919445012345\n", **environ)

    assert shown.exit_code == 0


@pytest.mark.parametrize(
    ("text", "distance"),
    [
        ("{:%H:%M}", timedelta(hours=3)),
        ("{:%H:%M}Z", timedelta(hours=3)),
        ("{:%Y-%m-%dT%H:%M}", timedelta(hours=30)),
        ("{:%Y-%m-%d %H:%M}+00:00", timedelta(days=30)),
    ],
)
def test_time_of_an_end_is_in_utc_without_an_offset(policy, text, distance):
    end = (datetime.now(UTC) + distance).replace(second=0, microsecond=0)

    policy("set", "ttl", "5m", "--until", text.format(end))

    assert until(policy, "ttl") == end


def test_time_of_day_that_has_passed_is_that_of_tomorrow(policy):
    passed = (datetime.now(UTC) - timedelta(hours=3)).replace(second=0, microsecond=0)

    policy("set", "ttl", "5m", "--until", f"{passed:%H:%M}")

    assert until(policy, "ttl") == passed + timedelta(days=1)


@pytest.mark.parametrize(
    ("options", "status", "error"),
    [
        (("--for", "2"), 2, "must be a number and a unit, such as 30s or 10m: '2'"),
        (("--for", "0s"), 2, "must be from 1s to 366d: '0s'"),
        (("--for", "367d"), 2, "must be from 1s to 366d: '367d'"),
        (("--for", "999999999d"), 2, "must be from 1s to 366d"),
        (("--until", "tonight"), 2, "must be a time, such as 14:00"),
        (("--until", "25:00"), 2, "must be a time, such as 14:00"),
        (("--until", "2026-01-01T00:00"), 1, "✗ --until must be after now"),
        (("--until", "9999-12-31T23:59"), 1, "366 days later at most"),
        (("--for", "2h", "--until", "14:00"), 2, "--for and --until exclude"),
    ],
    ids=str,
)
def test_end_that_cannot_be_is_rejected(policy, options, status, error):
    result = policy("set", "ttl", "5m", *options)

    assert result.exit_code == status
    assert error in result.stderr
    assert json.loads(policy("history", "--json").stdout) == []


def test_end_of_a_change_is_after_a_second(policy, versions):
    policy("set", "ttl", "5m", "--for", "1s")

    redis_server.wait_until(
        lambda: json.loads(policy("show", "--json").stdout)["version"] == 2
    )

    assert newest(policy)["reason"] == "version 1 ended"
    assert versions.latest().values == {}
