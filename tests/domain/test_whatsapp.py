from __future__ import annotations

import pytest

from otp_engine.domain.messages import whatsapp


@pytest.mark.parametrize(
    ("tag", "locale"),
    [
        ("en", "en"),
        ("EN-gb", "en_GB"),
        ("pt-BR", "pt_BR"),
        ("pt_br", "pt_BR"),
        ("pt", "pt_PT"),
        ("zh", "zh_CN"),
        ("zh-Hant", "zh_TW"),
        ("tl", "fil"),
        ("no", "nb"),
    ],
)
def test_locale_has_the_name_of_whatsapp(tag, locale):
    assert whatsapp.parse_locale(tag) == locale


@pytest.mark.parametrize("tag", ["xx", "de-AT", "pt-MZ", "", "en=", "english"])
def test_locale_that_whatsapp_does_not_have_is_rejected(tag):
    with pytest.raises(ValueError, match="WhatsApp does not have"):
        whatsapp.parse_locale(tag)


@pytest.mark.parametrize(
    ("locales", "tag", "chosen"),
    [
        ("en pt_BR pt_PT", "pt-BR", "pt_BR"),
        ("en pt_BR pt_PT", "pt", "pt_PT"),
        ("en pt_BR", "pt", "pt_BR"),
        ("en pt_BR", "pt-PT", "pt_BR"),
        ("en es es_MX", "es-CO", "es"),
        ("en es_MX", "es-CO", "es_MX"),
        ("en zh_CN zh_HK", "zh", "zh_CN"),
        ("en zh_CN zh_HK", "zh-HK", "zh_HK"),
        ("en zh_CN zh_TW", "zh-HK", "zh_TW"),
        ("en zh_CN zh_HK", "zh-TW", "zh_HK"),
        ("en fil", "tl", "fil"),
        ("hi en_GB", "de", "en_GB"),
        ("hi en_GB en", "de", "en"),
        ("hi ta", "de", "hi"),
        ("en nb", "no", "nb"),
    ],
)
def test_template_is_of_the_locale_else_of_the_language_else_english(
    locales, tag, chosen
):
    templates = {locale: f"template in {locale}" for locale in locales.split()}

    assert whatsapp.select(templates, tag) == f"template in {chosen}"


@pytest.mark.parametrize("code", ["1234", "0123456789", "AB12", "a" * 15])
def test_code_of_letters_and_digits_is_accepted(code):
    assert whatsapp.accepts(code)


@pytest.mark.parametrize("code", ["", "a" * 16, "12-34", "12 34", "1234\n", "\u0661"])
def test_code_of_another_form_is_not_accepted(code):
    assert not whatsapp.accepts(code)
