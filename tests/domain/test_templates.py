from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.messages import country_languages, languages, templates
from otp_engine.domain.messages.contents import TextDefaults
from otp_engine.domain.messages.languages import LOCALES
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.messages.templates import IssuedCode
from otp_engine.domain.models import Channel, SendRequest
from otp_engine.domain.phones.numbers import parse
from tests.support.fakes import MESSAGE

INDIA, BRAZIL = "+919445012345", "+5511961234567"
ISSUED = IssuedCode(
    code="123456",
    verification_id=b"0" * 16,
    ttl=timedelta(seconds=619),
    expires_at=datetime(2026, 7, 1, tzinfo=UTC),
)


def build(channel=Channel.SMS, number=INDIA, locale=None, **values):
    defaults = TextDefaults(
        brand="Acme",
        by_country=values.pop("by_country", country_languages.BY_COUNTRY),
    )
    return templates.build(
        SendRequest(address=parse(number, "IN"), locale=locale, **values),
        ISSUED,
        channel=channel,
        delivery_id="ab" * 20,
        defaults=defaults,
    )


def test_repr_of_a_message_contains_no_number_and_no_code():
    assert "9445012345" not in repr(MESSAGE)
    assert "123456" not in repr(MESSAGE)


@pytest.mark.parametrize("channel", Channel)
def test_repr_of_a_message_of_any_channel_contains_no_code(channel):
    message = build(channel)

    assert "123456" not in repr(message)
    assert "1, 2, 3" not in repr(message)


def test_message_has_its_parts():
    message = build(locale="pt_BR", options=MessageOptions(brand="Loja"))

    assert message.body.startswith("123456 é seu codigo Loja. Expira em 10 min.")
    assert (message.locale, message.language, message.brand) == (
        "pt_BR",
        "pt-BR",
        "Loja",
    )
    assert (message.subject, message.speech, message.country) == (None, None, "IN")
    assert message.variables == {"code": "123456", "brand": "Loja", "minutes": "10"}


def test_minutes_of_a_short_code_are_one():
    issued = replace(ISSUED, ttl=timedelta(seconds=30))

    message = templates.build(
        SendRequest(address=parse(INDIA, "IN")),
        issued,
        channel=Channel.SMS,
        delivery_id="ab" * 20,
        defaults=TextDefaults(brand="Acme"),
    )

    assert message.variables["minutes"] == "1"
    assert "30 s" in message.body


@pytest.mark.parametrize(
    ("by_country", "language"),
    [(country_languages.BY_COUNTRY, "pt-BR"), (country_languages.VERIFY, "pt")],
)
def test_message_without_locale_has_language_of_country(by_country, language):
    assert build(number=BRAZIL, by_country=by_country).language == language


@pytest.mark.parametrize("channel", [Channel.WHATSAPP, Channel.TELEGRAM])
def test_messages_with_a_fixed_text_show_the_text_message(channel):
    assert build(channel).body == build(Channel.SMS).body


def test_call_is_spoken_text():
    message = build(Channel.CALL, locale="en")

    assert message.body == (
        "Your Acme code is 1, 2, 3, 4, 5, 6. Once more: 1, 2, 3, 4, 5, 6. Goodbye."
    )
    assert message.speech is not None
    assert message.speech.prompt == "Press any key to hear your code."
    assert message.speech.digits == "1, 2, 3, 4, 5, 6"


@pytest.mark.parametrize("locale", sorted(LOCALES))
def test_call_names_brand_and_code_twice(locale):
    message = build(Channel.CALL, locale=locale)

    assert message.body.count("1, 2, 3, 4, 5, 6") == 2
    assert "Acme" in message.body
    assert "{" not in message.body
    assert message.speech is not None
    assert languages.match(message.speech.language) == message.language


@pytest.mark.parametrize("locale", ["ar", "he"])
def test_digits_of_a_call_are_shown_from_left_to_right(locale):
    message = build(Channel.CALL, locale=locale)

    assert message.body.count("\u20661, 2, 3, 4, 5, 6\u2069") == 2
    assert message.speech is not None
    assert message.speech.digits == "1, 2, 3, 4, 5, 6"


@pytest.mark.parametrize(
    ("number", "locale", "language", "voice"),
    [
        (INDIA, None, "en", "en-IN"),
        (INDIA, "en-US", "en", "en"),
        (INDIA, "hi", "hi", "hi"),
        ("+447400123456", None, "en", "en-GB"),
        ("+525512345678", None, "es", "es-MX"),
        ("+525512345678", "es_ES", "es", "es"),
        ("+12015550123", "es", "es", "es-US"),
        ("+12015550123", "es-419", "es", "es-US"),
        ("+34612345678", None, "es", "es"),
        (BRAZIL, None, "pt-BR", "pt-BR"),
        ("+85251234567", None, "zh-HK", "zh-HK"),
        ("+886912345678", None, "zh", "zh"),
        ("+886912345678", "zh-HK", "zh-HK", "zh-HK"),
        ("+886912345678", "yue", "zh-HK", "zh-HK"),
        ("+85251234567", "zh-Hant-TW", "zh", "zh"),
        ("+38512345678", None, "en", "en"),
    ],
)
def test_call_has_voice_of_region(number, locale, language, voice):
    message = build(Channel.CALL, number=number, locale=locale)

    assert message.speech is not None
    assert (message.language, message.speech.language) == (language, voice)


@pytest.mark.parametrize("locale", ["hr", "et"])
def test_call_in_language_without_voice_is_english(locale):
    message = build(Channel.CALL, locale=locale)

    assert message.language == "en"
    assert message.body.startswith("Your Acme code is")


def test_email_has_subject_without_code_and_every_sentence():
    message = build(Channel.EMAIL, locale="en")

    assert message.subject == "Your Acme code"
    assert message.body == (
        "This code confirms your email address for Acme:\n\n123456\n\n"
        "The code expires in 10 minutes. Don't share it with anyone.\n\n"
        "If you did not request a code, you can ignore this email.\n"
    )


@pytest.mark.parametrize("locale", sorted(LOCALES))
def test_email_has_code_on_a_line_of_its_own_and_its_lifetime(locale):
    message = build(Channel.EMAIL, locale=locale)

    purpose, code, lifetime, unrequested = message.body.rstrip().split("\n\n")
    assert code == "123456"
    assert "10" in lifetime
    assert "Acme" in purpose
    assert unrequested
    assert message.subject is not None
    assert "Acme" in message.subject
    assert "123456" not in message.subject
    assert message.language == locale
