from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otp_engine.domain.messages import segments, templates
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.models import Channel
from otp_engine.domain.phones.numbers import parse

HASH = "He42w354ol9"
HOST = "otp.example.com"
LONG_BRAND = "Banco Nacional de Comercio Ext"  # as long as a name of a service may be
HINDI_BRAND = "भारतीय स्टेट बैंक ऑफ इंडिया ली"
TEN_MINUTES, DAY = timedelta(minutes=10), timedelta(hours=24)


def render(language="en", code="123456", brand="Acme", ttl=TEN_MINUTES, **options):
    return templates.render(
        code=code,
        brand=brand,
        ttl=ttl,
        language=language,
        options=MessageOptions(**options),
    )


def test_text_has_code_brand_lifetime_and_warning():
    assert render() == "123456 is your Acme code. It expires in 10 min. Don't share it."


@pytest.mark.parametrize("language", sorted(templates.LOCALES))
def test_text_of_ordinary_brand_has_every_sentence(language):
    text = render(language, brand="OTP Engine")
    bare = render(language, brand="OTP Engine", do_not_share_warning=False)

    assert text.startswith("123456")
    assert "OTP Engine" in text
    assert "10" in text.removeprefix("123456")
    assert text.startswith(f"{bare} ")
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
    language=st.sampled_from(sorted(templates.LOCALES)),
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
        assert "\n" not in text
    if "\n" in text:
        assert text.endswith(f"\n@{origin} #{code}")


@pytest.mark.parametrize("length", range(4, 11))
@pytest.mark.parametrize("warning", [True, False])
@pytest.mark.parametrize(
    ("language", "brand"),
    [
        *((language, "Acme") for language in sorted(templates.LOCALES)),
        *((language, LONG_BRAND) for language in sorted(templates.LOCALES)),
        *(("hi", HINDI_BRAND), ("ar", HINDI_BRAND)),
    ],
)
def test_hash_leaves_brand_of_service_whole(language, brand, warning, length):
    text = render(
        language, "1" * length, brand, do_not_share_warning=warning, app_hash=HASH
    )

    assert brand in text
    assert text.endswith(f" {HASH}")
    assert len(text.encode("utf-16-le")) <= 140 or re.fullmatch(r"[ -~è]{,140}", text)


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


def test_line_for_webotp_is_left_out_first():
    assert render("hi", origin=HOST) == render("hi")


def test_hash_replaces_line_for_webotp():
    assert render(app_hash=HASH, origin=HOST) == render(app_hash=HASH)


def test_repr_of_a_message_contains_no_number_and_no_code():
    number = parse("9445012345", "IN")
    message = templates.Message(
        to=number.e164,
        masked=number.masked,
        channel=Channel.SMS,
        body=render(),
        code="123456",
        verification_id=b"0" * 16,
        locale=None,
        ttl=TEN_MINUTES,
        delivery_id="ab" * 20,
        language="en",
        brand="Acme",
        country="IN",
        expires_at=datetime(2026, 7, 1, tzinfo=UTC),
        variables={"code": "123456"},
    )

    assert "9445012345" not in repr(message)
    assert "123456" not in repr(message)
