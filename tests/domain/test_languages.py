"""The language of a message."""

from __future__ import annotations

import phonenumbers
import pytest

from otp_engine.domain.messages import accents, country_languages, languages
from otp_engine.domain.phones import numbers


@pytest.mark.parametrize("tag", sorted(languages.LOCALES))
def test_every_language_matches_itself(tag):
    assert languages.match(tag) == tag
    assert languages.match(tag.upper().replace("-", "_")) == tag


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        *(("es-MX", "es"), ("es_419", "es"), ("en-GB", "en"), ("de-CH-1996", "de")),
        *(("pt-PT", "pt"), ("pt-AO", "pt"), ("pt-br", "pt-BR"), ("pt_BR", "pt-BR")),
        *(("zh-CN", "zh"), ("zh-SG", "zh"), ("zh-Hans", "zh"), ("zh-Hans-CN", "zh")),
        *(("zh-TW", "zh-HK"), ("zh-MO", "zh-HK"), ("zh-Hant", "zh-HK")),
        *(("zh-Hant-CN", "zh-HK"), ("zh-Hans-HK", "zh"), ("zh_Hant_TW", "zh-HK")),
        *(("cmn-Hant", "zh-HK"), ("cmn", "zh"), ("yue", "zh-HK"), ("yue-HK", "zh-HK")),
        *(("no", "nb"), ("nn-NO", "nb"), ("nb-NO", "nb"), ("fil", "tl")),
        *(("fil-PH", "tl"), ("iw", "he"), ("iw-IL", "he"), ("in", "id"), ("mo", "ro")),
        *(("arb", "ar"), ("zsm", "ms"), ("sr-Latn", None), ("bg", None)),
        *(("tlh", None), ("klingon", None), ("+919445012345", None), ("x-pt", None)),
        *(("pt-Latn-BR", "pt-BR"), ("pt-BR-u-nu-latn", "pt-BR"), ("pt-x-br", "pt")),
        *(("zh-yue", "zh-HK"), ("zh-yue-HK", "zh-HK"), ("yue-Hans-CN", "zh")),
        *(("zh-cmn-Hans-CN", "zh"), ("zh-CN-x-hk", "zh"), ("de-u-co-phonebk", "de")),
        *(("es-Latn-419", "es"), ("sh", None), ("bs-Latn-BA", None), ("sr", None)),
        *(("", None), ("-", None), ("_", None), ("-pt", None), ("pt-", "pt")),
    ],
)
def test_tag_matches_language(tag, language):
    assert languages.match(tag) == language


def test_long_tag_matches_language():
    tags = ["a" * 10_000, "pt" + "-a" * 5000, "zh-" * 5000 + "hk", "pt-" * 5000 + "BR"]

    assert [languages.match(tag) for tag in tags] == [None, "pt", "zh-HK", "pt-BR"]


@pytest.mark.parametrize("country", ["IN", "BR", "FR", "001"])
def test_requested_language_precedes_country(country):
    assert languages.select("ja-JP", country) == "ja"


@pytest.mark.parametrize("locale", [None, "bg", "tlh"])
@pytest.mark.parametrize(
    ("countries", "language"),
    [
        ("IN US GB ZA CA PH SG NG KE AU 001 GE BG RS", "en"),
        ("AR BO CL CO CR CU DO EC SV GT HN MX NI PA PY PE ES UY VE PR GQ", "es"),
        ("BR", "pt-BR"),
        ("PT AO CV MZ TL", "pt"),
        ("AT DE LI CH", "de"),
        ("FR MC BJ CI BE LU HT CD", "fr"),
        ("AE BH DZ EG IQ JO KW LB LY MA OM QA SA SY TN YE", "ar"),
        ("IT SM VA", "it"),
        ("CN", "zh"),
        ("HK MO TW", "zh-HK"),
        ("RU BY KZ KG", "ru"),
        *(("GR CY", "el"), ("HU", "hu"), ("HR BA ME", "hr"), ("NO SJ", "nb")),
        *(("SE AX", "sv"), ("FI", "fi"), ("DK GL FO", "da"), ("NL SR", "nl")),
        *(("KR", "ko"), ("JP", "ja"), ("TH", "th"), ("TR", "tr"), ("IL", "he")),
        *(("UA", "uk"), ("RO MD", "ro"), ("PL", "pl"), ("CZ", "cs"), ("SK", "sk")),
        *(("EE", "et"), ("LT", "lt"), ("VN", "vi"), ("ID", "id"), ("MY BN", "ms")),
        ("AD", "ca"),
    ],
)
def test_country_has_language(locale, countries, language):
    selected = {languages.select(locale, country) for country in countries.split()}

    assert selected == {language}


# Twilio's page of default languages, with the regions of its calling codes.
VERIFY = {
    "es": "AR BO CL CO CR CU DO EC SV GT HN MX NI PA PY PE ES UY VE",
    "de": "AT DE LU CH",
    "fr": "BE FR MC",
    "ar": "EG KW OM SA AE",
    "pt": "BR PT",
    "it": "IT SM VA",
    "zh": "CN",
    "el": "CY",
    "et": "EE",
    "id": "ID",
    "ja": "JP",
    "lt": "LT",
    "pl": "PL",
    "ro": "RO",
    "sk": "SK",
    "af": "ZA",
    "uk": "UA",
    "vi": "VN",
}


def test_table_of_verify_is_that_of_twilio():
    countries = {*phonenumbers.SUPPORTED_REGIONS, "001"}
    expected = dict.fromkeys(countries, "en") | {
        country: language
        for language, listed in VERIFY.items()
        for country in listed.split()
    }

    selected = {
        country: languages.select(None, country, country_languages.VERIFY)
        for country in countries
    }

    assert selected == expected


@pytest.mark.parametrize("number", ["+18095551234", "+18295551234", "+18495551234"])
def test_every_area_code_of_the_dominican_republic_is_spanish(number):
    country = numbers.parse(number, "IN").country

    assert languages.select(None, country) == "es"
    assert languages.select(None, country, country_languages.VERIFY) == "es"


@pytest.mark.parametrize(
    "table", [country_languages.BY_COUNTRY, country_languages.VERIFY]
)
def test_table_has_known_countries_and_languages(table):
    assert set(table) <= phonenumbers.SUPPORTED_REGIONS
    assert set(table.values()) <= languages.LOCALES


def test_languages_of_india_af_and_tl_need_a_request():
    languages_of_countries = {*country_languages.BY_COUNTRY.values(), "en"}

    unused = languages.LOCALES - languages_of_countries

    assert unused == {"af", "hi", "kn", "mr", "te", "tl"}


def test_accents_are_those_of_known_countries_and_their_languages():
    spoken = {
        (language, country): accents.select(language, None, country)
        for language in languages.LOCALES
        for country in phonenumbers.SUPPORTED_REGIONS
    }

    regional = {key: tag for key, tag in spoken.items() if tag != key[0]}

    assert len(regional) == 28
    for (language, _), tag in regional.items():
        assert languages.match(tag) == language or (language, tag) == ("zh-HK", "zh")


@pytest.mark.parametrize(
    ("locale", "country", "accent"),
    [
        *(("en", "GB", "en-GB"), ("en_gb", "US", "en-GB"), ("en-US", "GB", "en")),
        ("en-u-rg-inzzzz", "GB", "en-GB"),
        *(("es-419", "MX", "es-MX"), ("es-Latn-MX", "ES", "es-MX")),
        *(("zh-TW", "HK", "zh"), ("zh-Hant", "TW", "zh"), ("zh-Hant", "HK", "zh-HK")),
        *(("yue", "TW", "zh-HK"), ("zh-yue-TW", "TW", "zh-HK")),
    ],
)
def test_accent_is_that_of_the_requested_region_or_of_the_country(
    locale, country, accent
):
    language = languages.select(locale, country)

    assert accents.select(language, locale, country) == accent
