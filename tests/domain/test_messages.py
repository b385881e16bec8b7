from __future__ import annotations

from datetime import timedelta

import pytest

from otp_engine.domain.messages import templates
from otp_engine.domain.models import SendRequest
from otp_engine.domain.phones.numbers import parse

GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


def text(locale=None, life=timedelta(minutes=10)):
    return templates.render(code="123456", brand="Acme", ttl=life, locale=locale)


def test_the_code_comes_first_and_the_brand_is_named():
    assert text() == "123456 is your Acme code. It expires in 10 min. Don't share it."


@pytest.mark.parametrize("locale", sorted(templates.LOCALES))
def test_every_text_is_one_segment(locale):
    written = text(locale)

    assert written.startswith("123456")
    assert "Acme" in written
    assert len(written) <= (160 if set(written) <= GSM_7 else 70)


@pytest.mark.parametrize("locale", ["es-MX", "ES", "es_419"])
def test_only_the_language_of_a_locale_counts(locale):
    assert text(locale) == text("es")


@pytest.mark.parametrize("locale", ["xx", "", "-", "klingon"])
def test_a_language_without_a_text_gets_english(locale):
    assert text(locale) == text("en")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(30, "30 s"), (90, "1 min"), (600, "10 min"), (3600, "60 min")],
)
def test_no_text_promises_more_time_than_there_is(seconds, said):
    assert f"expires in {said}." in text(life=timedelta(seconds=seconds))


def test_neither_the_number_nor_the_text_of_a_message_is_shown():
    number = parse("9445012345", "IN")
    message = templates.Message(
        to=number.e164,
        masked=number.masked,
        channel=SendRequest(number=number).channel,
        body=text(),
        code="123456",
        verification_id=b"0" * 16,
        locale=None,
        ttl=timedelta(minutes=10),
    )

    assert "9445012345" not in repr(message)
    assert "123456" not in repr(message)
