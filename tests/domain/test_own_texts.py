"""The operator's own texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.messages import templates
from otp_engine.domain.messages.contents import TextDefaults
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.messages.own_texts import OwnText, OwnTexts
from otp_engine.domain.messages.templates import IssuedCode
from otp_engine.domain.models import Channel, SendRequest
from otp_engine.domain.phones.numbers import parse

INDIA, BRAZIL = "+919445012345", "+5511961234567"
HASH, HOST = "He42w354ol9", "otp.example.com"
SMS = Channel.SMS
ISSUED = IssuedCode(
    code="123456",
    verification_id=b"0" * 16,
    ttl=timedelta(minutes=10),
    expires_at=datetime(2026, 7, 1, tzinfo=UTC),
)


def build(*entries, channel=SMS, number=INDIA, locale=None, **options):
    return templates.build(
        SendRequest(
            address=parse(number, "IN"),
            locale=locale,
            options=MessageOptions(**options),
        ),
        ISSUED,
        channel=channel,
        delivery_id="ab" * 20,
        defaults=TextDefaults(brand="Acme", own_texts=OwnTexts(entries)),
    )


def test_own_text_has_its_placeholders_and_ids():
    message = build(
        OwnText(
            channel=SMS,
            country="IN",
            text="{code} for {brand}, {minutes} min {{x}}",
            template_id="1107",
            sender_id="ACMEIN",
        )
    )

    assert message.body == "123456 for Acme, 10 min {x}"
    assert (message.template_id, message.sender_id) == ("1107", "ACMEIN")


def test_sender_without_text_keeps_the_text():
    message = build(OwnText(channel=SMS, country="IN", sender_id="ACMEIN"))

    assert message.body == build().body
    assert (message.template_id, message.sender_id) == (None, "ACMEIN")


ENTRIES = (
    OwnText(channel=SMS, text="a {code}"),
    OwnText(channel=SMS, locale="pt-BR", text="b {code}"),
    OwnText(channel=SMS, country="BR", text="c {code}"),
    OwnText(channel=SMS, country="BR", locale="en", text="d {code}"),
)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("number", "locale", "body"),
    [
        (INDIA, None, "a 123456"),
        (INDIA, "pt_BR", "b 123456"),
        (BRAZIL, None, "c 123456"),
        (BRAZIL, "fr", "c 123456"),
        (BRAZIL, "en-GB", "d 123456"),
    ],
)
def test_text_of_country_precedes_text_of_language(order, number, locale, body):
    assert build(*ENTRIES[::order], number=number, locale=locale).body == body


def test_sender_of_country_is_that_of_text_of_language():
    message = build(
        OwnText(channel=SMS, country="BR", sender_id="LOJA"),
        OwnText(channel=SMS, locale="pt-BR", text="b {code}", sender_id="OTHER"),
        number=BRAZIL,
    )

    assert (message.body, message.sender_id) == ("b 123456", "LOJA")


@pytest.mark.parametrize("channel", [each for each in Channel if each != SMS])
def test_text_message_is_for_its_channel_only(channel):
    assert build(*ENTRIES, channel=channel).body == build(channel=channel).body


def test_registered_text_is_exact_without_autofill():
    own = OwnText(channel=SMS, text="{code} " + "x" * 170, template_id="1")

    message = build(own, app_hash=HASH, origin=HOST)

    assert message.body == "123456 " + "x" * 170


def test_autofill_follows_other_own_texts():
    own = OwnText(channel=SMS, text="Code {code}")

    bodies = [
        build(own, **options).body
        for options in (
            {"origin": HOST},
            {"app_hash": HASH},
            {"app_hash": HASH, "origin": HOST},
        )
    ]

    assert bodies == [
        f"Code 123456\n@{HOST} #123456",
        f"<#> Code 123456 {HASH}",
        f"<#> Code 123456\n@{HOST} #123456 {HASH}",
    ]


@pytest.mark.parametrize(
    ("options", "start", "end"),
    [
        ({"origin": HOST}, "", ""),
        ({"app_hash": HASH, "origin": HOST}, "<#> ", f" {HASH}"),
    ],
)
def test_origin_is_left_out_where_it_needs_a_segment(options, start, end):
    message = build(OwnText(channel=SMS, text="{code} " + "x" * 130), **options)

    assert message.body == f"{start}123456 {'x' * 130}{end}"


def test_own_text_of_a_call_announces_the_code():
    own = OwnText(channel=Channel.CALL, text="Welcome to {brand}. The code is {code}")

    message = build(own, channel=Channel.CALL, locale="en")

    assert message.body.startswith("Welcome to Acme. The code is 1, 2, 3, 4, 5, 6. ")
    assert message.speech is not None
    assert message.speech.announcement == "Welcome to Acme. The code is"


def test_own_text_of_an_email_has_own_subject():
    own = OwnText(channel=Channel.EMAIL, text="It is {code}.", subject="For {brand}")

    message = build(own, channel=Channel.EMAIL)

    assert (message.subject, message.body) == ("For Acme", "It is 123456.")


def test_own_text_of_an_email_without_subject_keeps_the_subject():
    own = OwnText(channel=Channel.EMAIL, text="It is {code}.")

    assert build(own, channel=Channel.EMAIL).subject == "Your Acme code"
