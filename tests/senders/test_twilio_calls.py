from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest

from otp_engine.config.twilio_channels import TwilioCalls
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.messages import speech, texts
from otp_engine.domain.messages.languages import LOCALES
from otp_engine.domain.models import Channel
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    OTPError,
    ProviderUnavailable,
    RecipientNotOnChannel,
)
from otp_engine.senders.twilio import TwilioProvider
from tests.support.fakes import MESSAGE
from tests.support.speech import SPEECH
from tests.support.twilio_server import (
    MAX_TWIML,
    garbage,
    hang,
    key_press_url,
    parse_twiml,
    refuse,
    spoken_texts,
)

BASE = "https://otp.example.com"
PEPPER = Pepper(b"p" * 32)
CALLS = TwilioCalls(from_="+15005550006")
CALL = replace(MESSAGE, channel=Channel.CALL, speech=SPEECH)


@pytest.fixture
def provider(twilio_settings, client):
    return TwilioProvider(replace(twilio_settings, calls=CALLS), client)


@pytest.fixture
def reachable(twilio_settings, client):
    settings = replace(twilio_settings, calls=CALLS)
    return TwilioProvider(settings, client, callback_url=BASE, pepper=PEPPER)


def test_call_without_callback_url_speaks_the_code_three_times(provider, twilio):
    sid = provider.send(CALL)

    assert sid == "CA" + "0" * 31 + "1"
    [call] = twilio.calls
    assert spoken_texts(call.pop("Twiml")) == [
        "Your Acme code is 1, 2, 3, 4, 5, 6.",
        "Your code is 1, 2, 3, 4, 5, 6.",
        "Your code is 1, 2, 3, 4, 5, 6.",
        "Goodbye.",
    ]
    assert call == {
        "To": "+919445012345",
        "From": "+15005550006",
        "Timeout": "12",
        "TimeLimit": "60",
    }
    assert twilio.messages == []


def test_call_with_callback_url_requests_a_key_press_and_contains_no_code(
    reachable, twilio
):
    reachable.send(CALL)

    [call] = twilio.calls
    assert spoken_texts(call["Twiml"]) == [SPEECH.prompt, SPEECH.prompt]
    assert "123456" not in call["Twiml"]
    assert "1, 2, 3" not in call["Twiml"]
    assert parse_twiml(call["Twiml"])[-1].tag == "Hangup"
    assert call["Timeout"] == "30"


def test_key_press_has_a_url_of_the_delivery(reachable, twilio):
    reachable.send(CALL)

    url = key_press_url(twilio.calls[0]["Twiml"])
    start = f"{BASE}/callbacks/twilio/key_press?delivery={CALL.delivery_id}&text="
    assert url.startswith(start)


def test_call_reports_its_progress(reachable, twilio):
    reachable.send(CALL)

    [call] = twilio.calls
    assert call["StatusCallback"] == (
        f"{BASE}/callbacks/twilio/calls?delivery={CALL.delivery_id}#rc=2&rp=5xx,ct,rt"
    )
    assert call["StatusCallbackEvent"] == "initiated ringing answered completed"


def test_key_press_can_be_turned_off(twilio_settings, client, twilio):
    settings = replace(twilio_settings, calls=replace(CALLS, key_press=False))
    provider = TwilioProvider(settings, client, callback_url=BASE, pepper=PEPPER)

    provider.send(CALL)

    [call] = twilio.calls
    assert spoken_texts(call["Twiml"])[0] == "Your Acme code is 1, 2, 3, 4, 5, 6."
    assert call["StatusCallback"].endswith("&spoken=8#rc=2&rp=5xx,ct,rt")
    assert call["Timeout"] == "12"


@pytest.mark.parametrize(
    ("language", "voice", "spoken"),
    [
        ("en", "Polly.Joanna", "en-US"),
        ("pt-BR", "Polly.Camila", "pt-BR"),
        ("zh-HK", "Polly.Hiujin-Neural", "yue-CN"),
        ("de-AT", "Polly.Vicki", "de-DE"),
    ],
)
def test_call_names_the_voice_of_its_language(
    provider, twilio, language, voice, spoken
):
    provider.send(replace(CALL, speech=replace(SPEECH, language=language)))

    verbs = list(parse_twiml(twilio.calls[0]["Twiml"]).iter("Say"))
    assert {verb.get("voice") for verb in verbs} == {voice}
    assert {verb.get("language") for verb in verbs} == {spoken}


def test_voice_of_the_operator_replaces_that_of_the_table(
    twilio_settings, client, twilio
):
    calls = replace(CALLS, voices={"en": "Polly.Salli"})

    TwilioProvider(replace(twilio_settings, calls=calls), client).send(CALL)

    assert 'voice="Polly.Salli"' in twilio.calls[0]["Twiml"]


def test_language_without_a_voice_permits_the_next_step_without_a_request(
    provider, twilio, caplog
):
    with pytest.raises(DeliveryFailed) as rejection:
        provider.send(replace(CALL, speech=replace(SPEECH, language="tlh")))

    assert rejection.value.retry_elsewhere
    assert twilio.calls == []
    assert "set TWILIO_CALL_VOICES" in caplog.text


def test_text_that_is_too_long_permits_the_next_step_without_a_request(
    provider, twilio
):
    too_long = replace(SPEECH, announcement="x" * MAX_TWIML)

    with pytest.raises(DeliveryFailed) as rejection:
        provider.send(replace(CALL, speech=too_long))

    assert rejection.value.retry_elsewhere
    assert twilio.calls == []


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("A&B <Hangup/> code is", "A&B <Hangup/> code is"),
        ("</Say><Dial>+123</Dial> is", "</Say><Dial>+123</Dial> is"),
        ("A\x00c\x08m\x0b\x0ce\x0e\x1f is", "Acme is"),
        ("Acme\ud800 \uffff is", "Acme  is"),
        ("Caf\u00e9 \U0001f600 is", "Caf\u00e9 \U0001f600 is"),
    ],
)
def test_markup_and_control_characters_in_a_text_are_harmless(
    provider, twilio, text, spoken
):
    provider.send(replace(CALL, speech=replace(SPEECH, announcement=text)))

    [first, *_] = spoken_texts(twilio.calls[0]["Twiml"])
    assert first == f"{spoken} 1, 2, 3, 4, 5, 6."


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, 21201, InvalidPhone),
        (400, 21211, InvalidPhone),
        (400, 21217, InvalidPhone),
        (400, 21202, RecipientNotOnChannel),
        (400, 21214, RecipientNotOnChannel),
        (429, 10004, ProviderUnavailable),
        (429, 20429, ProviderUnavailable),
        (500, 20500, DeliveryUnconfirmed),
    ],
)
def test_rejection_of_a_call_raises_matching_error(
    provider, twilio, status, code, error
):
    twilio.behave = refuse(status, code)

    with pytest.raises(error) as rejection:
        provider.send(CALL)

    assert rejection.value.provider_error == code
    assert len(twilio.calls) == 1


OPERATOR = [10001, 10005, 21203, 21205, 21208, 21210, 21212, 21213, 21215, 21219]
OPTIONS = [21234, 21262, 13227, 12100, 13520, 32018]


@pytest.mark.parametrize(
    ("codes", "level"),
    [(OPERATOR + OPTIONS, logging.ERROR), ([21216, 21202, 21214], logging.WARNING)],
    ids=["operator", "number"],
)
def test_other_rejection_of_a_call_permits_the_next_step(
    provider, twilio, caplog, codes, level
):
    errors = []
    for code in codes:
        twilio.behave = refuse(400, code)
        with pytest.raises(DeliveryFailed) as rejection:
            provider.send(CALL)
        errors.append(rejection.value)

    assert all(error.retry_elsewhere for error in errors)
    assert {record.levelno for record in caplog.records} == {level}


@pytest.mark.parametrize("status", ["failed", "busy", "no-answer", "canceled"])
def test_call_that_fails_at_once_permits_the_next_step(provider, twilio, status):
    twilio.behave = garbage(201, json.dumps({"sid": "CA1", "status": status}))

    with pytest.raises(DeliveryFailed) as rejection:
        provider.send(CALL)

    assert rejection.value.retry_elsewhere


def test_call_without_response_is_not_retried(provider, twilio):
    twilio.behave = hang

    with pytest.raises(DeliveryUnconfirmed):
        provider.send(CALL)

    assert len(twilio.calls) == 1


@pytest.mark.parametrize("code", [21215, 12100])
def test_log_of_a_call_contains_no_code_and_no_number(reachable, twilio, code, caplog):
    twilio.behave = refuse(400, code)
    with caplog.at_level(logging.DEBUG), pytest.raises(OTPError):
        reachable.send(CALL)

    for text in ("123456", "1, 2, 3", "9445012345", "text="):
        assert text not in caplog.text


@pytest.mark.parametrize(
    ("queue_time", "warns"),
    [("5000", True), (12_000, True), ("4999", False), (None, False), ("soon", False)],
)
def test_call_that_waits_in_the_queue_of_twilio_is_warned_of(
    provider, twilio, caplog, queue_time, warns
):
    call = {"sid": "CA1", "status": "queued", "queue_time": queue_time}
    twilio.behave = garbage(201, json.dumps(call))

    assert provider.send(CALL) == "CA1"
    assert ("in Twilio's queue: lower calls_total" in caplog.text) is warns


@pytest.mark.parametrize(
    "language", [tag for tag in sorted(LOCALES) if texts.load(tag).speech]
)
def test_longest_call_of_each_language_has_a_voice_and_fits(
    reachable, provider, twilio, language
):
    spoken = speech.build(code="1234567890", brand="\u0939" * 40, language=language)

    for each in (reachable, provider):
        each.send(replace(CALL, speech=spoken, language=language))

    lengths = [len(call["Twiml"]) for call in twilio.calls]
    assert len(lengths) == 2
    assert max(lengths) < MAX_TWIML / 2
