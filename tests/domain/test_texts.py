"""The texts of messages, in every language."""

from __future__ import annotations

import itertools
import re
import string
import unicodedata
from dataclasses import asdict
from datetime import timedelta
from importlib import resources

import pytest

from otp_engine.domain.messages import languages, segments, sms, texts
from otp_engine.domain.messages.plural_rules import plural_category
from tests.support.message_texts import sentences

LOCALES = sorted(languages.LOCALES)
PLACEHOLDERS = {
    "sms.code": ["brand", "code"],
    "sms.lifetime": ["time"],
    "speech.announcement": ["brand"],
    "email.subject": ["brand"],
    "email.purpose": ["brand"],
    "email.lifetime": ["time"],
}
# A message has these instead: each other one would double the price of a message in
# GSM-7, and a person cannot see it. Bidirectional controls could hide a code.
FORBIDDEN = re.compile(
    "[\u2018-\u201f\u2013\u2014\u2026\u00a0\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
TTLS = [timedelta(seconds=30), *(timedelta(minutes=n) for n in range(1, 61))]


def test_every_language_has_a_file():
    folder = resources.files("otp_engine.domain.messages") / "texts"
    files = {path.name for path in folder.iterdir() if path.name.endswith(".toml")}

    assert files == {f"{tag}.toml" for tag in languages.LOCALES}
    assert len(files) == 41


@pytest.mark.parametrize("locale", LOCALES)
def test_sentences_have_their_placeholders_only(locale):
    found = {
        key: sorted(name for _, name, *_ in string.Formatter().parse(text) if name)
        for key, text in sentences(locale).items()
    }

    assert found == {key: PLACEHOLDERS.get(key, []) for key in found}


@pytest.mark.parametrize("locale", LOCALES)
def test_message_has_no_character_of_hidden_price_or_direction(locale):
    loaded = texts.load(locale).sms

    assert not FORBIDDEN.search(" ".join(map(str, asdict(loaded).values())))


@pytest.mark.parametrize("locale", LOCALES)
def test_message_starts_with_code_and_names_brand_lifetime_and_warning(locale):
    loaded = texts.load(locale)

    text = sms.render(
        code="734912", brand="Acme", ttl=timedelta(minutes=58), language=locale
    ).text

    assert re.match(r"734912:? ", text)
    assert " 734912" not in text
    assert "Acme" in text
    assert "58" in text
    assert text.endswith(loaded.sms.warning)
    assert segments.count(text) == 1


@pytest.mark.parametrize("locale", LOCALES)
def test_lifetime_has_a_form_for_every_number(locale):
    loaded = texts.load(locale)
    units = (loaded.sms.minutes, loaded.email.minutes)

    for forms, ttl in itertools.product(units, TTLS):
        text = loaded.format_minutes(forms, ttl)
        minutes = ttl // timedelta(minutes=1)
        # "One minute" and "two minutes" can be words.
        assert str(minutes or 30) in text or minutes in {1, 2}
        assert "{" not in text


@pytest.mark.parametrize("locale", LOCALES)
def test_forms_of_a_unit_are_those_of_the_language(locale):
    categories = {plural_category(locale, n) for n in range(1, 1441)}
    loaded = texts.load(locale)
    for forms in (loaded.sms.minutes, loaded.email.minutes):
        if not isinstance(forms, str):
            assert categories <= set(forms) <= categories | {"other"}


@pytest.mark.parametrize("locale", ["ar", "he"])
def test_code_is_first_of_a_text_from_right_to_left(locale):
    text = sms.render(
        code="123456", brand="Acme", ttl=timedelta(minutes=10), language=locale
    ).text

    # The first strong character decides the direction of the line. Digits in a row
    # are displayed from left to right, and the code has a space around it.
    strong = [
        direction
        for direction in map(unicodedata.bidirectional, text)
        if direction in {"L", "R", "AL"}
    ]
    assert strong[0] in {"R", "AL"}
    assert text.startswith("123456 ")


@pytest.mark.parametrize("locale", LOCALES)
def test_texts_differ_from_english(locale):
    english = sentences("en")
    if locale != "en":
        assert not {
            key for key, text in sentences(locale).items() if text == english[key]
        }


@pytest.mark.parametrize("locale", LOCALES)
def test_subject_of_an_email_has_no_code(locale):
    assert "{code}" not in texts.load(locale).email.subject


def test_only_languages_without_a_voice_have_no_speech():
    silent = {locale for locale in LOCALES if texts.load(locale).speech is None}

    assert silent == {"et", "hr"}
