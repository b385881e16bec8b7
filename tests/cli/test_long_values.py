"""Values of the policy with many names, on the command line."""

from __future__ import annotations

import json

import pytest

from tests.support.command_line import run

NETWORKS = ", ".join(f"10.{n >> 8}.{n & 255}.0/24" for n in range(10_000))


@pytest.fixture
def blocked(policy):
    """Run `policy` after 10,000 networks, one less and one more were blocked."""
    assert policy("set", "blocked_networks", NETWORKS).exit_code == 0
    assert policy("unblock", "network", "10.0.9.0/24").exit_code == 0
    assert policy("block", "network", "203.0.113.0/24").exit_code == 0
    return policy


def test_shown_value_is_short(blocked):
    [line] = [
        line
        for line in blocked("show").stdout.splitlines()
        if line.startswith("blocked_networks")
    ]

    assert len(line) < 200
    assert "(10000 items)" in line


def test_history_lists_what_a_change_adds_and_removes(blocked):
    lines = blocked("history").stdout.splitlines()

    assert max(map(len, lines)) < 400
    assert lines[2].endswith("(10000 items): added 203.0.113.0/24")
    assert lines[4].endswith("(9999 items): removed 10.0.9.0/24")


def test_json_has_the_whole_value(blocked):
    shown = json.loads(blocked("show", "--json").stdout)

    names = shown["values"]["blocked_networks"]["value"].split(", ")
    assert len(names) == 10_000
    assert "203.0.113.0/24" in names


def test_event_of_a_change_is_short(blocked, environ):
    lines = run("events", "--kind", "policy", "--json", **environ).stdout.splitlines()

    assert max(map(len, lines)) < 700
    assert json.loads(lines[-1])["change"].endswith("added 203.0.113.0/24")


def test_value_with_too_many_names_stores_nothing(policy):
    result = policy("set", "blocked_networks", f"{NETWORKS}, 203.0.113.0/24")

    assert result.exit_code == 1
    assert "must have at most 10000 networks: 10001" in result.stderr
    assert len(result.stderr) < 200
    assert json.loads(policy("history", "--json").stdout) == []
