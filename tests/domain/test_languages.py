"""The language of a message."""

from __future__ import annotations

import phonenumbers
import pytest

from otp_engine.domain.messages import languages


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        *(("es", "es"), ("es-MX", "es"), ("ES", "es"), ("es_419", "es")),
        *(("pt-BR", "pt"), ("en-GB", "en"), ("de-CH-1996", "de")),
    ],
)
@pytest.mark.parametrize("country", ["IN", "BR", "FR", "001"])
def test_requested_language_with_text_is_selected(locale, language, country):
    tag = languages.select(locale, country)

    assert tag == locale
    assert languages.language_of(tag) == language


@pytest.mark.parametrize("locale", ["zh-CN", "ja", "nb", "tlh", "klingon"])
@pytest.mark.parametrize(
    ("country", "language"),
    [
        *(("MX", "es"), ("BR", "pt"), ("AT", "de"), ("FR", "fr"), ("EG", "ar")),
        *(("IT", "it"), ("IN", "en"), ("US", "en"), ("NO", "en"), ("001", "en")),
    ],
)
def test_other_language_gets_language_of_country(locale, country, language):
    assert languages.select(locale, country) == language


@pytest.mark.parametrize("country", ["MX", "DE", "IN", "US"])
def test_no_requested_language_is_english(country):
    assert languages.select(None, country) == "en"


# Of Twilio's table of default languages, the countries with a language of ours.
@pytest.mark.parametrize(
    ("countries", "language"),
    [
        ("AR BO CL CO CR CU DO EC SV GT HN MX NI PA PY PE ES UY VE", "es"),
        ("PT BR AO CV MZ", "pt"),
        ("AT DE LI", "de"),
        ("FR MC BJ CI", "fr"),
        ("AE BH DZ EG IQ JO KW LY MA OM QA SA SY YE", "ar"),
        ("IT SM VA", "it"),
        ("US GB IN", "en"),
    ],
)
def test_country_has_its_default_language_in_verify(countries, language):
    selected = {languages.select("ja", country) for country in countries.split()}

    assert selected == {language}


def test_every_country_has_language_with_text():
    selected = {
        languages.select("ja", country) for country in phonenumbers.SUPPORTED_REGIONS
    }

    assert selected == languages.LOCALES - {"hi"}
