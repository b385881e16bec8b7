from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest

from otp_engine.config.twilio_channels import TwilioWhatsApp
from otp_engine.domain.models import Channel
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    OTPError,
    ProviderUnavailable,
    RecipientNotOnChannel,
)
from otp_engine.senders import twilio_templates
from otp_engine.senders.twilio import TwilioProvider
from tests.support.fakes import MESSAGE
from tests.support.twilio_server import APPROVED, SERVICE, garbage, hang, refuse, reset

ENGLISH = "HX" + "e" * 32
PORTUGUESE = "HX" + "b" * 32
WHATSAPP = TwilioWhatsApp(
    from_="+14155238886", content={"en": ENGLISH, "pt_BR": PORTUGUESE}
)
CODE = replace(MESSAGE, channel=Channel.WHATSAPP)


@pytest.fixture
def provider(twilio_settings, client):
    return TwilioProvider(replace(twilio_settings, whatsapp=WHATSAPP), client)


def test_whatsapp_message_is_a_template_with_exactly_the_code(provider, twilio):
    sid = provider.send(CODE)

    assert sid == "SM" + "0" * 31 + "1"
    assert twilio.messages == [
        {
            "To": "whatsapp:+919445012345",
            "From": "whatsapp:+14155238886",
            "ContentSid": ENGLISH,
            "ContentVariables": '{"1": "123456"}',
            "ValidityPeriod": "600",
            "ProvideFeedback": "true",
        }
    ]


def test_template_has_the_language_of_the_message(provider, twilio):
    provider.send(replace(CODE, language="pt-BR"))

    assert twilio.messages[0]["ContentSid"] == PORTUGUESE


def test_messaging_service_sends_without_a_number(twilio_settings, client, twilio):
    settings = replace(twilio_settings, whatsapp=replace(WHATSAPP, from_=None))

    TwilioProvider(settings, client).send(CODE)

    assert twilio.messages[0]["MessagingServiceSid"] == SERVICE
    assert "From" not in twilio.messages[0]


def test_risk_check_of_text_messages_is_not_changed_on_whatsapp(provider, twilio):
    provider.send(replace(CODE, skip_risk_check=True))

    assert "RiskCheck" not in twilio.messages[0]


def test_custom_code_of_letters_and_digits_is_sent(provider, twilio):
    provider.send(replace(CODE, code="AB12cd"))

    assert json.loads(twilio.messages[0]["ContentVariables"]) == {"1": "AB12cd"}


@pytest.mark.parametrize("code", ["12-34", "12 34", "1" * 16, "\u0661\u0662\u0663", ""])
def test_code_of_another_form_permits_the_next_step_without_a_request(
    provider, twilio, code
):
    with pytest.raises(DeliveryFailed) as rejection:
        provider.send(replace(CODE, code=code))

    assert rejection.value.retry_elsewhere
    assert twilio.messages == []


def test_template_of_an_own_text_replaces_that_of_the_language(provider, twilio):
    own = "HX" + "a" * 32

    provider.send(replace(CODE, template_id=own))

    assert twilio.messages[0]["ContentSid"] == own


def test_template_id_of_a_regulator_is_no_template_of_whatsapp(provider, twilio):
    provider.send(replace(CODE, template_id="1107161234567890123"))

    assert twilio.messages[0]["ContentSid"] == ENGLISH


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ({}, (Channel.SMS,)),
        ({"whatsapp": WHATSAPP}, (Channel.SMS, Channel.WHATSAPP)),
        ({"whatsapp": WHATSAPP, "service": None}, (Channel.WHATSAPP,)),
    ],
)
def test_provider_has_the_channels_of_the_settings(
    twilio_settings, client, channels, expected
):
    provider = TwilioProvider(replace(twilio_settings, **channels), client)

    assert provider.channels == expected


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, 63024, RecipientNotOnChannel),
        (400, 63003, RecipientNotOnChannel),
        (400, 21211, InvalidPhone),
        (400, 63018, ProviderUnavailable),
        (429, 20429, ProviderUnavailable),
        (429, 63017, ProviderUnavailable),
        (500, 20500, DeliveryUnconfirmed),
        (500, 63010, DeliveryUnconfirmed),
    ],
)
def test_rejection_by_whatsapp_raises_matching_error(
    provider, twilio, status, code, error
):
    twilio.behave = refuse(status, code)

    with pytest.raises(error) as rejection:
        provider.send(CODE)

    assert rejection.value.provider_error == code
    assert len(twilio.messages) == 1


TEMPLATE = [21654, 21655, 21656, 63005, 63016, 63021, 63027, 63028, 63040, 63041, 63042]
VARIABLES = [92002, 92005, 92006, 92007]
ACCOUNT = [63001, 63007, 63015, 63020, 63038, 63051, 63111, 63112, 21212, 21703, 21704]
PROVIDER = [63009, 63010, 63012]
PERSON = [63013, 63014, 63032, 63033, 63049]


@pytest.mark.parametrize("code", TEMPLATE + VARIABLES + ACCOUNT + PROVIDER + PERSON)
def test_other_rejection_by_whatsapp_permits_the_next_step(provider, twilio, code):
    twilio.behave = refuse(400, code)

    with pytest.raises(DeliveryFailed) as rejection:
        provider.send(CODE)

    assert type(rejection.value) is DeliveryFailed
    assert rejection.value.retry_elsewhere


@pytest.mark.parametrize(
    ("codes", "level", "hint"),
    [
        (TEMPLATE + VARIABLES, logging.ERROR, "check the template"),
        (ACCOUNT, logging.ERROR, "check the account and its senders"),
        (PROVIDER + PERSON + [63024], logging.WARNING, ""),
    ],
    ids=["template", "account", "others"],
)
def test_log_of_a_rejection_names_what_the_operator_checks(
    provider, twilio, caplog, codes, level, hint
):
    for code in codes:
        twilio.behave = refuse(400, code)
        with pytest.raises(DeliveryFailed):
            provider.send(CODE)

    assert {record.levelno for record in caplog.records} == {level}
    assert all(hint in record.getMessage() for record in caplog.records)


def test_template_of_another_account_is_an_error_of_the_template(
    provider, twilio, caplog
):
    twilio.templates = {PORTUGUESE: APPROVED}

    with pytest.raises(DeliveryFailed) as rejection:
        provider.send(CODE)

    assert rejection.value.provider_error == 21655
    assert "check the template in TWILIO_WHATSAPP_CONTENT" in caplog.text


@pytest.mark.parametrize(
    ("code", "error"),
    [(63024, RecipientNotOnChannel), (63016, DeliveryFailed), (None, DeliveryFailed)],
)
def test_message_that_fails_at_once_permits_the_next_step(
    provider, twilio, code, error
):
    message = {"sid": "SM1", "status": "failed", "error_code": code}
    twilio.behave = garbage(201, json.dumps(message))

    with pytest.raises(error) as rejection:
        provider.send(CODE)

    assert rejection.value.retry_elsewhere


def test_log_contains_no_code_and_no_number(provider, twilio, caplog):
    twilio.behave = refuse(400, 63016)
    with caplog.at_level(logging.DEBUG), pytest.raises(OTPError):
        provider.send(CODE)

    assert "123456" not in caplog.text
    assert "9445012345" not in caplog.text
    assert "+91********45" in caplog.text


@pytest.mark.parametrize(
    ("approval", "problem"),
    [
        (None, "does not exist in this account of Twilio"),
        ({"status": "pending"}, "is not approved: its status is 'pending'"),
        ({"status": "rejected"}, "is not approved: its status is 'rejected'"),
        ({}, "is not approved: its status is None"),
        (
            {"status": "approved", "category": "UTILITY"},
            "is of the category 'UTILITY', not AUTHENTICATION",
        ),
    ],
)
def test_template_that_delivers_no_codes_is_a_problem(
    twilio_settings, client, twilio, approval, problem
):
    twilio.templates = {ENGLISH: APPROVED} | (
        {} if approval is None else {PORTUGUESE: approval}
    )
    settings = replace(twilio_settings, whatsapp=WHATSAPP)

    problems = twilio_templates.find_problems(settings, client)

    assert problems == [f"the WhatsApp template of pt_BR {problem}"]


@pytest.mark.parametrize(
    ("behave", "problem"),
    [
        (refuse(401, 20003), "could not be read (status 401)"),
        (refuse(503, 20503), "could not be read (status 503)"),
        (garbage(200, "<html>"), "could not be read (status 200)"),
        (garbage(200, '{"whatsapp": []}'), "could not be read (status 200)"),
        (reset, "could not be read"),
        (hang, "could not be read"),
    ],
    ids=["login", "error", "html", "list", "reset", "hang"],
)
def test_template_that_cannot_be_read_is_a_problem(
    twilio_settings, client, twilio, behave, problem
):
    twilio.behave = behave
    whatsapp = replace(WHATSAPP, content={"en": ENGLISH})

    problems = twilio_templates.find_problems(
        replace(twilio_settings, whatsapp=whatsapp), client
    )

    assert problems == [f"the WhatsApp template of en {problem}"]


def test_approved_templates_are_no_problem(twilio_settings, client):
    settings = replace(twilio_settings, whatsapp=WHATSAPP)

    assert twilio_templates.find_problems(settings, client) == []


def test_account_without_whatsapp_has_no_template_to_check(twilio_settings, twilio):
    assert twilio_templates.find_problems(twilio_settings) == []
    assert twilio.connections == 0
