"""The style of a language, in its messages and on the page."""

from __future__ import annotations

import re
import unicodedata

import pytest

from otp_engine.web.translations import TRANSLATIONS
from tests.support.message_texts import sentences

LOCALES = sorted(TRANSLATIONS)
CHINESE_CHARACTERS = ["ja", "zh", "zh-HK"]
SCRIPTS = {
    "ar": "ARABIC",
    "el": "GREEK",
    "he": "HEBREW",
    "hi": "DEVANAGARI",
    "ja": "HIRAGANA",
    "kn": "KANNADA",
    "ko": "HANGUL",
    "mr": "DEVANAGARI",
    "ru": "CYRILLIC",
    "te": "TELUGU",
    "th": "THAI",
    "uk": "CYRILLIC",
    "zh": "CJK",
    "zh-HK": "CJK",
}
# The full stops of languages without the one of Latin letters. Thai has a space.
FULL_STOPS = {"hi": "\u0964", "ja": "。", "th": "", "zh": "。", "zh-HK": "。"}
# The form of address that the texts of a language do not have: the informal one where
# services are formal, the formal one where they are not, and in Arabic that of one man.
OTHER_ADDRESS = {
    "ar": "أدخل|أجب|استخدم|تحقّق|حاول|اطلب|ارجع|يمكنك|رقمك|شبكتك|إليك",
    "ca": "vostè|seu|seva",
    "cs": "ty|tě|tobě|tvůj|tvoje",
    "da": "Dem|Deres",
    "de": "du|dich|dir|dein|deine|deinen",
    "el": "εσύ|εσένα|σου",
    "es": "usted|su|sus",
    "et": "sina|sinu|sulle|sul",
    "fi": "Te|Teidän|Teille",
    "fr": "tu|ton|ta|tes|toi",
    "hi": "तू|तुम|तुम्हारा|तेरा",
    "hr": "ti|tvoj|tvoju|tebi",
    "hu": "te|tied|neked",
    "id": "kamu|kau|anda",
    "it": "Lei|Suo|Sua",
    "kn": "ನೀನು|ನಿನ್ನ|ನಿನಗೆ",
    "lt": "tu|tavo|tau",
    "mr": "आपण|आपला|आपल्या|तू|तुझा",
    "ms": "awak|kamu",
    "nb": "Dem|Deres",
    "nl": "je|jij|jou|jouw",
    "pl": "Pan|Pani|Państwo|proszę|[Pp]rosimy",
    "pt": "tu|te|teu|tua|você",
    "pt-BR": "tu|te|teu|tua",
    "ro": "tu|tău|ta|tine",
    "ru": "ты|твой|тебе|тебя",
    "sk": "ty|ťa|tebe|tvoj|tvoje",
    "sv": "Ni|Er|Ert",
    "te": "నువ్వు|నీ|నీకు",
    "tl": "ka|mo|iyo|iyong",
    "tr": "sen|senin|sana|kodun|numaran",
    "uk": "ти|твій|тобі|тебе",
    "vi": "bạn|anh|chị",
}
# The same in languages without spaces. Thai words for "I" have a gender.
OTHER_ADDRESS_WITHOUT_SPACES = {
    "ja": "あなた|君",
    "ko": "당신",
    "th": "ฉัน|ผม|ครับ|ค่ะ",
    "zh": "你",
    "zh-HK": "你",
}
# A letter or a sign of a letter, as in the scripts of India.
LETTER = r"[\w\u0900-\u0d7f]"
# Words that every language has in Latin letters: names, and answers to a message.
LATIN = re.compile(r"SMS|QR|STOP|START|HELP|[Cc]ookie|e-?mail|{\w+}")


def texts_of(locale: str) -> dict[str, str]:
    """Return each text of a language by its key: of messages, and of the page."""
    page = {
        f"page.{key}.{category}": text
        for key in TRANSLATIONS[locale].strings
        for category, text in TRANSLATIONS[locale].forms(key).items()
    }
    return sentences(locale) | page


def matches(pattern: str, locale: str) -> dict[str, str]:
    """Return the texts of a language that match *pattern*."""
    return {
        key: text for key, text in texts_of(locale).items() if re.search(pattern, text)
    }


def scripts_of(text: str) -> set[str]:
    """Return the scripts of the letters of *text*."""
    return {unicodedata.name(char).split()[0] for char in text if char.isalpha()}


@pytest.mark.parametrize("locale", LOCALES)
def test_texts_are_in_the_script_of_the_language(locale):
    expected = SCRIPTS.get(locale, "LATIN")
    found = {
        key: scripts_of(LATIN.sub("", text)) for key, text in texts_of(locale).items()
    }

    extra = {"KATAKANA", "CJK", "KATAKANA-HIRAGANA"} if locale == "ja" else set()
    assert not {key: each for key, each in found.items() if each - {expected, *extra}}
    assert sum(expected in each for each in found.values()) > 60


@pytest.mark.parametrize("locale", LOCALES)
def test_sentences_end_with_the_full_stop_of_the_language(locale):
    full_stop = FULL_STOPS.get(locale, ".")
    others = {".", *FULL_STOPS.values()} - {full_stop, ""}

    assert not matches(f"[{''.join(others)}]", locale)


@pytest.mark.parametrize("locale", CHINESE_CHARACTERS)
def test_punctuation_between_chinese_characters_has_full_width(locale):
    assert not matches(r"[,:;!?()]", locale)


def test_french_punctuation_follows_a_space_that_does_not_break():
    assert matches(r"\u00a0[:;!?]", "fr")
    assert not matches(r"[^\u00a0][:;!?]", "fr")


@pytest.mark.parametrize("locale", ["ar"])
def test_arabic_has_its_own_comma_and_question_mark(locale):
    assert matches("،", locale)
    assert not matches(r"[,;?]", locale)


@pytest.mark.parametrize("locale", LOCALES)
def test_something_is_between_two_placeholders(locale):
    assert not matches(r"}\s*{", locale)


@pytest.mark.parametrize("locale", LOCALES)
def test_spaces_are_single_and_inside(locale):
    assert not matches(r"^\s|\s$|\s\s", locale)


# A text message has the apostrophe of GSM-7.
@pytest.mark.parametrize("locale", [each for each in LOCALES if each != "en"])
def test_apostrophe_outside_of_text_messages_is_typographic(locale):
    assert not {key for key in matches("'", locale) if not key.startswith("sms.")}


@pytest.mark.parametrize("locale", sorted(OTHER_ADDRESS))
def test_texts_have_one_form_of_address(locale):
    words = f"(?<!{LETTER})(?:{OTHER_ADDRESS[locale]})(?!{LETTER})"

    assert not matches(words, locale)


@pytest.mark.parametrize("locale", sorted(OTHER_ADDRESS_WITHOUT_SPACES))
def test_texts_without_spaces_have_one_form_of_address(locale):
    assert not matches(OTHER_ADDRESS_WITHOUT_SPACES[locale], locale)
