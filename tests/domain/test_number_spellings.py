"""Every spelling of a number reaches exactly that number, or is refused."""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers
import pytest
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType

from otp_engine.api import form_numbers
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.errors import DestinationNotAllowed, InvalidPhone

# Tristan da Cunha (TA) has no mobile number in libphonenumber.
FORMATS = PhoneNumberFormat


@dataclass(frozen=True)
class Example:
    """A mobile number of a country, in the forms of libphonenumber."""

    country: str
    code: str
    digits: str
    e164: str
    national: str
    international: str


def examples():
    """Yield an example of each country; Tristan da Cunha (TA) has no mobile number."""
    for country in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
        if number:
            yield Example(
                country,
                str(number.country_code),
                phonenumbers.national_significant_number(number),
                phonenumbers.format_number(number, FORMATS.E164),
                phonenumbers.format_number(number, FORMATS.NATIONAL),
                phonenumbers.format_number(number, FORMATS.INTERNATIONAL),
            )


EXAMPLES = list(examples())
REGION_BY_INTERNATIONAL_PREFIX = {
    metadata.international_prefix: region
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    if (metadata := PhoneMetadata.metadata_for_region(region))
}
EVERY_COUNTRY = AllowedDestinations({"*"})
DEFAULT_REGIONS = ("IN", "US", "GB", "SG", "DE")
ZEROS = {"Arabic": "٠", "Persian": "۰", "Devanagari": "०", "full-width": "\uff10"}


def reached(text, region, *, form=False):
    """Return the E.164 form of the number that a message to *text* reaches, or None."""

    def parse(text):
        return numbers.parse(text, region)

    try:
        number = form_numbers.parse(text, parse) if form else parse(text)
        EVERY_COUNTRY.check(number)
    except (InvalidPhone, DestinationNotAllowed):
        return None
    return number.e164 if number.sms_capable else None


def decorations(text):
    """Yield *text* in other digits, and with what a paste adds."""
    for zero in ZEROS.values():
        yield text.translate({ord("0") + n: chr(ord(zero) + n) for n in range(10)})
    yield f"\u202a{text}\u202c"
    yield f"\u2066{text}\u2069\u200e"
    yield text.replace(" ", "\u00a0")
    yield f"\t{text}\r\n"
    yield f"\ufeff{text[:4]}\u200b{text[4:]}"


def misread(spellings, **options):
    """List the spellings that reach neither their number nor none."""
    return [
        (text, region, e164, other)
        for text, region, e164 in spellings
        if (other := reached(text, region, **options)) not in {e164, None}
    ]


def not_served(spellings, **options):
    """List the spellings that do not reach their number."""
    return [
        (text, region, e164)
        for text, region, e164 in spellings
        if reached(text, region, **options) != e164
    ]


def test_number_written_in_its_own_region_is_served():
    spellings = [
        (text, example.country, example.e164)
        for example in EXAMPLES
        for text in (example.e164, example.national, example.international)
    ]

    assert not_served(spellings) == []


def test_pasted_number_in_digits_of_any_script_is_served():
    spellings = [
        (text, example.country, example.e164)
        for example in EXAMPLES
        for written in (example.national, example.international)
        for text in decorations(written)
    ]

    assert not_served(spellings) == []


@pytest.mark.parametrize("form", [False, True])
def test_international_number_is_served_from_every_region(form):
    spellings = [
        (example.international, region, example.e164)
        for example in EXAMPLES
        for region in DEFAULT_REGIONS
    ]

    assert not_served(spellings, form=form) == []


@pytest.mark.parametrize("pattern", [" {}", "\u202a( {})\u202c"])
def test_number_with_a_lost_plus_reaches_only_itself(pattern):
    spellings = [
        (pattern.format(example.international[1:]), region, example.e164)
        for example in EXAMPLES
        for region in (*DEFAULT_REGIONS, example.country)
    ]

    assert misread(spellings, form=True) == []


def test_number_with_a_lost_plus_is_served_where_a_plus_is_required():
    spellings = [
        (f" {example.e164[1:]}", numbers.UNKNOWN_REGION, example.e164)
        for example in EXAMPLES
    ]

    assert not_served(spellings, form=True) == []


@pytest.mark.parametrize("region", REGION_BY_INTERNATIONAL_PREFIX.values())
def test_number_with_00_reaches_only_itself(region):
    spellings = [
        (f"00{example.e164[1:]}", region, example.e164) for example in EXAMPLES
    ]

    assert misread(spellings) == []


@pytest.mark.parametrize("zeros", ["0", "(0)", "00"])
def test_zero_after_the_country_code_changes_no_number(zeros):
    spellings = [
        (f"+{example.code}{zeros}{example.digits}", "IN", example.e164)
        for example in EXAMPLES
    ]

    assert misread(spellings) == []


def test_number_without_its_plus_reaches_only_itself_in_its_region():
    spellings = [
        (example.e164[1:], example.country, example.e164) for example in EXAMPLES
    ]

    assert misread(spellings) == []


@pytest.mark.parametrize("prefix", ["+0", "+00", "+000", "+011", "++", "+ +", "00+"])
def test_number_with_a_second_prefix_is_refused(prefix):
    spellings = [
        (prefix + example.e164[1:], region, None)
        for example in EXAMPLES
        for region in ("IN", "US")
    ]

    assert not_served(spellings) == []


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [
        # Mexico, before and after 2019.
        ("+525512345678", "IN", "+525512345678"),
        ("+5215512345678", "IN", "+525512345678"),
        ("+52 1 55 1234 5678", "MX", "+525512345678"),
        ("+52 044 55 1234 5678", "IN", "+525512345678"),
        ("+52 01 55 1234 5678", "IN", "+525512345678"),
        ("00 52 1 55 1234 5678", "IN", "+525512345678"),
        ("5512345678", "MX", "+525512345678"),
        ("1 55 1234 5678", "MX", "+525512345678"),
        ("01 55 1234 5678", "MX", "+525512345678"),
        ("044 55 1234 5678", "MX", "+525512345678"),
        ("045 55 1234 5678", "MX", "+525512345678"),
        ("5215512345678", "MX", "+525512345678"),
        # Argentina: 15 and 9 mark a mobile phone.
        ("11 2345-6789", "AR", "+5491123456789"),
        ("011 2345-6789", "AR", "+5491123456789"),
        ("011 15-2345-6789", "AR", "+5491123456789"),
        ("9 11 2345-6789", "AR", "+5491123456789"),
        ("0351 421-1234", "AR", "+5493514211234"),
        ("+54 9 11 2345-6789", "IN", "+5491123456789"),
        ("+54 11 15 2345-6789", "IN", "+5491123456789"),
        ("+54 11 2345-6789", "AR", None),
        ("54 11 2345-6789", "AR", None),
        ("15 2345-6789", "AR", None),
        ("0800 222 1234", "AR", None),
        # Brazil: the codes of network operators, and the ninth digit.
        ("0 15 11 91234-5678", "BR", "+5511912345678"),
        ("0 11 91234-5678", "BR", "+5511912345678"),
        ("(11) 91234-5678", "BR", "+5511912345678"),
        ("0 21 98765-4321", "BR", "+5521987654321"),
        ("+55 0 15 11 91234-5678", "IN", "+5511912345678"),
        ("+55 11 8123-4567", "IN", None),
        ("11 8123-4567", "BR", None),
        # Italy has no prefix to leave out: a zero belongs to the number.
        ("312 345 6789", "IT", "+393123456789"),
        ("+39 312 345 6789", "IN", "+393123456789"),
        ("0312 345 6789", "IT", None),
        ("+39 0312 345 6789", "IN", None),
        # A national prefix after the country code.
        ("+44 (0)7400 123456", "IN", "+447400123456"),
        ("+49 (0)1512 3456789", "IN", "+4915123456789"),
        ("+972 050-234-5678", "IN", "+972502345678"),
        ("+7 8 912 345-67-89", "IN", "+79123456789"),
        ("+1 1 415 555 2671", "IN", "+14155552671"),
        ("+91 09445012345", "US", "+919445012345"),
        # International prefixes of a region.
        ("00 44 7400 123456", "IN", "+447400123456"),
        ("011 44 7400 123456", "US", "+447400123456"),
        ("8 10 44 7400 123456", "RU", "+447400123456"),
        ("0011 44 7400 123456", "AU", "+447400123456"),
        ("00 44 7400 123456", "US", None),
        ("011 44 7400 123456", "GB", None),
        ("006681 234 5678", "TH", None),
        ("00 690 7290", "TJ", None),
        ("00 123 4567", "TJ", "+992001234567"),
        ("011 2905 1234", "MY", "+601129051234"),
        ("010 2905 1234", "EG", "+201029051234"),
        # New numbers of Ivory Coast and Benin have ten digits.
        ("+225 07 12 34 56 78", "IN", "+2250712345678"),
        ("+225 07 12 34 56", "IN", None),
        ("+229 01 95 12 34 56", "IN", "+2290195123456"),
        ("+229 95 12 34 56", "IN", None),
        # Gabon, with and without the zero of numbers until 2019.
        ("+241 06 03 12 34", "IN", "+24106031234"),
        ("+241 6 03 12 34", "IN", "+24106031234"),
        # No country has the code 990, which is an international prefix in Finland.
        ("+990 44 7400 123456", "FI", None),
        # Territories that share a plan.
        ("0412345678", "AX", "+358412345678"),
        ("07797 712345", "GB", "+447797712345"),
        ("0639 01 23 45", "RE", "+262639012345"),
    ],
)
def test_spelling_reaches_one_number_or_none(text, region, e164):
    assert reached(text, region) == e164


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [
        (" 6797012345", "IN", None),  # of Fiji with a plus, of India without
        (" 9445012345", "IN", None),  # of Sri Lanka with a plus, of India without
        (" 2025550123", "US", None),  # of no country with a plus
        (" 14155552671", "IN", "+14155552671"),
        (" 919445012345", "IN", "+919445012345"),  # the same with and without a plus
        ("  919445012345", "IN", "+919445012345"),
        ("( 91) 94450 12345", "IN", "+919445012345"),
        ("\u202a 91 94450 12345\u202c", "IN", "+919445012345"),
        (" ٩١٩٤٤٥٠١٢٣٤٥", "IN", "+919445012345"),
        (" 5215512345678", "IN", "+525512345678"),
        (" +919445012345", "IN", "+919445012345"),
        (" \uff0b919445012345", "IN", "+919445012345"),
        ("9445012345", "IN", "+919445012345"),
        ("94450 12345 ", "IN", "+919445012345"),
        ("\u00a09445012345", "IN", "+919445012345"),
        (" 9194450", "IN", None),
        (" x", "IN", None),
    ],
)
def test_form_value_after_a_space_has_a_lost_plus(text, region, e164):
    assert reached(text, region, form=True) == e164


@pytest.mark.parametrize("text", [" 6797012345", " 9194450"])
def test_refusal_of_a_lost_plus_names_its_encoding(text):
    with pytest.raises(InvalidPhone, match="%2B"):
        form_numbers.parse(text, lambda text: numbers.parse(text, "IN"))


def test_long_value_without_digits_is_refused_at_once():
    with pytest.raises(InvalidPhone):
        form_numbers.parse(" (" * 8_000, lambda text: numbers.parse(text, "IN"))


@pytest.mark.parametrize(
    ("text", "region", "example"),
    [
        ("11 8123-4567", "BR", "+55 11 96123-4567"),
        ("+55 11 8123-4567", "IN", "+55 11 96123-4567"),
        ("15 2345-6789", "AR", "+54 9 11 2345-6789"),
        ("not a number", "IN", None),
        ("123", "ZZ", None),
        ("+9999999999", "IN", "+91 81234 56789"),
        ("0412", "AX", "+358 41 2345678"),
    ],
)
def test_refusal_shows_a_mobile_number_of_the_probable_country(text, region, example):
    with pytest.raises(InvalidPhone) as refusal:
        numbers.parse(text, region)

    assert refusal.value.example == example
    assert (example or "with a +.") in refusal.value.message


@pytest.mark.parametrize("text", ["+5215512345678", "+525512345678"])
def test_spellings_are_masked_as_the_canonical_number(text):
    number = numbers.parse(text, "IN")

    assert (number.masked, number.visible_prefix) == ("+52********78", "+52551")
