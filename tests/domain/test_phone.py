from __future__ import annotations

from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata

from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.errors import CountryNotAllowed, InvalidPhone, NumberTypeNotAllowed

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.mark.parametrize(
    "typed",
    [
        "9445012345",
        "09445012345",
        "+919445012345",
        "+91 94450 12345",
        "+91-94450-12345",
        "+91 (94450) 123.45",
        "(+91) 9445012345",
        "+91 [94450] 12/345",
        " 94450\u00a012345 ",
        "94450\u201312345",
    ],
)
def test_however_it_is_typed_it_is_one_number(typed):
    assert numbers.parse(typed, "IN").e164 == "+919445012345"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "+",
        "12",
        "+91",
        "not a number",
        "+9194450123456789",
        "+919445012345;ext=9",
        "9445012345 x12",
        "tel:+919445012345",
        "+91９445012345",
        "٩٤٤٥٠١٢٣٤٥",
        "९४४५०१२३४५",
        "94450\u200b12345",
        "\u202a9445012345\u202c",
        "9445012345\x00",
        "9445012345\r\n",
        "9445012345\ud800",
        "1-800-FLOWERS",
        "+1234567890123456789012345678901234567890",
        "++919445012345",
        "+00000000000",
    ],
)
def test_what_cannot_be_a_number_is_refused(typed):
    with pytest.raises(InvalidPhone):
        numbers.parse(typed, "IN")


@given(typed=st.text())
def test_any_text_is_a_number_or_refused(typed):
    try:
        number = numbers.parse(typed, "IN")
    except InvalidPhone:
        return
    assert phonenumbers.is_valid_number(phonenumbers.parse(number.e164))


@pytest.mark.parametrize("region", REGIONS)
def test_a_number_reads_the_same_in_national_and_international_form(region):
    example = phonenumbers.example_number_for_type(
        region, phonenumbers.PhoneNumberType.MOBILE
    )
    if example is None:
        pytest.skip("no mobile example for this region")
    shapes = phonenumbers.PhoneNumberFormat
    written = [
        phonenumbers.format_number(example, shape)
        for shape in (shapes.E164, shapes.INTERNATIONAL, shapes.NATIONAL)
    ]

    assert {numbers.parse(text, region).e164 for text in written} == {written[0]}


@pytest.mark.parametrize("region", REGIONS)
def test_the_mask_hides_all_but_the_country_and_the_end(region):
    example = phonenumbers.example_number(region)
    if example is None or not phonenumbers.is_valid_number(example):
        pytest.skip("no example for this region")
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    number = numbers.parse(e164, region)

    assert number.masked != number.e164
    assert len(number.masked) == len(number.e164)
    assert number.e164 not in repr(number)


@pytest.mark.parametrize("region", REGIONS)
def test_log_and_events_together_leave_three_digits_of_every_number_hidden(region):
    metadata: Any = PhoneMetadata.metadata_for_region(region)
    code = metadata.country_code
    for length in {*metadata.general_desc.possible_length} - {-1}:
        digits = ("9876543210" * 2)[:length]
        number = numbers.PhoneNumber(f"+{code}{digits}", region, code, sms_capable=True)

        beginning = number.visible_prefix.removeprefix(f"+{code}")
        stars, end = number.masked.removeprefix(f"+{code}").rsplit("*", 1)

        assert len(beginning) + len(end) + 3 <= length
        assert len(stars) + 1 + len(end) == length
        assert digits.startswith(beginning)
        assert digits.endswith(end)


def test_a_number_shorter_than_what_must_stay_hidden_is_hidden_whole():
    number = numbers.PhoneNumber("+29012", "SH", 290, sms_capable=True)

    assert (number.masked, number.visible_prefix) == ("+290**", "+290")


def test_the_mask_is_the_documented_one():
    assert numbers.parse("9445012345", "IN").masked == "+91******2345"


@pytest.mark.parametrize(
    ("typed", "country"),
    [
        ("+14155550123", "US"),
        ("+12423591234", "BS"),
        ("+447400123456", "GB"),
        ("+447781123456", "GG"),
    ],
)
def test_a_calling_code_is_not_a_country(typed, country):
    assert numbers.parse(typed, "IN").country == country


def test_a_country_that_is_not_served_is_refused():
    with pytest.raises(CountryNotAllowed):
        AllowedDestinations({"IN"}).check(numbers.parse("+12423591234", "IN"))


def test_everywhere_is_every_country():
    AllowedDestinations({"*"}).check(numbers.parse("+12423591234", "IN"))


def test_everywhere_leaves_out_satellite_networks():
    with pytest.raises(CountryNotAllowed):
        AllowedDestinations({"*"}).check(numbers.parse("+870773111632", "IN"))


@pytest.mark.parametrize("typed", ["+912224935555", "+911800123456"])
def test_a_landline_and_a_toll_free_number_are_refused(typed):
    with pytest.raises(NumberTypeNotAllowed):
        AllowedDestinations({"IN"}).check(numbers.parse(typed, "IN"))
