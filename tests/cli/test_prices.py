"""`otp-engine prices`."""

from __future__ import annotations

import json

import pytest

from tests.support.command_line import run


@pytest.fixture
def list_of_prices(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text(
        "country,channel,price\nIN,sms,0.0832\nIN,voice,0.04\nSN,sms,0.55\n"
    )
    return str(path)


def test_prices_of_countries_are_shown(list_of_prices):
    result = run("prices", "in", "SN", OTP_PRICES=list_of_prices)

    assert result.exit_code == 0
    assert "Prices in USD of " in result.stdout
    assert (
        "IN       call     0.04\nIN       sms      0.0832\nSN       sms      0.55"
        in (result.stdout)
    )


def test_country_without_a_price_has_the_highest(list_of_prices):
    result = run("prices", "US", OTP_PRICES=list_of_prices)

    assert "US       sms      0.55" in result.stdout
    assert "US has no price of its own" in result.stderr


def test_all_built_in_prices_are_shown_as_json():
    result = run("prices", "--json")

    shown = json.loads(result.stdout)
    assert shown["currency"] == "USD"
    assert shown["as_of"] == "2026-10-08"
    assert {"country": "SN", "channel": "sms", "price": "0.5506"} in shown["prices"]


def test_unknown_country_is_rejected(list_of_prices):
    result = run("prices", "XX", OTP_PRICES=list_of_prices)

    assert result.exit_code == 1
    assert "COUNTRY must be the ISO 3166 code" in result.stderr


def test_list_that_cannot_be_read_is_rejected():
    result = run("prices", OTP_PRICES="/no/such.csv")

    assert result.exit_code == 1
    assert "OTP_PRICES /no/such.csv: cannot be read" in result.stderr
