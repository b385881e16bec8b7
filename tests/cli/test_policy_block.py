"""`otp-engine policy block` and `unblock`."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from tests.support.command_line import run

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PHONE = {"phone": "+919445012345"}
CASES = [
    ("network", "203.0.113.0/24", "blocked_networks", "203.0.113.0/24"),
    ("country", "sn", "sending", "on, SN=off"),
    ("prefix", "+22177", "sending", "on, +22177=off"),
    ("key", "shop", "sending", "on, key:shop=off"),
    ("channel", "sms", "sending", "on, channel:sms=off"),
]


def history(policy):
    return json.loads(policy("history", "--json").stdout)


def values(policy):
    return history(policy)[0]["values"]


def parts(text):
    return {part.strip() for part in text.replace(";", ",").split(",")}


@pytest.mark.parametrize(("kind", "name", "value", "text"), CASES)
def test_block_is_a_version_and_unblock_undoes_it(policy, kind, name, value, text):
    blocked = policy("block", kind, name, "--reason", "pumping")
    newest = history(policy)[0]
    policy("unblock", kind, name)

    assert blocked.exit_code == 0
    assert {key: parts(word) for key, word in newest["values"].items()} == {
        value: parts(text)
    }
    assert newest["reason"] == "pumping"
    assert values(policy) == {value: "none" if kind == "network" else "on"}


@pytest.mark.parametrize(("kind", "name", "value", "text"), CASES)
def test_block_with_an_end_shows_it(policy, kind, name, value, text):
    result = policy("block", kind, name, "--for", "2h")

    [change] = history(policy)[0]["changes"]
    [end] = change["ends"]
    assert end["item"] in parts(text)
    assert end["then"] is None
    assert f"({end['item']} until 2" in result.stderr
    assert f"{end['item']} until 2" in policy("show").stdout


def test_blocks_end_one_by_one(policy):
    policy("block", "country", "SN", "--for", "2h")
    policy("block", "country", "GH", "--for", "4h")
    policy("block", "country", "NG")

    ends = {
        end["item"]: datetime.fromisoformat(end["until"])
        for end in json.loads(policy("show", "--json").stdout)["values"]["sending"][
            "ends"
        ]
    }

    assert set(ends) == {"SN=off", "GH=off"}
    assert ends["GH=off"] - ends["SN=off"] >= timedelta(hours=2)


def test_several_names_are_one_version(policy):
    policy("block", "country", "SN", "GH", "--for", "2h")

    [version] = history(policy)
    assert parts(version["values"]["sending"]) == {"on", "SN=off", "GH=off"}


def test_many_blocks_with_an_end_are_shown_in_short(policy):
    networks = [f"10.{number}.0.0/16" for number in range(250)]

    result = policy("block", "network", *networks, "--for", "2h")

    ends = json.loads(policy("show", "--json").stdout)["values"]["blocked_networks"][
        "ends"
    ]
    assert len(ends) == 250
    assert "and 245 others until 2" in result.stderr
    for text in (result.stderr, policy("show").stdout, policy("history").stdout):
        assert max(map(len, text.splitlines())) < 500


def test_one_invalid_name_of_several_blocks_nothing(policy):
    result = policy("block", "country", "SN", "XX", "--for", "2h")

    assert result.exit_code == 1
    assert "✗ country must be the ISO 3166 code" in result.stderr
    assert history(policy) == []


@pytest.mark.parametrize(
    ("kind", "name", "error"),
    [
        ("network", "203.0.113.0/33", "✗ network must have networks such as"),
        ("network", "203.0.113.7/24", "✗ network must have 203.0.113.0/24"),
        ("country", "Senegal", "✗ country must be the ISO 3166 code"),
        ("prefix", "22177", "✗ prefix must have prefixes such as +22177"),
        ("prefix", "+221779999", "✗ prefix must have prefixes that hide"),
        ("channel", "fax", "✗ channel must have the name of a channel"),
        ("key", "a b", "✗ key must have the name of an API key"),
    ],
)
def test_invalid_name_is_rejected_with_reason(policy, kind, name, error):
    result = policy("block", kind, name)

    assert result.exit_code == 1
    assert error in result.stderr


def test_unblock_of_what_is_not_blocked_fails(policy):
    policy("block", "country", "SN")

    result = policy("unblock", "country", "GH")

    assert result.exit_code == 1
    assert "✗ GH is not blocked: sending is on, SN=off" in result.stderr.replace(
        ";", ","
    )


def test_unblock_with_an_end_blocks_again(policy):
    policy("block", "country", "SN")

    result = policy("unblock", "country", "SN", "--for", "1h")

    assert "(without SN=off until 2" in result.stderr
    assert values(policy) == {"sending": "on"}


def test_rollback_undoes_a_block(policy):
    policy("set", "ttl", "5m")
    policy("block", "prefix", "+22177", "--for", "2h")

    policy("rollback", "1")

    assert values(policy) == {"ttl": "5m"}
    assert json.loads(policy("show", "--json").stdout)["values"]["sending"]["ends"] == (
        []
    )


def test_dry_run_of_a_block_stores_nothing(policy):
    result = policy("block", "country", "SN", "--for", "2h", "--dry-run")

    assert "(SN=off until 2" in result.stderr
    assert history(policy) == []


def test_mix_of_levers_is_one_version_or_none(policy):
    mixed = ("blocked_networks=203.0.113.0/24", "sending=on, SN=off", "ttl=5m")
    rejected = policy("set", *mixed, "sends_per_prefix=+221=x")
    before = history(policy)

    policy("set", *mixed, "--for", "2h")

    [version] = history(policy)
    assert rejected.exit_code == 1
    assert before == []
    assert set(version["values"]) == {"blocked_networks", "sending", "ttl"}
    assert [len(change["ends"]) for change in version["changes"]] == [1, 1, 1]


def test_block_refuses_messages_to_a_country(policy, service):
    policy("block", "country", "IN")

    response = service.post("/auth/send_otp", json=PHONE, headers=KEY)

    assert (response.status_code, response.json["error"]) == (
        403,
        "country_not_allowed",
    )


def test_block_of_a_part_is_an_event(environ, policy):
    policy("block", "country", "SN", "--for", "2h")

    shown = run("events", "--kind", "policy", **environ).stdout

    assert "SN=off until 2" in shown


@pytest.mark.parametrize("words", [("block",), ("unblock",)])
def test_help_of_block_lists_what_can_be_blocked(policy, words):
    result = policy(*words, "-h")

    for kind in ("network", "country", "prefix", "key", "channel"):
        assert f"\n  {kind}" in result.stdout
    assert "..." not in result.stdout.partition("Commands:")[2]


def test_block_over_the_maximum_of_a_list_stores_nothing(policy):
    many = ", ".join(f"10.{n >> 8}.{n & 255}.0/24" for n in range(10_000))
    policy("set", "blocked_networks", many)

    result = policy("block", "network", "203.0.113.0/24")

    assert result.exit_code == 1
    assert "blocked_networks must have at most 10000 networks: 10001" in result.stderr
    assert len(history(policy)) == 1
