from __future__ import annotations

import pytest

from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.errors import CountryNotAllowed, NumberTypeNotAllowed


def test_number_of_another_country_is_refused():
    with pytest.raises(CountryNotAllowed):
        AllowedDestinations({"IN"}).check(numbers.parse("+12423591234", "IN"))


def test_asterisk_allows_every_country():
    AllowedDestinations({"*"}).check(numbers.parse("+12423591234", "IN"))


def test_asterisk_does_not_allow_satellite_networks():
    with pytest.raises(CountryNotAllowed):
        AllowedDestinations({"*"}).check(numbers.parse("+870773111632", "IN"))


@pytest.mark.parametrize("text", ["+912224935555", "+911800123456"])
def test_landline_and_toll_free_number_are_refused(text):
    with pytest.raises(NumberTypeNotAllowed):
        AllowedDestinations({"IN"}).check(numbers.parse(text, "IN"))
