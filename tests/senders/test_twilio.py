"""The Twilio sender against a server that speaks the Messages resource."""

from __future__ import annotations

import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.config import TwilioSettings
from otp_engine.errors import (
    CarrierUnavailable,
    CountryNotAllowed,
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    NumberTypeNotAllowed,
    OTPError,
)
from otp_engine.senders.twilio import TwilioSender
from otp_engine.senders.twilio_http import PooledHttpClient
from tests import servers, twilio_server
from tests.fakes import MESSAGE
from tests.twilio_server import ACCOUNT, SERVICE, TOKEN, garbage, hang, refuse, reset


@pytest.fixture
def twilio():
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture
def settings(twilio):
    return TwilioSettings(
        account_sid=ACCOUNT,
        username=ACCOUNT,
        password=TOKEN,
        service=SERVICE,
        from_=None,
        base_url=twilio.url,
    )


@pytest.fixture
def http():
    return PooledHttpClient(connect=0.5, read=0.3)


@pytest.fixture
def sender(settings, http):
    return TwilioSender(settings, http)


def test_a_message_is_what_twilio_asks_for(sender, twilio):
    sender.send(MESSAGE)

    assert twilio.messages == [
        {
            "To": "+919445012345",
            "MessagingServiceSid": SERVICE,
            "Body": "123456 is your Acme code.",
            "ValidityPeriod": "600",
        }
    ]


def test_a_number_can_be_the_sender_instead_of_a_service(settings, http, twilio):
    named = replace(settings, service=None, from_="MGM Bank")

    TwilioSender(named, http).send(MESSAGE)

    assert twilio.messages[0]["From"] == "MGM Bank"
    assert "MessagingServiceSid" not in twilio.messages[0]


@pytest.mark.parametrize(("life", "validity"), [(30, "30"), (86_400, "36000")])
def test_a_text_is_dropped_when_its_code_has_ended(sender, twilio, life, validity):
    sender.send(replace(MESSAGE, life=timedelta(seconds=life)))

    assert twilio.messages[0]["ValidityPeriod"] == validity


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, 21211, InvalidPhone),
        (400, 21408, CountryNotAllowed),
        (400, 21614, NumberTypeNotAllowed),
        (400, 21635, NumberTypeNotAllowed),
        (400, 21610, DeliveryFailed),
        (400, 21606, DeliveryFailed),
        (400, 21611, CarrierUnavailable),
        (400, 14107, CarrierUnavailable),
        (401, 20003, DeliveryFailed),
        (403, 20005, DeliveryFailed),
        (404, 20404, DeliveryFailed),
        (429, 20429, CarrierUnavailable),
        (429, None, CarrierUnavailable),
        (500, 20500, DeliveryUnconfirmed),
        (503, 20503, DeliveryUnconfirmed),
        (503, None, DeliveryUnconfirmed),
    ],
)
def test_each_of_twilios_refusals_has_a_meaning(sender, twilio, status, code, error):
    twilio.behave = refuse(status, code)

    with pytest.raises(error):
        sender.send(MESSAGE)

    assert len(twilio.messages) == 1


@pytest.mark.parametrize(("code", "elsewhere"), [(21606, True), (21610, False)])
def test_another_sender_is_worth_trying_unless_the_number_is_the_reason(
    sender, twilio, code, elsewhere
):
    twilio.behave = refuse(400, code)

    with pytest.raises(DeliveryFailed) as refusal:
        sender.send(MESSAGE)

    assert refusal.value.elsewhere is elsewhere


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (201, "<html>", DeliveryUnconfirmed),
        (201, "", DeliveryUnconfirmed),
        (201, "[]", DeliveryUnconfirmed),
        (201, "null", DeliveryUnconfirmed),
        (400, "<html>", DeliveryFailed),
        (400, '"text"', DeliveryFailed),
        (400, '{"code": "21211"}', DeliveryFailed),
        (302, "", DeliveryFailed),
        (502, "<html>", DeliveryUnconfirmed),
        (201, '{"sid": "SM", "status": "failed"}', DeliveryFailed),
    ],
)
def test_garbage_is_silence_unless_its_status_is_a_refusal(
    sender, twilio, status, text, error
):
    twilio.behave = garbage(status, text)

    with pytest.raises(error):
        sender.send(MESSAGE)


@pytest.mark.parametrize("behave", [hang, reset])
def test_a_carrier_that_does_not_answer_is_asked_only_once(sender, twilio, behave):
    twilio.behave = behave
    began = time.monotonic()

    with pytest.raises(DeliveryUnconfirmed):
        sender.send(MESSAGE)

    assert time.monotonic() - began < 2
    assert len(twilio.messages) == 1


def test_a_carrier_that_cannot_be_reached_has_received_nothing(settings, http):
    away = replace(settings, base_url=f"http://127.0.0.1:{servers.free_port()}")

    with pytest.raises(CarrierUnavailable):
        TwilioSender(away, http).send(MESSAGE)


def test_a_broken_tls_stream_is_silence():
    """The request may have been read before the stream broke."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        broken = threading.Thread(target=_answer_with_noise, args=(listener,))
        broken.start()
        settings = TwilioSettings(
            account_sid=ACCOUNT,
            username=ACCOUNT,
            password=TOKEN,
            service=SERVICE,
            from_=None,
            base_url=f"https://127.0.0.1:{port}",
        )
        http = PooledHttpClient(connect=2, read=2)

        with pytest.raises(DeliveryUnconfirmed):
            TwilioSender(settings, http).send(MESSAGE)
        broken.join()


def _answer_with_noise(listener):
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"noise, and no TLS record at all")


def test_a_carrier_that_lets_nobody_in_has_received_nothing(settings):
    """A listener with a full queue drops the connection's first packet."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            second.setblocking(False)  # noqa: FBT003 - the standard library's name
            second.connect_ex(address)
            away = replace(settings, base_url=f"http://127.0.0.1:{address[1]}")
            http = PooledHttpClient(connect=0.3, read=0.3)

            with pytest.raises(CarrierUnavailable):
                TwilioSender(away, http).send(MESSAGE)


def test_connections_are_kept_and_shared_by_threads(settings, twilio):
    sender = TwilioSender(settings, PooledHttpClient())
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: sender.send(MESSAGE), range(40)))

    assert len(twilio.messages) == 40
    assert twilio.connections <= 4


@pytest.mark.parametrize(
    "behave",
    [refuse(400, 21211), refuse(400, 21606), reset],
    ids=["number", "sender", "reset"],
)
def test_neither_the_code_nor_the_number_nor_the_token_is_logged(
    sender, twilio, behave, caplog
):
    twilio.behave = behave
    with caplog.at_level(logging.DEBUG), pytest.raises(OTPError) as error:
        sender.send(MESSAGE)

    for said in (caplog.text, str(error.value), repr(error.value)):
        assert "123456" not in said
        assert "9445012345" not in said
        assert TOKEN not in said
    assert "+91******2345" in caplog.text or behave is reset


def test_a_ping_reads_and_sends_nothing(sender, twilio):
    sender.ping()

    assert twilio.messages == []


def test_a_ping_says_when_twilio_does_not_know_us(settings, http):
    stranger = TwilioSender(replace(settings, password="wrong"), http)

    with pytest.raises(DeliveryFailed):
        stranger.ping()


def test_a_ping_says_when_twilio_is_unwell(sender, twilio):
    twilio.behave = refuse(503, 20503)

    with pytest.raises(CarrierUnavailable):
        sender.ping()


def test_a_ping_says_when_twilio_is_away(settings, http):
    away = replace(settings, base_url=f"http://127.0.0.1:{servers.free_port()}")

    with pytest.raises(CarrierUnavailable):
        TwilioSender(away, http).ping()


def test_a_message_may_come_from_another_service_than_usual(sender, twilio):
    sender.send(replace(MESSAGE, from_=f"MG{'9' * 32}"))

    assert twilio.messages[0]["MessagingServiceSid"] == f"MG{'9' * 32}"


def test_twilios_guard_against_pumping_can_be_left_out(sender, twilio):
    sender.send(replace(MESSAGE, unfiltered=True))

    assert twilio.messages[0]["RiskCheck"] == "disable"
