"""`otp-engine policy`, in this process."""

from __future__ import annotations

import json

import pytest

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


def test_limit_for_unknown_api_key_is_warned_of(policy):
    result = policy("set", "sends_per_key", "9/1h; shop=5/1h; bank=1/1h")

    assert result.exit_code == 0
    assert "! sends_per_key has a limit for bank, but OTP_API_KEYS" in result.stderr
    assert "limit for shop" not in result.stderr


def test_show_prints_the_source_of_each_value(policy):
    policy("set", "ttl", "20m", "--by", "alice", "--reason", "slow networks")

    shown = json.loads(policy("show", "--json").stdout)

    [version] = json.loads(policy("history", "--json").stdout)
    record = {
        "version": 1,
        "at": version["at"],
        "author": "alice",
        "reason": "slow networks",
    }
    values = shown.pop("values")
    assert shown == record
    ends: dict[str, object] = {"ends": []}
    assert values["ttl"] == ends | {"value": "20m", "source": "live"} | record
    none = dict.fromkeys(record)
    own = ends | none
    assert values["code_length"] == own | {"value": "6", "source": "default"}
    assert values["max_sends"] == own | {"value": "4", "source": "environment"}


def test_show_starts_with_the_live_version_and_a_header(policy):
    policy("set", "ttl", "20m", "--by", "alice", "--reason", "slow networks")
    policy("set", "sends_per_ip", "20/10m, 5/10m shadow", "--by", "bob")

    lines = policy("show").stdout.splitlines()

    assert lines[0] == "Policy version 2 is live."
    assert lines[2].split() == ["NAME", "VALUE", "SOURCE"]
    rows = {line.split()[0]: line for line in lines[3:] if line}
    assert rows["ttl"].split() == ["ttl", "20m", *["live", "since", "version", "1"]]
    assert rows["max_sends"].split() == ["max_sends", "4", "environment"]
    assert rows["1"].endswith("  alice    slow networks") or rows["1"].endswith(
        "  alice   slow networks"
    )
    assert rows["live"].split()[1:3] == ["set", "by"]
    assert "refuses nothing" in rows["shadow"]
    columns = {
        line.index(word)
        for line, word in ((lines[2], "SOURCE"), (rows["max_sends"], "environment"))
    }
    assert len(columns) == 1
    assert max(map(len, lines)) <= 80


def test_show_without_a_version_names_the_environment(policy):
    assert policy("show").stdout.startswith("No policy version: every value is")
    assert json.loads(policy("show", "--json").stdout)["version"] is None


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
    assert "with a chance of 1 in 500 a verification" in weaker.stderr
    assert "✓ the chance" not in weaker.stderr + after.stderr
    assert "chance" not in other.stderr
    assert "! code_length 4 is under 6 digits" in after.stderr


def test_control_characters_in_reason_are_escaped(policy):
    policy("set", "ttl", "5m", "--reason", "slow\x1b[2J\rnetworks\n9  2026")

    for shown in (policy("history").stdout, policy("show").stdout):
        assert r"slow\x1b[2J\rnetworks\n9  2026" in shown
        assert "\x1b" not in shown
    assert len(policy("history").stdout.splitlines()) == 3


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

    assert json.loads(policy("show", "--json").stdout)["version"] == 2
    [change] = json.loads(policy("history", "--json", "-n", "1").stdout)[0]["changes"]
    assert change == {
        "name": "ttl",
        "old": "5m",
        "old_source": "live",
        "new": "10m",
        "new_source": "default",
        "ends": [],
    }


@pytest.mark.parametrize(
    "arguments", [("history",), ("history", "--json")], ids=["text", "json"]
)
def test_history_before_first_change_is_empty(policy, arguments):
    result = policy(*arguments)

    assert result.exit_code == 0
    assert result.stdout.strip() in {"", "[]"}


def test_history_before_first_change_states_that_no_version_exists(policy):
    result = policy("history")

    assert result.stderr == (
        "✓ no policy version: every value is that of the environment\n"
    )


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
    assert json.loads(policy("show", "--json").stdout)["values"]["ttl"]["value"] == "6m"
    assert "mallory" not in policy("history").stdout


def test_history_shows_old_and_new_values_under_a_header(policy):
    policy("set", "ttl=5m", "max_sends=3", "--by", "alice", "--reason", "a trial")
    policy("rollback", "0", "--by", "bob")

    header, *lines = policy("history").stdout.splitlines()

    assert header.split() == ["VERSION", "TIME", "AUTHOR", "REASON"]
    assert [line.split(maxsplit=1)[0] for line in lines] == [
        *("2", "ttl:", "max_sends:"),
        *("1", "ttl:", "max_sends:"),
    ]
    assert "ttl: 5m → 10m (default)" in lines[1]
    assert "max_sends: 3 → 4 (environment)" in lines[2]
    assert lines[0].endswith("  bob     back to the environment")
    assert lines[3].endswith("  alice   a trial")
    assert "ttl: 10m (default) → 5m" in lines[4]


def test_history_of_ten_versions_is_aligned(policy):
    for minutes in range(1, 11):
        policy("set", "ttl", f"{minutes}m", "--by", "alice")

    header, *lines = policy("history").stdout.splitlines()

    heads = lines[::2]
    assert {line.index("alice") for line in heads} == {header.index("AUTHOR")}
    assert [line[: len("VERSION")].strip() for line in heads] == [
        str(number) for number in range(10, 0, -1)
    ]


@pytest.mark.parametrize("option", [("-n", "2"), ("--limit", "2")])
def test_history_can_be_limited(policy, option):
    for minutes in range(1, 4):
        policy("set", "ttl", f"{minutes}m")

    listed = json.loads(policy("history", "--json", *option).stdout)

    assert [version["version"] for version in listed] == [3, 2]
    # The change of the last one needs the version before it.
    assert [change["old"] for change in listed[1]["changes"]] == ["1m"]
