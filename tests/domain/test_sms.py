from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otp_engine.domain.messages import segments, sms
from otp_engine.domain.messages.languages import LOCALES
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.messages.segments import Encoding
from otp_engine.domain.messages.sms import Part

HASH = "He42w354ol9"
HOST = "otp.example.com"
BRAND = "Acme Global"
# What the texts of these languages need is in GSM-7; the others are in UCS-2.
UCS_2 = set("ar el he hi ja kn ko mr ru te th uk zh zh-HK".split())  # noqa: SIM905 - it is easier to read
LONG_BRAND = "Banco Nacional de Comercio Ext"  # as long as a name of a service may be
HINDI_BRAND = "भारतीय स्टेट बैंक ऑफ इंडिया ली"
TEN_MINUTES, DAY = timedelta(minutes=10), timedelta(hours=24)


def compose(language="en", code="123456", brand="Acme", ttl=TEN_MINUTES, **options):
    return sms.render(
        code=code,
        brand=brand,
        ttl=ttl,
        language=language,
        options=MessageOptions(**options),
    )


def render(*args, **values):
    return compose(*args, **values).text


def test_text_has_code_brand_lifetime_and_warning():
    assert render() == "123456 is your Acme code. It expires in 10 min. Don't share it."


@pytest.mark.parametrize("language", sorted(LOCALES))
def test_text_of_ordinary_brand_has_every_sentence(language):
    text = render(language, brand="OTP Engine")
    bare = render(language, brand="OTP Engine", do_not_share_warning=False)

    assert text.startswith("123456")
    assert "OTP Engine" in text
    assert "10" in text.removeprefix("123456")
    assert text.startswith(bare)
    assert len(text) > len(bare)
    assert segments.count(text) == 1


@pytest.mark.parametrize(
    ("seconds", "time"),
    [(30, "30 s"), (90, "1 min"), (600, "10 min"), (3600, "60 min")],
)
def test_lifetime_in_text_is_rounded_down(seconds, time):
    assert f"expires in {time}." in render(ttl=timedelta(seconds=seconds))


BRANDS = st.one_of(
    st.sampled_from(["Acme", LONG_BRAND, HINDI_BRAND, "x" * 40, "ê" * 40, "€" * 40]),
    # As OTP_BRAND accepts it: 40 printable characters, of any plane.
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40),
)


@given(
    language=st.sampled_from(sorted(LOCALES)),
    code=st.from_regex(r"[0-9A-Za-z]{4,10}", fullmatch=True),
    brand=BRANDS,
    ttl=st.timedeltas(timedelta(seconds=30), DAY),
    warning=st.sampled_from([None, True, False]),
    app_hash=st.sampled_from([None, HASH]),
    origin=st.sampled_from([None, HOST, "a" * 60 + ".example.com"]),
)
@example("hi", "1234567890", HINDI_BRAND, DAY, None, HASH, HOST)
@example("en", "1234567890", "😀" * 40, DAY, None, HASH, HOST)
@example("es", "1234567890", "x" * 40, DAY, None, HASH, None)
def test_every_text_is_one_segment_with_code_and_hash(
    language, code, brand, ttl, warning, app_hash, origin
):
    text = render(
        language,
        code,
        brand,
        ttl,
        do_not_share_warning=warning,
        app_hash=app_hash,
        origin=origin,
    )

    assert segments.count(text) == 1
    assert text.removeprefix("<#> ").startswith(code)
    assert brand[0] in text
    if app_hash:
        assert text.startswith("<#> ")
        assert text.endswith(f" {HASH}")
        assert len(text) <= 140
    if "\n" in text:
        assert text.removesuffix(f" {HASH}").endswith(f"\n@{origin} #{code}")


@pytest.mark.parametrize("length", [4, 10])
@pytest.mark.parametrize("warning", [True, False])
def test_hash_leaves_brand_of_service_whole(warning, length):
    texts = {
        (language, brand): render(
            language, "1" * length, brand, do_not_share_warning=warning, app_hash=HASH
        )
        for language, brand in [
            *itertools.product(sorted(LOCALES), ["Acme", LONG_BRAND]),
            *(("hi", HINDI_BRAND), ("ar", HINDI_BRAND)),
        ]
    }

    for (language, brand), text in texts.items():
        assert brand in text, language
        assert text.endswith(f" {HASH}"), language
        assert len(text) <= 140, (language, text)
        assert segments.count(text) == 1, (language, text)


def test_hindi_text_with_hash_keeps_warning_and_has_no_lifetime():
    text = render("hi", app_hash=HASH)

    assert text == f"<#> 123456 आपका Acme कोड है। साझा न करें। {HASH}"


def test_lifetime_is_left_out_before_warning():
    text = render("hi", brand=HINDI_BRAND)

    assert text == f"123456 आपका {HINDI_BRAND} कोड है। साझा न करें।"


def test_warning_is_left_out_before_brand():
    text = render("hi", brand=HINDI_BRAND, app_hash=HASH)

    assert text == f"<#> 123456 आपका {HINDI_BRAND} कोड है। {HASH}"


def test_end_of_brand_is_left_out_last():
    text = render("hi", brand="इ" * 40, app_hash=HASH)

    assert text == f"<#> 123456 आपका {'इ' * 34} कोड है। {HASH}"


def test_shortened_brand_keeps_vowel_signs_of_its_letters():
    text = render("hi", brand="x" + "की" * 19, app_hash=HASH)

    assert text == f"<#> 123456 आपका x{'की' * 16} कोड है। {HASH}"


def test_line_for_webotp_is_last():
    assert render(origin=HOST) == f"{render()}\n@{HOST} #123456"


def test_lifetime_is_left_out_before_line_for_webotp():
    text = render("hi", origin=HOST)

    assert text == f"123456 आपका Acme कोड है। साझा न करें।\n@{HOST} #123456"


def test_line_for_webotp_is_left_out_where_its_length_is_the_cause():
    rendered = compose("hi", origin=f"{'a' * 40}.example.com")

    assert rendered.text == render("hi")
    assert rendered.left_out == (Part.ORIGIN,)


def test_hash_follows_code_in_line_for_webotp():
    assert render(app_hash=HASH, origin=HOST) == (
        f"<#> {render()}\n@{HOST} #123456 {HASH}"
    )


def test_line_for_webotp_is_left_out_before_hash():
    assert render("ru", app_hash=HASH, origin=HOST) == render("ru", app_hash=HASH)


@pytest.mark.parametrize("language", sorted(LOCALES))
def test_brand_of_11_characters_leaves_out_nothing(language):
    assert compose(language, brand=BRAND).left_out == ()


@pytest.mark.parametrize("code", ["123456", "1234567890"])
@pytest.mark.parametrize("options", [{"origin": HOST}, {"app_hash": HASH}], ids=str)
def test_autofill_leaves_out_nothing_in_gsm_7(options, code):
    left_out = {
        language: compose(language, code, BRAND, **options).left_out
        for language in LOCALES - UCS_2
    }

    assert left_out == dict.fromkeys(LOCALES - UCS_2, ())


@pytest.mark.parametrize("language", sorted(LOCALES - UCS_2))
def test_both_ways_of_autofill_fit_in_gsm_7(language):
    assert compose(language, brand=BRAND, app_hash=HASH, origin=HOST).left_out == ()


@pytest.mark.parametrize("options", [{"origin": HOST}, {"app_hash": HASH}], ids=str)
@pytest.mark.parametrize("language", sorted(UCS_2))
def test_autofill_leaves_out_the_lifetime_at_most_in_ucs_2(language, options):
    rendered = compose(language, brand=BRAND, **options)

    assert rendered.left_out in {(), (Part.LIFETIME,)}


@pytest.mark.parametrize("language", sorted(LOCALES))
def test_encoding_of_a_text_is_as_documented(language):
    encoding = segments.measure(render(language)).encoding

    assert encoding == (Encoding.UCS_2 if language in UCS_2 else Encoding.GSM_7)


def test_code_of_an_embedded_page_is_bound_to_both_hosts():
    text = render(origin="shop.example", embedded_origin="otp.example")

    assert text.endswith("\n@shop.example #123456 @otp.example")


def test_message_without_origin_has_no_line_of_an_embedded_page():
    assert "@" not in render(embedded_origin="otp.example")
