from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    OTPError,
    ProviderUnavailable,
    RecipientNotOnChannel,
)
from otp_engine.senders.http_client import PooledHttpClient
from otp_engine.senders.telegram import TelegramProvider
from tests.support import http_server, redis_server, telegram_server
from tests.support.fakes import MESSAGE
from tests.support.http_server import raw, respond
from tests.support.telegram_server import REQUEST_ID, TOKEN, refuse


@pytest.fixture
def telegram():
    with telegram_server.running() as telegram:
        yield telegram


@pytest.fixture
def client():
    return PooledHttpClient(connect=10, respond=1)


@pytest.fixture
def provider(telegram, client):
    return TelegramProvider(telegram.settings, client)


def test_message_has_parameters_of_method(provider, telegram):
    message_id = provider.send(MESSAGE)

    assert message_id == REQUEST_ID
    assert telegram.calls == [
        (
            "sendVerificationMessage",
            {
                "phone_number": "+919445012345",
                "code": "123456",
                "ttl": 600,
                "payload": MESSAGE.delivery_id,
            },
        )
    ]


def test_message_has_callback_url_and_sender(telegram, client):
    url = "https://otp.example.com/callbacks/telegram"
    settings = replace(telegram.settings, sender_username="acme_codes")

    TelegramProvider(settings, client, callback_url=url).send(MESSAGE)

    [(_, parameters)] = telegram.calls
    assert parameters["callback_url"] == url
    assert parameters["sender_username"] == "acme_codes"


@pytest.mark.parametrize(("url", "reports"), [(None, False), ("https://a.b/c", True)])
def test_delivery_is_reported_with_callback_url(telegram, client, url, reports):
    provider = TelegramProvider(telegram.settings, client, callback_url=url)

    assert provider.reports_delivery is reports


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [
        (timedelta(seconds=10), 30),
        (timedelta(minutes=5), 300),
        (timedelta(hours=2), 3600),
    ],
)
def test_ttl_is_that_of_code_within_range(provider, telegram, ttl, seconds):
    provider.send(replace(MESSAGE, ttl=ttl))

    assert telegram.calls[0][1]["ttl"] == seconds


@pytest.mark.parametrize("code", ["123", "123456789", "12a456", "١٢٣٤"])
def test_code_of_another_form_is_for_the_next_step(provider, telegram, code):
    with pytest.raises(DeliveryFailed) as raised:
        provider.send(replace(MESSAGE, code=code))

    assert raised.value.retry_elsewhere
    assert telegram.calls == []


@pytest.mark.parametrize("code", ["1234", "12345678"])
def test_code_of_four_to_eight_digits_is_sent(provider, telegram, code):
    provider.send(replace(MESSAGE, code=code))

    assert telegram.calls[0][1]["code"] == code


REJECTIONS = [
    ("PHONE_NUMBER_INVALID", 200, InvalidPhone),
    ("PHONE_NUMBER_NOT_FOUND", 200, RecipientNotOnChannel),
    ("PHONE_NUMBER_NOT_AVAILABLE", 200, RecipientNotOnChannel),
    ("BALANCE_NOT_ENOUGH", 200, ProviderUnavailable),
    ("FLOOD_WAIT", 200, ProviderUnavailable),
    ("FLOOD_WAIT_17", 200, ProviderUnavailable),
    ("SOMETHING", 429, ProviderUnavailable),
    ("MESSAGE_ALREADY_SENT", 200, DeliveryUnconfirmed),
    ("ACCESS_TOKEN_INVALID", 200, DeliveryFailed),
    ("SENDER_NOT_VERIFIED", 200, DeliveryFailed),
    ("CALLBACK_URL_INVALID", 400, DeliveryFailed),
    ("SOMETHING_NEW", 200, DeliveryFailed),
    ("INTERNAL", 500, DeliveryUnconfirmed),
]


@pytest.mark.parametrize(("name", "status", "error"), REJECTIONS)
def test_error_name_becomes_error_of_its_class(provider, telegram, name, status, error):
    telegram.behave = refuse(name, status)

    with pytest.raises(OTPError) as raised:
        provider.send(MESSAGE)

    assert type(raised.value) is error
    assert raised.value.provider_error == re.sub(r"_\d+$", "", name)
    if isinstance(raised.value, DeliveryFailed):
        assert raised.value.retry_elsewhere


def test_flood_wait_states_time_of_next_try(provider, telegram):
    telegram.behave = refuse("FLOOD_WAIT_17")

    with pytest.raises(ProviderUnavailable) as raised:
        provider.send(MESSAGE)

    assert raised.value.retry_after == timedelta(seconds=17)


def test_wrong_token_is_our_fault(telegram, client):
    settings = replace(telegram.settings, token="wrong")

    with pytest.raises(DeliveryFailed) as raised:
        TelegramProvider(settings, client).send(MESSAGE)

    assert raised.value.provider_error == "ACCESS_TOKEN_INVALID"


BROKEN = {
    "no json": respond(200, "no json"),
    "list": respond(200, "[]"),
    "empty object": respond(200, "{}"),
    "ok as text": respond(200, '{"ok": "true"}'),
    "no result": respond(200, '{"ok": true}'),
    "empty id": respond(200, '{"ok": true, "result": {"request_id": ""}}'),
    "number as id": respond(200, '{"ok": true, "result": {"request_id": 1}}'),
    "truncated": respond(200, '{"ok": true, "res', Content_Length="100"),
    "redirect": respond(302, "", Location="https://example.com/"),
    "html": respond(502, "<html>"),
    "no http": raw(b"not http\r\n\r\n"),
    "closed": http_server.close,
}


@pytest.mark.parametrize("broken", BROKEN)
def test_answer_without_request_id_is_unconfirmed(provider, telegram, broken):
    telegram.behave = BROKEN[broken]

    with pytest.raises(DeliveryUnconfirmed):
        provider.send(MESSAGE)


@pytest.mark.parametrize("slow", ["hang", "drip"])
def test_slow_answer_is_unconfirmed(provider, telegram, slow):
    telegram.behave = getattr(telegram.server, slow)

    with pytest.raises(DeliveryUnconfirmed):
        provider.send(MESSAGE)

    assert len(telegram.calls) == 1


def test_unreachable_host_is_unavailable(telegram, client):
    url = f"http://127.0.0.1:{redis_server.free_port()}"
    settings = replace(telegram.settings, url=url)

    with pytest.raises(ProviderUnavailable):
        TelegramProvider(settings, client).send(MESSAGE)


def test_entered_code_is_reported_without_the_code(provider, telegram):
    provider.confirm(REQUEST_ID)

    assert telegram.calls == [("checkVerificationStatus", {"request_id": REQUEST_ID})]


@pytest.mark.parametrize(
    "behave",
    [refuse("REQUEST_ID_INVALID"), http_server.close],
    ids=["refused", "closed"],
)
def test_failed_feedback_is_only_logged(provider, telegram, behave, caplog):
    caplog.set_level(logging.INFO)
    telegram.behave = behave

    provider.confirm(REQUEST_ID)

    assert "telegram: no feedback" in caplog.text


def test_ping_checks_token_without_a_message(provider, telegram):
    provider.ping()

    assert telegram.calls == [("checkVerificationStatus", {})]


@pytest.mark.parametrize(
    ("behave", "error"),
    [
        pytest.param(behave, error, id=name)
        for name, behave, error in (
            ("token", refuse("ACCESS_TOKEN_INVALID"), DeliveryFailed),
            ("flood", refuse("FLOOD_WAIT_3"), ProviderUnavailable),
            ("throttled", refuse("ANYTHING", 429), ProviderUnavailable),
            ("error", refuse("ANYTHING", 500), ProviderUnavailable),
            ("html", respond(200, "<html>"), ProviderUnavailable),
            ("closed", http_server.close, ProviderUnavailable),
        )
    ],
)
def test_ping_fails_without_a_working_token(provider, telegram, behave, error):
    telegram.behave = behave

    with pytest.raises(error):
        provider.ping()


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(None, id="accepted"),
        pytest.param(refuse("+919445012345 CANNOT GET 123456"), id="leaking"),
        *(
            pytest.param(refuse(name, status), id=name)
            for name, status, _ in REJECTIONS[:6]
        ),
        *(pytest.param(behave, id=name) for name, behave in BROKEN.items()),
    ],
)
def test_log_and_error_contain_no_number_code_or_token(
    provider, telegram, behave, caplog
):
    caplog.set_level(logging.DEBUG)
    telegram.behave = behave or telegram.accept

    error = _send_and_describe_error(provider)

    secrets = ("9445012345", "123456", TOKEN)
    assert not [secret for secret in secrets if secret in caplog.text + error]


def _send_and_describe_error(provider: TelegramProvider) -> str:
    try:
        provider.send(MESSAGE)
    except OTPError as error:
        return f"{error!r} {error.provider_error}"
    return ""
