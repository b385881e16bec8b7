from __future__ import annotations

import pytest

from otp_engine.domain import addresses
from otp_engine.domain.models import Channel
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


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("+358412345678", "AX"),
        ("+358412345678", "FI"),
        ("+447924123456", "IM"),
        ("+447924123456", "GB"),
        ("+447797712345", "JE"),
        ("+4741234567", "SJ"),
        ("+393123456789", "VA"),
        ("+61412345678", "CX"),
        ("+61412345678", "CC"),
        ("+212650123456", "EH"),
        ("+590690001234", "BL"),
        ("+590690001234", "MF"),
        ("+262639012345", "YT"),
        ("+262692123456", "RE"),
        ("+77710009998", "KZ"),
        ("+5993181234", "BQ"),
        ("+16135550123", "CA"),
    ],
)
def test_number_of_a_shared_plan_is_allowed_with_each_of_its_territories(text, allowed):
    AllowedDestinations({"IN", allowed}).check(numbers.parse(text, "IN"))


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("+447797712345", "GB"),
        ("+447781123456", "GB"),
        ("+447400123456", "JE"),
        ("+447924123456", "GG"),
        ("+262639012345", "RE"),
        ("+262692123456", "YT"),
        ("+77710009998", "RU"),
        ("+79123456789", "KZ"),
        ("+5993181234", "CW"),
        ("+16135550123", "US"),
        ("+12015550123", "CA"),
        ("+33612345678", "RE"),
    ],
)
def test_number_of_another_territory_of_the_calling_code_is_refused(text, allowed):
    with pytest.raises(CountryNotAllowed):
        AllowedDestinations({allowed}).check(numbers.parse(text, "IN"))


@pytest.mark.parametrize("region", ["AX", "FI"])
def test_number_of_a_shared_plan_counts_under_one_country(region):
    assert numbers.parse("0412345678", region).country == "FI"


def test_refusal_of_a_toll_free_number_has_an_example_of_its_country():
    with pytest.raises(NumberTypeNotAllowed) as refusal:
        AllowedDestinations({"AR"}).check(numbers.parse("+548001234567", "IN"))

    assert refusal.value.message == (
        "This kind of number cannot be sent a code. Use a mobile number with its"
        " country code, such as +54 9 11 2345-6789."
    )


@pytest.mark.parametrize("text", ["+911800123456", "+448712345678", "+445612345678"])
def test_toll_free_premium_and_internet_numbers_are_refused(text):
    with pytest.raises(NumberTypeNotAllowed):
        AllowedDestinations({"IN", "GB"}).check(numbers.parse(text, "IN"))


def test_landline_is_allowed_and_can_only_be_called():
    landline = numbers.parse("+912224935555", "IN")

    AllowedDestinations({"IN"}).check(landline)

    assert [each for each in Channel if addresses.can_receive(landline, each)] == [
        Channel.CALL
    ]


@pytest.mark.parametrize("text", ["+919445012345", "+14155552671"])
def test_mobile_number_receives_every_channel_of_a_phone(text):
    number = numbers.parse(text, "IN")

    assert {each for each in Channel if addresses.can_receive(number, each)} == (
        set(Channel) - {Channel.EMAIL}
    )


@pytest.mark.parametrize("text", ["+911800123456", "+448712345678"])
def test_toll_free_and_premium_numbers_receive_no_channel(text):
    number = numbers.parse(text, "IN")

    assert not any(addresses.can_receive(number, each) for each in Channel)
