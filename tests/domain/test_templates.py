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


def render(locale=None, ttl=timedelta(minutes=10)):
    return templates.render(code="123456", brand="Acme", ttl=ttl, locale=locale)


def test_text_has_code_brand_and_ttl():
    assert render() == "123456 is your Acme code. It expires in 10 min. Don't share it."


@pytest.mark.parametrize("locale", sorted(templates.LOCALES))
def test_every_text_starts_with_the_code_and_names_the_brand(locale):
    text = render(locale)

    assert text.startswith("123456")
    assert "Acme" in text
    assert len(text) <= (160 if set(text) <= GSM_7 else 70)


@pytest.mark.parametrize("locale", ["es-MX", "ES", "es_419"])
def test_region_of_a_locale_is_ignored(locale):
    assert render(locale) == render("es")


@pytest.mark.parametrize("locale", ["xx", "", "-", "klingon"])
def test_language_without_a_template_is_rendered_in_english(locale):
    assert render(locale) == render("en")


@pytest.mark.parametrize(
    ("seconds", "time"),
    [(30, "30 s"), (90, "1 min"), (600, "10 min"), (3600, "60 min")],
)
def test_ttl_in_a_text_is_rounded_down(seconds, time):
    assert f"expires in {time}." in render(ttl=timedelta(seconds=seconds))


def test_repr_of_a_message_contains_no_number_and_no_code():
    number = parse("9445012345", "IN")
    message = templates.Message(
        to=number.e164,
        masked=number.masked,
        channel=SendRequest(number=number).channel,
        body=render(),
        code="123456",
        verification_id=b"0" * 16,
        locale=None,
        ttl=timedelta(minutes=10),
    )

    assert "9445012345" not in repr(message)
    assert "123456" not in repr(message)
