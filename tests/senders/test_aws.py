from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.config.aws_settings import AwsTemplate
from otp_engine.domain.models import Channel
from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    OTPError,
    ProviderUnavailable,
    RecipientOptedOut,
)
from otp_engine.senders.aws import AwsProvider
from otp_engine.senders.http_client import PooledHttpClient
from tests.support import aws_server, http_server, redis_server
from tests.support.aws_server import CONFIGURATION, MESSAGE_ID, refuse
from tests.support.fakes import MESSAGE
from tests.support.http_server import raw, respond

CALL = replace(MESSAGE, channel=Channel.CALL)
NUMBER_FIELD = {"Name": "DestinationPhoneNumber", "Message": "+919445012345"}


@pytest.fixture
def aws():
    with aws_server.running() as aws:
        yield aws


@pytest.fixture
def client():
    return PooledHttpClient(connect=10, respond=1)


@pytest.fixture
def provider(aws, client):
    return AwsProvider(aws.settings, client)


def test_message_has_parameters_of_operation(provider, aws):
    message_id = provider.send(MESSAGE)

    assert message_id == MESSAGE_ID
    assert aws.calls == [
        (
            "SendNotifyTextMessage",
            {
                "NotifyConfigurationId": CONFIGURATION,
                "DestinationPhoneNumber": "+919445012345",
                "TemplateVariables": {"code": "123456"},
                "TimeToLive": 600,
                "Context": {"delivery_id": MESSAGE.delivery_id},
                "MessageFeedbackEnabled": True,
            },
        )
    ]


def test_call_is_a_voice_message(provider, aws):
    provider.send(CALL)

    assert aws.calls[0][0] == "SendNotifyVoiceMessage"


@pytest.mark.parametrize(
    ("templates", "language", "channel", "template", "voice"),
    [
        ({"pt-BR": AwsTemplate("br")}, "pt-BR", Channel.SMS, "br", None),
        ({"pt": AwsTemplate("pt")}, "pt-BR", Channel.SMS, "pt", None),
        ({"pt": AwsTemplate("pt")}, "hi", Channel.SMS, None, None),
        (
            {"es": AwsTemplate("text"), "call:es": AwsTemplate("voice", "LUCIA")},
            *("es", Channel.CALL, "voice", "LUCIA"),
        ),
        (
            {"es": AwsTemplate("text"), "call:es": AwsTemplate("voice", "LUCIA")},
            *("es", Channel.SMS, "text", None),
        ),
        ({"es": AwsTemplate("both", "LUCIA")}, "es", Channel.SMS, "both", None),
    ],
)
def test_template_is_that_of_language_and_channel(
    aws, client, templates, language, channel, template, voice
):
    settings = replace(aws.settings, templates=templates)

    AwsProvider(settings, client).send(
        replace(MESSAGE, language=language, channel=channel)
    )

    [(_, parameters)] = aws.calls
    assert parameters.get("TemplateId") == template
    assert parameters.get("VoiceId") == voice


@pytest.mark.parametrize(
    ("ttl", "time_to_live"),
    [
        (timedelta(seconds=2), 5),
        (timedelta(minutes=5), 300),
        (timedelta(days=4), 259_200),
    ],
)
def test_message_lives_as_long_as_code_within_range(provider, aws, ttl, time_to_live):
    provider.send(replace(MESSAGE, ttl=ttl))

    assert aws.calls[0][1]["TimeToLive"] == time_to_live


def test_configuration_set_is_named(aws, client):
    settings = replace(aws.settings, configuration_set="otp-events")

    AwsProvider(settings, client).send(MESSAGE)

    assert aws.calls[0][1]["ConfigurationSetName"] == "otp-events"


REJECTIONS = [
    (400, "ThrottlingException", None, ProviderUnavailable),
    *(
        (400, "ServiceQuotaExceededException", reason, ProviderUnavailable)
        for reason in (
            "DAILY_NOTIFY_TIER_MESSAGE_LIMIT",
            "MONTHLY_SPEND_LIMIT_REACHED_FOR_NOTIFY",
            "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT",
            "A_LIMIT_OF_THE_FUTURE",
        )
    ),
    (
        *(400, "ServiceQuotaExceededException"),
        *("DAILY_DESTINATION_CALL_LIMIT", DeliveryFailed),
    ),
    *(
        (400, "ValidationException", reason, DeliveryFailed)
        for reason in (
            "DESTINATION_COUNTRY_BLOCKED",
            "COUNTRY_NOT_ENABLED",
            "CHANNEL_NOT_ENABLED",
            "SENDER_ID_NOT_REGISTERED",
            "INVALID_PARAMETER",
        )
    ),
    (
        *(400, "ConflictException"),
        *("DESTINATION_PHONE_NUMBER_OPTED_OUT", RecipientOptedOut),
    ),
    (
        *(400, "ConflictException"),
        "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
        CountryNotAllowed,
    ),
    (
        *(400, "ConflictException"),
        *("NOTIFY_CONFIGURATION_NOT_ACTIVE", ProviderUnavailable),
    ),
    (400, "AccessDeniedException", "ACCOUNT_DISABLED", DeliveryFailed),
    (400, "ResourceNotFoundException", None, DeliveryFailed),
    (403, "ExpiredTokenException", None, DeliveryFailed),
    (429, "SomethingElse", None, ProviderUnavailable),
    (500, "InternalServerException", None, DeliveryUnconfirmed),
    (503, "ServiceUnavailableException", None, DeliveryUnconfirmed),
]


@pytest.mark.parametrize(("status", "name", "reason", "error"), REJECTIONS)
def test_exception_becomes_error_of_its_class(
    provider, aws, status, name, reason, error
):
    aws.behave = refuse(status, name, reason)

    with pytest.raises(OTPError) as raised:
        provider.send(MESSAGE)

    assert type(raised.value) is error
    assert raised.value.provider_error == (reason or name)
    if isinstance(raised.value, DeliveryFailed):
        assert raised.value.retry_elsewhere


def test_number_that_protect_blocks_is_not_tried_elsewhere(provider, aws):
    reason = "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE"
    aws.behave = refuse(400, "ConflictException", reason)

    with pytest.raises(DeliveryFailed) as raised:
        provider.send(MESSAGE)

    assert not raised.value.retry_elsewhere


def test_validation_of_number_is_invalid_phone(provider, aws):
    aws.behave = refuse(
        400, "ValidationException", "FIELD_VALIDATION_FAILED", Fields=[NUMBER_FIELD]
    )

    with pytest.raises(InvalidPhone):
        provider.send(MESSAGE)


def test_validation_of_several_fields_is_our_fault(provider, aws):
    fields = [NUMBER_FIELD, {"Name": "TemplateId", "Message": "unknown"}]
    aws.behave = refuse(
        400, "ValidationException", "FIELD_VALIDATION_FAILED", Fields=fields
    )

    with pytest.raises(DeliveryFailed) as raised:
        provider.send(MESSAGE)

    assert raised.value.retry_elsewhere


def test_wrong_secret_is_rejected_by_signature(aws, client):
    credentials = replace(aws.settings.credentials, secret_access_key="wrong")
    settings = replace(aws.settings, credentials=credentials)

    with pytest.raises(DeliveryFailed) as raised:
        AwsProvider(settings, client).send(MESSAGE)

    assert raised.value.provider_error == "InvalidSignatureException"


BROKEN = {
    "no json": respond(200, "no json"),
    "list": respond(200, "[]"),
    "empty object": respond(200, "{}"),
    "empty id": respond(200, '{"MessageId": ""}'),
    "object as id": respond(200, '{"MessageId": {"a": 1}}'),
    "truncated": respond(200, '{"MessageId": "862a', Content_Length="100"),
    "too long": respond(200, "x" * 2_000_000),
    "no http": raw(b"not http\r\n\r\n"),
    "closed": http_server.close,
}


@pytest.mark.parametrize("broken", BROKEN)
def test_answer_without_message_id_is_unconfirmed(provider, aws, broken):
    aws.behave = BROKEN[broken]

    with pytest.raises(DeliveryUnconfirmed):
        provider.send(MESSAGE)


def test_redirect_is_not_followed(provider, aws):
    aws.behave = respond(302, "", Location=f"{aws.server.url}/other")

    with pytest.raises(DeliveryFailed):
        provider.send(MESSAGE)

    assert len(aws.calls) == 1


@pytest.mark.parametrize("slow", ["hang", "drip"])
def test_slow_answer_is_unconfirmed(provider, aws, slow):
    aws.behave = getattr(aws.server, slow)

    with pytest.raises(DeliveryUnconfirmed):
        provider.send(MESSAGE)

    assert len(aws.calls) == 1


def test_unreachable_host_is_unavailable(aws, client):
    settings = replace(aws.settings, url=f"http://127.0.0.1:{redis_server.free_port()}")

    with pytest.raises(ProviderUnavailable):
        AwsProvider(settings, client).send(MESSAGE)


def test_entered_code_is_reported_as_received(provider, aws):
    provider.confirm(MESSAGE_ID)

    assert aws.calls == [
        (
            "PutMessageFeedback",
            {"MessageId": MESSAGE_ID, "MessageFeedbackStatus": "RECEIVED"},
        )
    ]


@pytest.mark.parametrize(
    "behave",
    [refuse(400, "ResourceNotFoundException"), http_server.close],
    ids=["refused", "closed"],
)
def test_failed_feedback_is_only_logged(provider, aws, behave, caplog):
    caplog.set_level(logging.INFO)
    aws.behave = behave

    provider.confirm(MESSAGE_ID)

    assert "aws: no feedback" in caplog.text


def test_ping_describes_configuration(provider, aws):
    provider.ping()

    assert aws.calls == [
        ("DescribeNotifyConfigurations", {"NotifyConfigurationIds": [CONFIGURATION]})
    ]


PENDING = json.dumps({"NotifyConfigurations": [{"Status": "PENDING"}]})


@pytest.mark.parametrize(
    ("behave", "error"),
    [
        pytest.param(behave, error, id=name)
        for name, behave, error in (
            ("denied", refuse(400, "AccessDeniedException"), DeliveryFailed),
            ("not found", refuse(400, "ResourceNotFoundException"), DeliveryFailed),
            ("throttled", refuse(400, "ThrottlingException"), ProviderUnavailable),
            ("error", refuse(500, "InternalServerException"), ProviderUnavailable),
            ("pending", respond(200, PENDING), ProviderUnavailable),
            ("html", respond(200, "<html>"), ProviderUnavailable),
            ("closed", http_server.close, ProviderUnavailable),
        )
    ],
)
def test_ping_fails_without_active_configuration(provider, aws, behave, error):
    aws.behave = behave

    with pytest.raises(error):
        provider.ping()


LEAKING = respond(400, '{"__type": "+919445012345", "Reason": "123456"}')


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(None, id="accepted"),
        pytest.param(LEAKING, id="leaking"),
        *(
            pytest.param(refuse(status, name, reason), id=f"{name} {reason}")
            for status, name, reason, _ in REJECTIONS
        ),
        *(pytest.param(behave, id=name) for name, behave in BROKEN.items()),
    ],
)
def test_log_and_error_contain_no_number_code_or_secret(provider, aws, behave, caplog):
    caplog.set_level(logging.DEBUG)
    aws.behave = behave or aws.accept

    error = _send_and_describe_error(provider)

    secrets = ("9445012345", "123456", aws_server.SECRET, aws_server.SESSION_TOKEN)
    assert not [secret for secret in secrets if secret in caplog.text + error]


def _send_and_describe_error(provider: AwsProvider) -> str:
    try:
        provider.send(MESSAGE)
    except OTPError as error:
        return f"{error!r} {error.provider_error}"
    return ""
