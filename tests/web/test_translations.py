from __future__ import annotations

import re

import pytest

from otp_engine.domain.messages.languages import LOCALES as MESSAGE_LOCALES
from otp_engine.domain.messages.plural_rules import plural_category
from otp_engine.web.translations import TRANSLATIONS

ENGLISH = TRANSLATIONS["en"]
# CLDR: the plural categories of whole numbers.
CATEGORIES = {
    "ar": {"zero", "one", "two", "few", "many", "other"},
    "he": {"one", "two", "other"},
    **{locale: {"one", "few", "other"} for locale in ("cs", "hr", "lt", "ro", "sk")},
    **{locale: {"one", "few", "many"} for locale in ("pl", "ru", "uk")},
    **{each: {"other"} for each in ("id", "ja", "ko", "ms", "th", "vi", "zh", "zh-HK")},
}
LOCALES = sorted(TRANSLATIONS)


def forms(locale, key):
    return TRANSLATIONS[locale].forms(key)


def numbers_of(locale, category):
    return sum(plural_category(locale, n) == category for n in range(101))


def test_page_has_the_languages_of_the_messages():
    assert set(TRANSLATIONS) == MESSAGE_LOCALES


@pytest.mark.parametrize("locale", LOCALES)
def test_language_has_every_key(locale):
    assert set(TRANSLATIONS[locale].strings) == set(ENGLISH.strings)


@pytest.mark.parametrize("locale", LOCALES)
def test_language_has_the_same_placeholders(locale):
    for key in ENGLISH.strings:
        expected = sorted(re.findall(r"{\w*}", forms("en", key)["other"]))
        for category, text in forms(locale, key).items():
            placeholders = sorted(re.findall(r"{\w*}", text))
            # "one" can be a word, unless the form is also that of 21.
            if numbers_of(locale, category) == 1:
                assert set(placeholders) <= set(expected), (key, category)
            else:
                assert placeholders == expected, (key, category)


@pytest.mark.parametrize("locale", LOCALES)
def test_plural_text_has_every_category_of_the_language(locale):
    expected = CATEGORIES.get(locale, {"one", "other"})
    plural = [
        text for text in TRANSLATIONS[locale].strings.values() if type(text) is dict
    ]

    assert len(plural) >= 3
    assert [set(text) for text in plural] == [expected] * len(plural)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_number_has_a_form(locale):
    texts = [TRANSLATIONS[locale].get("wrong_code", n=n) for n in range(1, 101)]

    assert all(texts)


@pytest.mark.parametrize("locale", LOCALES)
def test_number_and_unit_stay_on_one_line(locale):
    # Japanese and Korean have no space there, so a word joiner prevents the break.
    joint = "\u2060" if locale in {"ja", "ko"} else "\u00a0"
    for key in ("seconds", "minutes", "hours"):
        assert f"{{n}}{joint}" in forms(locale, key)["other"]
    for text in forms(locale, "days").values():
        assert f"{{n}}{joint}" in text or "{n}" not in text


@pytest.mark.parametrize("locale", LOCALES)
def test_unit_ends_no_sentence(locale):
    for key in ("seconds", "minutes", "hours", "days"):
        assert not any("." in text for text in forms(locale, key).values())


@pytest.mark.parametrize("locale", [each for each in LOCALES if each != "en"])
def test_language_has_its_own_texts(locale):
    same = {
        key
        for key, text in TRANSLATIONS[locale].strings.items()
        if text == ENGLISH.strings[key]
    }

    # Words and units that several languages share.
    assert same <= {
        *("code_label", "error", "privacy", "seconds", "minutes", "hours", "direction")
    }


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en", ["other", "one", "other", "other", "other", "other", "other"]),
        ("de", ["other", "one", "other", "other", "other", "other", "other"]),
        ("fr", ["one", "one", "other", "other", "other", "other", "other"]),
        ("hi", ["one", "one", "other", "other", "other", "other", "other"]),
        ("pt", ["one", "one", "other", "other", "other", "other", "other"]),
        ("ar", ["zero", "one", "two", "few", "many", "other", "few"]),
        ("he", ["other", "one", "two", "other", "other", "other", "other"]),
        ("cs", ["other", "one", "few", "few", "other", "other", "other"]),
        ("ro", ["few", "one", "few", "few", "few", "other", "few"]),
        ("lt", ["other", "one", "few", "few", "other", "other", "few"]),
        ("hr", ["other", "one", "few", "few", "other", "other", "few"]),
        ("pl", ["many", "one", "few", "few", "many", "many", "few"]),
        ("uk", ["many", "one", "few", "few", "many", "many", "few"]),
        ("tl", ["one", "one", "one", "one", "one", "one", "one"]),
        ("th", ["other", "other", "other", "other", "other", "other", "other"]),
    ],
)
def test_plural_category_is_that_of_cldr(locale, expected):
    numbers = [0, 1, 2, 3, 11, 100, 103]

    assert [plural_category(locale, n) for n in numbers] == expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0\u00a0s"),
        (60, "60\u00a0s"),
        (61, "2\u00a0min"),
        (600, "10\u00a0min"),
        (3601, "2\u00a0h"),
        (86_400, "24\u00a0h"),
        (86_401, "2\u00a0days"),
    ],
)
def test_wait_has_one_unit_and_is_rounded_up(seconds, text):
    assert ENGLISH.format_wait(seconds) == text
