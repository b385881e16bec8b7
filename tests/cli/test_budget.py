"""`otp-engine budget`."""

from __future__ import annotations

import json
import secrets

import pytest

from otp_engine.domain.models import DestinationCharge
from otp_engine.domain.money.budget import BudgetRules
from otp_engine.domain.pumping_guard.places import Destination
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules
from otp_engine.store.redis_store import RedisStore
from tests.support.command_line import run


@pytest.fixture
def spend(real_redis):
    """Return a function that counts the money of one message."""
    store = RedisStore(real_redis)

    def spend(country, price):
        charge = DestinationCharge(
            hits=(),
            destination=Destination("+91944501", "+91944", country),
            guard=GuardRules(mode=GuardMode.OFF),
            price=price,
            budget=BudgetRules(amount=None),
        )
        store.acquire_destination(charge, idempotency_key=secrets.token_bytes(8))

    return spend


def rows(result):
    return [line.split() for line in result.stdout.splitlines()]


def test_money_is_shown_by_country(environ, spend):
    for country, price in [("SN", 550_600), ("IN", 83_200), ("SN", 550_600)]:
        spend(country, price)

    result = run("budget", OTP_BUDGET="2/24h", **environ)

    assert result.exit_code == 0
    assert rows(result)[0] == [
        "1.1844",
        "of",
        "2",
        "USD/24h",
        "are",
        "spent:",
        "59",
        "%.",
    ]
    assert rows(result)[2:] == [
        ["COUNTRY", "SPENT", "SHARE", "USED", "TODAY", "USUAL"],
        ["SN", "1.1012", "-", "-", "1.1012", "-"],
        ["IN", "0.0832", "-", "-", "0.0832", "-"],
    ]


def test_money_is_shown_while_the_budget_is_off(environ, spend):
    spend("IN", 83_200)

    result = run("budget", **environ)

    assert result.stdout.startswith(
        "The budget is off: 0.0832 USD were spent in 24 hours."
    )


def test_live_budget_is_shown(environ, spend):
    run("policy", "set", "budget", "4 USD/24h shadow", **environ)
    spend("IN", 1_000_000)

    result = run("budget", **environ)

    assert rows(result)[0] == [
        "1",
        "of",
        "4",
        "USD/24h",
        "shadow",
        "are",
        "spent:",
        "25",
        "%.",
    ]


def test_nothing_is_shown_without_money(environ):
    result = run("budget", **environ)

    assert result.stdout == "The budget is off: 0 USD were spent in 24 hours.\n"


def test_money_is_shown_as_json(environ, spend):
    spend("IN", 83_200)

    shown = json.loads(run("budget", "--json", OTP_BUDGET="2/24h", **environ).stdout)

    assert shown == {
        "currency": "USD",
        "amount": "2",
        "shadow": False,
        "spent": "0.0832",
        "countries": [
            {
                "country": "IN",
                "spent": "0.0832",
                "share": None,
                "today": "0.0832",
                "usual": None,
            }
        ],
    }
