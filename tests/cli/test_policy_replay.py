"""`otp-engine policy try`: stored events against proposed values."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.events import (
    Action,
    RequestRefused,
    VerificationApproved,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.send_facts import SendFacts
from otp_engine.store import keys
from tests.support.command_line import run
from tests.support.redis_server import free_port

SENEGAL = ["+221771234501", "+221771234502", "+221771234503"]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def approved(stored):
    def add(event, age):
        approval = VerificationApproved(
            recipient=event.recipient,
            verification_id=event.verification_id,
            channel=Channel.SMS,
        )
        stored(age, approval)

    return add


@pytest.fixture
def tried(environ):
    """Return a function that runs the command, and returns what it found."""

    def run_try(*arguments):
        result = run("policy", "try", *arguments, "--json", **environ)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return run_try


def failed(environ, *arguments):
    result = run("policy", *arguments, **environ)
    assert result.exit_code != 0
    return result.stderr


def test_refused_sends_are_those_over_the_limit(sent, approved, tried):
    approved(sent(SENEGAL[0], 30 * MINUTE), 29 * MINUTE)
    approved(sent(SENEGAL[1], 20 * MINUTE), 19 * MINUTE)
    last = sent(SENEGAL[2], 10 * MINUTE)
    sent("+919445012345", 5 * MINUTE)

    found = tried("sends_per_country", "SN=1/1h")

    assert found["total"]["sends"] == 4
    assert found["total"]["refused"] == 2
    assert found["total"]["approved"] == 1
    assert found["total"]["saved"] == 1
    assert found["countries"] == [
        {
            "country": "SN",
            "sends": 3,
            "refused": 2,
            "approved": 1,
            "saved": 1,
            "saved_cost": 0,
        }
    ]
    assert found["prefixes"][0]["prefix"] == "+221771"
    assert found["addresses"][0]["address"] == last.recipient.ip_hash


def test_text_has_a_table_for_countries_prefixes_blocks_and_addresses(sent, environ):
    for number in SENEGAL:
        sent(number, 5 * MINUTE)

    result = run("policy", "try", "sends_per_country", "SN=1/1h", **environ)

    assert result.exit_code == 0, result.stderr
    assert "Replay of sends_per_country = SN=1/1h" in result.stdout
    assert re.search(r"^sends +3$", result.stdout, re.MULTILINE)
    assert re.search(r"^refused +2, to 2 phones$", result.stdout, re.MULTILINE)
    for header in ("COUNTRY", "PREFIX", "BLOCK", "ADDRESS"):
        assert re.search(rf"^{header} +SENDS +REFUSED", result.stdout, re.MULTILINE)


def test_block_of_the_guard_is_in_clear(sent, environ, real_redis):
    event = sent(SENEGAL[0], 5 * MINUTE)
    sent(SENEGAL[1], 4 * MINUTE)
    at = event.facts.counted_at
    real_redis.hset(keys.GUARD, "+22177123", f"2 0 0 {at} 0 0 0")

    result = run("policy", "try", "sends_total", "1/1h", **environ)

    assert re.search(r"^\+22177123 +2 +1 ", result.stdout, re.MULTILINE)


def test_saved_messages_have_their_price(sent, tried):
    for number in SENEGAL:
        sent(number, 5 * MINUTE, price=200_000)

    found = tried("sends_total", "1/1h")

    assert (found["total"]["saved_cost"], found["currency"]) == (400_000, "USD")


def test_text_has_the_currency_of_the_saved_messages(sent, environ):
    for number in SENEGAL:
        sent(number, 5 * MINUTE, price=200_000)

    result = run("policy", "try", "sends_total", "1/1h", **environ)

    assert re.search(r"^saved messages +2 \(0.40 USD\),", result.stdout, re.MULTILINE)
    assert re.search(r"^SN .* 2 +\(0.40 USD\)$", result.stdout, re.MULTILINE)


def test_messages_over_the_budget_are_refused_with_their_price(sent, tried):
    for number in SENEGAL:
        sent(number, 5 * MINUTE, price=200_000)
    sent("+919445012345", 4 * MINUTE)

    found = tried("budget", "0.50/24h")

    assert found["total"]["sends"] == 4
    assert found["total"]["saved_cost"] == 200_000
    assert [row["country"] for row in found["countries"]] == ["SN"]
    assert any("price of its event" in note for note in found["notes"])


def test_sends_without_a_price_are_stated_for_a_budget(sent, tried):
    sent(SENEGAL[0], 5 * MINUTE, price=200_000)
    sent(SENEGAL[1], 5 * MINUTE)

    found = tried("budget", "480/24h")

    assert any("1 sends have no price" in note for note in found["notes"])


def test_several_values_are_replayed_together(sent, tried):
    for number in [*SENEGAL, "+919445012345"]:
        sent(number, 5 * MINUTE)

    found = tried("sends_per_country=SN=2/1h", "sends_total=3/1h")

    assert found["total"]["refused"] == 1


def test_prefix_that_is_longer_than_events_show_is_found(sent, tried):
    sent("+221771234501", 5 * MINUTE)
    sent("+221771239901", 4 * MINUTE)
    sent("+221771239902", 3 * MINUTE)

    found = tried("sends_per_prefix", "+22177123=1/1h")

    assert found["total"]["refused"] == 2


def test_prefixes_with_too_many_blocks_are_not_replayed(environ):
    limits = ", ".join(f"+6281{i}=1/1h" for i in range(10, 20))

    stderr = failed(environ, "try", "sends_per_prefix", limits)

    assert "cannot be replayed" in stderr


def test_network_of_addresses_is_found(sent, tried):
    sent(SENEGAL[0], 5 * MINUTE)
    sent(SENEGAL[1], 4 * MINUTE)

    found = tried("sends_per_network", "203.0.113.0/24=1/1h")

    assert found["total"]["refused"] == 1


def test_network_with_too_many_addresses_is_not_replayed(environ):
    stderr = failed(environ, "try", "sends_per_network", "10.0.0.0/8=1/1h")

    assert "cannot be replayed" in stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sending", "on, +22177123=off"),
        ("allowed_countries", "IN"),
        ("blocked_networks", "203.0.113.7"),
    ],
)
def test_switch_refuses_all_of_its_sends(sent, tried, name, text):
    sent(SENEGAL[0], 5 * MINUTE)
    sent(SENEGAL[1], 4 * MINUTE)

    found = tried(name, text)

    assert found["total"]["refused"] == 2


def test_territory_of_a_shared_plan_is_stated(sent, tried):
    sent(SENEGAL[0], 5 * MINUTE)

    found = tried("allowed_countries", "AX")

    assert any("numbers of AX count under FI" in note for note in found["notes"])


def test_sends_before_the_period_fill_its_windows(sent, tried):
    sent(SENEGAL[0], 70 * MINUTE)
    sent(SENEGAL[1], 30 * MINUTE)

    found = tried("sends_per_country", "SN=1/2h", "--since", "1h")

    assert found["total"]["sends"] == found["total"]["refused"] == 1


def test_period_before_the_first_stored_event_is_stated(sent, tried):
    sent(SENEGAL[0], 30 * MINUTE)

    found = tried("sends_total", "1/10m", "--since", "7d")

    since = datetime.fromisoformat(found["since"])
    assert datetime.now(UTC) - since < 31 * MINUTE
    warm_up = datetime.fromisoformat(found["warm_up_until"]) - since
    assert warm_up == 10 * MINUTE
    assert any("the first stored event is of" in note for note in found["notes"])
    assert any("refusals can be too few" in note for note in found["notes"])


def test_replay_after_the_warm_up_has_no_note_of_it(sent, tried):
    sent(SENEGAL[0], 300 * MINUTE)
    sent(SENEGAL[0], 30 * MINUTE)

    found = tried("sends_total", "1/10m", "--since", "1h")

    assert found["warm_up_until"] is None
    assert found["notes"] == []


def test_trimmed_stream_is_stated(sent, tried, real_redis):
    events = [sent(SENEGAL[0], age * MINUTE) for age in (30, 20, 10)]
    oldest = real_redis.xrange(keys.EVENTS, count=1)[0][0]
    real_redis.xdel(keys.EVENTS, oldest)

    found = tried("sends_total", "1/1m", "--since", "1h")

    assert found["total"]["sends"] == len(events) - 1
    assert any("earlier ones are not stored" in note for note in found["notes"])


def test_refusals_of_the_same_rule_are_replayed(sent, stored, tried):
    kept = sent(SENEGAL[0], 10 * MINUTE)
    refusal = RequestRefused(
        recipient=kept.recipient,
        action=Action.SEND,
        limit="sends_per_country",
        channel=Channel.SMS,
    )
    stored(9 * MINUTE, refusal)
    stored(8 * MINUTE, refusal)

    found = tried("sends_per_country", "SN=2/1h")

    assert found["total"]["refused"] == 1
    assert found["total"]["refused_before"] == 1
    assert found["total"]["admitted"] == 1


def test_refusal_of_a_later_rule_is_not_admitted(sent, stored, tried):
    kept = sent(SENEGAL[0], 10 * MINUTE)
    refusal = RequestRefused(
        recipient=kept.recipient,
        action=Action.SEND,
        limit="sends_per_country",
        channel=Channel.SMS,
    )
    stored(9 * MINUTE, refusal)

    found = tried("sends_per_phone", "9/1h")

    assert found["total"]["sends"] == 2
    assert found["total"]["admitted"] == 0


def test_refusals_of_other_rules_are_left_out(sent, stored, tried):
    kept = sent(SENEGAL[0], 10 * MINUTE)
    stored(
        9 * MINUTE,
        RequestRefused(
            recipient=kept.recipient, action=Action.SEND, limit="resend_cooldown"
        ),
    )

    found = tried("sends_per_country", "SN=1/1h")

    assert found["total"]["sends"] == 1


def test_events_of_earlier_releases_are_counted_and_stated(sent, stored, tried):
    event = sent(SENEGAL[0], 10 * MINUTE)
    old = replace(
        event, recipient=replace(event.recipient, block_hash=None), facts=SendFacts()
    )
    stored(9 * MINUTE, old)

    found = tried("sends_per_country", "SN=1/1h")

    assert found["events_without_facts"] == 1
    assert found["total"]["refused"] == 1
    assert any("lack the time of the count" in note for note in found["notes"])


def test_stream_without_events_is_an_error(environ):
    assert "no send is stored" in failed(environ, "try", "sends_total", "1/1h")


def test_period_without_a_send_is_an_error(sent, environ):
    sent(SENEGAL[0], 300 * MINUTE)

    stderr = failed(environ, "try", "sends_total", "1/10h", "--since", "1h")

    assert "no send is stored" in stderr


@pytest.mark.parametrize("period", [("--since", "2099-01-01"), ("--until", "8d")])
def test_period_without_a_length_is_an_error(sent, environ, period):
    sent(SENEGAL[0], MINUTE)

    stderr = failed(environ, "try", "sends_total", "1/1h", *period)

    assert "✗ --since must be before --until, or before now" in stderr


def test_age_over_the_retention_is_an_error(environ):
    stderr = failed(environ, "try", "sends_total", "1/1h", "--since", "40d")

    assert "31d at most" in stderr


def test_invalid_value_has_the_error_of_policy_set(environ):
    arguments = ("sends_per_country", "SN=often")

    assert failed(environ, "try", *arguments) == failed(environ, "set", *arguments)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("checks_per_ip", "1/1m"),
        ("resend_cooldown", "60s"),
        ("max_checks", "3"),
        ("ttl", "5m"),
    ],
)
def test_value_that_events_cannot_decide_is_an_error(environ, name, text):
    stderr = failed(environ, "try", name, text)

    assert f"{name} cannot be replayed: " in stderr


def test_replay_without_redis_is_an_error(environ):
    away = environ | {"REDIS_URL": f"redis://127.0.0.1:{free_port()}"}

    stderr = failed(away, "try", "sends_total", "1/1h")

    assert "the command was not completed" in stderr


def test_dry_run_names_the_command(policy):
    result = policy("set", "sends_per_country", "SN=1/1h", "--dry-run")

    assert "otp-engine policy try sends_per_country=SN=1/1h" in result.stderr


def test_dry_run_of_a_value_that_cannot_be_replayed_names_no_command(policy):
    assert "policy try" not in policy("set", "ttl", "5m", "--dry-run").stderr
