from __future__ import annotations

from otp_engine.domain.money.prices import Prices

PRICES = Prices(
    currency="USD",
    by_country={("IN", "sms"): 83_200, ("SN", "sms"): 550_600, ("IN", "voice"): 40_000},
    source="a test",
)


def test_price_is_that_of_the_country_and_channel():
    assert PRICES.price("IN", "sms") == 83_200
    assert PRICES.price("IN", "voice") == 40_000


def test_country_without_a_price_has_the_highest_of_its_channel():
    assert PRICES.price("US", "sms") == 550_600
    assert PRICES.price("SN", "voice") == 40_000


def test_channel_without_a_price_has_the_highest_of_all():
    assert PRICES.price("IN", "whatsapp") == 550_600


def test_countries_without_a_price_are_listed():
    assert PRICES.missing({"IN", "US", "FR"}, "sms") == ["FR", "US"]
