from __future__ import annotations

from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata

from otp_engine.domain.phones import numbering_plans, numbers
from otp_engine.domain.pumping_guard.listing import level_of
from otp_engine.domain.pumping_guard.places import Level
from otp_engine.errors import InvalidPhone

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.mark.parametrize(
    "text",
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
        "94450\u221212345",
        "\uff0b91\uff0894450\uff09 12\uff0e345",
        "+91٩٤٤٥٠١٢٣٤٥",
        "٩٤٤٥٠١٢٣٤٥",
        "۹۴۴۵۰۱۲۳۴۵",
        "९४४५०१२३४५",
        "\uff19445012345",
        "\u202a+91 94450 12345\u202c",
        "\u200e+91\u200f 94450\u200b12345\ufeff",
        "\u2066+91 94450\u00ad12345\u2069",
        "\t94450\r\n12345\n",
        "94450\u202812345\u2029",
    ],
)
def test_spellings_of_a_number_are_parsed_to_the_same_value(text):
    assert numbers.parse(text, "IN").e164 == "+919445012345"


@pytest.mark.parametrize(
    "text",
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
        "9445012345\x00",
        "94450\x1b12345",
        "94450\x1c12345",
        "94450\x7f12345",
        "9445012345\ufe0f",
        "⁹445012345",
        "⑨445012345",
        "\u207a919445012345",
        "9445012345~",
        "9445012345\ud800",
        "1-800-FLOWERS",
        "+1234567890123456789012345678901234567890",
        "++919445012345",
        "+ +919445012345",
        "+00919445012345",
        "+09445012345",
        "91+9445012345",
        "919445012345+",
        "+00000000000",
    ],
)
def test_malformed_number_is_rejected(text):
    with pytest.raises(InvalidPhone):
        numbers.parse(text, "IN")


@given(text=st.text())
def test_any_text_is_parsed_or_rejected(text):
    try:
        number = numbers.parse(text, "IN")
    except InvalidPhone:
        return
    assert phonenumbers.is_valid_number(phonenumbers.parse(number.e164))


def parse_or_error(text, region):
    """Return the number in E.164, or the error as text."""
    try:
        return numbers.parse(text, region).e164
    except InvalidPhone as error:
        return repr(error)


def test_national_and_international_forms_are_the_same_number():
    mobile = phonenumbers.PhoneNumberType.MOBILE
    formats = phonenumbers.PhoneNumberFormat
    different = []
    for region in REGIONS:
        example = phonenumbers.example_number_for_type(region, mobile)
        # One region has no example of a mobile number.
        if example is None:
            continue
        forms = [
            phonenumbers.format_number(example, number_format)
            for number_format in (formats.E164, formats.INTERNATIONAL, formats.NATIONAL)
        ]
        parsed = [parse_or_error(text, region) for text in forms]
        if set(parsed) != {forms[0]}:
            different.append((region, forms, parsed))

    assert different == []


def test_masked_number_has_the_same_length():
    unlike = []
    for region in REGIONS:
        example = phonenumbers.example_number(region)
        assert example, region
        e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        number = numbers.parse(e164, region)
        if (
            number.masked == e164
            or len(number.masked) != len(e164)
            or e164 in repr(number)
        ):
            unlike.append((region, e164, number.masked, repr(number)))

    assert unlike == []


def test_repr_of_an_assignable_number_omits_it():
    found = numbering_plans.read("+919445012345", "IN")

    assert repr(found) == "AssignableNumber(line_type=1)"


@pytest.fixture(scope="module")
def numbers_of_every_length():
    """Return one number of each length of each region."""
    found = []
    for region in REGIONS:
        metadata: Any = PhoneMetadata.metadata_for_region(region)
        code = metadata.country_code
        found += [
            numbers.PhoneNumber(
                f"+{code}{('9876543210' * 2)[:length]}", region, code, sms_capable=True
            )
            for length in {*metadata.general_desc.possible_length} - {-1}
        ]
    assert {number.country for number in found} == set(REGIONS)
    return found


def test_log_and_event_together_hide_three_digits(numbers_of_every_length):
    for number in numbers_of_every_length:
        code, digits = f"+{number.calling_code}", number.e164

        stars, end = number.masked.rsplit("*", 1)

        shown = (number.country, digits, number.masked, number.visible_prefix)
        assert len(number.visible_prefix) + len(end) + 3 <= len(digits), shown
        assert len(stars) + 1 + len(end) == len(digits), shown
        assert digits.startswith(number.visible_prefix), shown
        assert number.visible_prefix.startswith(code), shown
        assert digits.endswith(end), shown


def test_log_and_block_together_hide_two_digits(numbers_of_every_length):
    for number in numbers_of_every_length:
        end = number.masked.rsplit("*", 1)[1]

        shown = (number.country, number.e164, number.masked, number.block)
        assert len(number.block) + len(end) + 2 <= len(number.e164), shown
        assert number.e164.startswith(number.block), shown


def test_network_is_a_prefix_of_the_block(numbers_of_every_length):
    for number in numbers_of_every_length:
        destination = number.destination

        shown = (number.country, destination)
        assert destination.block.startswith(destination.network), shown
        assert destination.block.rstrip("x") == number.block, shown
        assert destination.network == number.visible_prefix, shown
        assert len(destination.network) <= len(f"+{number.calling_code}") + 3, shown


def test_block_is_the_number_without_four_digits():
    number = numbers.parse("+221779991234", "SN")

    assert number.block == "+22177999"
    assert number.destination.network == "+221779"


def test_block_never_has_the_name_of_a_network(numbers_of_every_length):
    for number in numbers_of_every_length:
        destination = number.destination

        assert level_of(destination.block) is Level.BLOCK, destination
        assert level_of(destination.network) is Level.NETWORK, destination


def test_block_of_a_short_number_differs_from_the_network_of_longer_ones():
    short = numbers.parse("+436501234", "AT").destination
    long = numbers.parse("+436501234567", "AT").destination

    assert long.network == "+43650"
    assert short.block == "+43650xxxx"
    assert set(short.places.values()) & set(long.places.values()) == {"AT"}


def test_number_without_digits_to_hide_has_its_calling_code_as_block():
    number = numbers.PhoneNumber("+29012", "SH", 290, sms_capable=True)

    assert number.block == number.visible_prefix == "+290"


def test_recipient_sees_four_digits():
    assert numbers.parse("9445012345", "IN").shown_to_recipient == "+91******2345"


def test_short_number_is_masked_completely():
    number = numbers.PhoneNumber("+29012", "SH", 290, sms_capable=True)

    assert (number.masked, number.visible_prefix) == ("+290**", "+290")


def test_masked_number_has_the_documented_form():
    assert numbers.parse("9445012345", "IN").masked == "+91********45"


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("+14155550123", "US"),
        ("+12423591234", "BS"),
        ("+447400123456", "GB"),
        ("+447781123456", "GG"),
    ],
)
def test_numbers_of_one_calling_code_have_several_countries(text, country):
    assert numbers.parse(text, "IN").country == country


@pytest.mark.parametrize(
    ("prefix", "visible"),
    [
        ("+22177999", "+221779"),
        ("+22177", "+22177"),
        ("+221", "+221"),
        ("+1415555", "+1415"),
    ],
)
def test_events_show_calling_code_and_three_digits_of_a_prefix(prefix, visible):
    assert numbers.visible_part(prefix) == visible
