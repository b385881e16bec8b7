from __future__ import annotations

import json
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    NumberTypeNotAllowed,
    OTPError,
    ProviderUnavailable,
    RecipientOptedOut,
)
from otp_engine.senders.http_client import PooledHttpClient
from otp_engine.senders.twilio import ConfirmingTwilioProvider, TwilioProvider
from otp_engine.senders.twilio_account import TwilioAccount
from tests.support import certificates, redis_server, twilio_server
from tests.support.clock import Clock
from tests.support.fakes import MESSAGE
from tests.support.twilio_server import (
    SERVICE,
    TOKEN,
    close_afterwards,
    drip,
    garbage,
    hang,
    refuse,
    reset,
)


@pytest.fixture
def settings(twilio_settings):
    return twilio_settings


@pytest.fixture
def provider(settings, client):
    return ConfirmingTwilioProvider(settings, client)


def test_message_has_fields_of_messages_resource(provider, twilio):
    provider.send(MESSAGE)

    assert twilio.messages == [
        {
            "To": "+919445012345",
            "MessagingServiceSid": SERVICE,
            "Body": "123456 is your Acme code.",
            "ValidityPeriod": "600",
            "ProvideFeedback": "true",
        }
    ]


def test_message_is_sent_from_number_without_messaging_service(
    settings, client, twilio
):
    settings = replace(settings, service=None, from_="MGM Bank")

    TwilioProvider(settings, client).send(MESSAGE)

    assert twilio.messages[0]["From"] == "MGM Bank"
    assert "MessagingServiceSid" not in twilio.messages[0]


@pytest.mark.parametrize(("ttl_seconds", "validity"), [(30, "30"), (86_400, "36000")])
def test_message_is_valid_as_long_as_code_up_to_maximum(
    provider, twilio, ttl_seconds, validity
):
    provider.send(replace(MESSAGE, ttl=timedelta(seconds=ttl_seconds)))

    assert twilio.messages[0]["ValidityPeriod"] == validity


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, 21211, InvalidPhone),
        (400, 21408, CountryNotAllowed),
        (400, 21614, NumberTypeNotAllowed),
        (400, 21635, NumberTypeNotAllowed),
        (400, 21214, InvalidPhone),
        (400, 21215, CountryNotAllowed),
        (400, 21217, InvalidPhone),
        (400, 21265, InvalidPhone),
        (400, 21610, RecipientOptedOut),
        (400, 21612, DeliveryFailed),
        (400, 30003, DeliveryFailed),
        (400, 30004, DeliveryFailed),
        (400, 30005, InvalidPhone),
        (400, 30006, NumberTypeNotAllowed),
        (400, 30450, DeliveryFailed),
        (400, 21606, DeliveryFailed),
        (400, 21611, ProviderUnavailable),
        (400, 14107, ProviderUnavailable),
        (401, 20003, DeliveryFailed),
        (403, 20005, DeliveryFailed),
        (404, 20404, DeliveryFailed),
        (429, 20429, ProviderUnavailable),
        (429, None, ProviderUnavailable),
        (500, 20500, DeliveryUnconfirmed),
        (503, 20503, DeliveryUnconfirmed),
        (503, None, DeliveryUnconfirmed),
    ],
)
def test_twilio_error_raises_matching_error_after_one_request(
    provider, twilio, status, code, error
):
    twilio.behave = refuse(status, code)

    with pytest.raises(error):
        provider.send(MESSAGE)

    assert len(twilio.messages) == 1


def test_code_as_text_has_the_meaning_of_the_number(provider, twilio):
    twilio.behave = garbage(400, '{"code": "21211"}')

    with pytest.raises(InvalidPhone) as rejection:
        provider.send(MESSAGE)

    assert rejection.value.provider_error == 21211


@pytest.mark.parametrize("code", ['"none"', "[21211]", "1e400", '"\u0663"'])
def test_code_that_is_no_number_is_no_provider_error(provider, twilio, code):
    twilio.behave = garbage(400, f'{{"code": {code}}}')

    with pytest.raises(DeliveryFailed) as rejection:
        provider.send(MESSAGE)

    assert rejection.value.provider_error is None


@pytest.mark.parametrize(
    ("code", "elsewhere"), [(21606, True), (21612, True), (30450, False)]
)
def test_rejection_permits_failover_unless_recipient_is_the_reason(
    provider, twilio, code, elsewhere
):
    twilio.behave = refuse(400, code)

    with pytest.raises(DeliveryFailed) as rejection:
        provider.send(MESSAGE)

    assert rejection.value.retry_elsewhere is elsewhere


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (21610, RecipientOptedOut),
        (30003, DeliveryFailed),
        (30004, DeliveryFailed),
        (30005, InvalidPhone),
        (30006, NumberTypeNotAllowed),
        (30007, DeliveryFailed),
        (None, DeliveryFailed),
    ],
)
@pytest.mark.parametrize("status", ["failed", "undelivered"])
def test_message_that_fails_at_once_raises_the_error_of_its_code(
    provider, twilio, status, code, error
):
    message = {"sid": "SM1", "status": status, "error_code": code}
    twilio.behave = garbage(201, json.dumps(message))

    with pytest.raises(error) as rejection:
        provider.send(MESSAGE)

    assert rejection.value.provider_error == code


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (201, "<html>", DeliveryUnconfirmed),
        (201, "", DeliveryUnconfirmed),
        (201, "[]", DeliveryUnconfirmed),
        (201, "null", DeliveryUnconfirmed),
        (400, "<html>", DeliveryFailed),
        (400, '"text"', DeliveryFailed),
        (400, '{"code": "none"}', DeliveryFailed),
        (400, '{"code": [21211]}', DeliveryFailed),
        (302, "", DeliveryFailed),
        (502, "<html>", DeliveryUnconfirmed),
        (201, '{"sid": "SM", "status": "failed"}', DeliveryFailed),
    ],
)
def test_malformed_response_is_unconfirmed_unless_status_is_rejection(
    provider, twilio, status, text, error
):
    twilio.behave = garbage(status, text)

    with pytest.raises(error):
        provider.send(MESSAGE)


@pytest.mark.parametrize("status", [302, 400, 403, 429, 502])
@pytest.mark.parametrize("text", ["<html>", "[]", "{}"], ids=["html", "list", "empty"])
def test_status_of_a_response_without_a_code_is_no_provider_error(
    provider, twilio, status, text
):
    twilio.behave = garbage(status, text)

    with pytest.raises(OTPError) as rejection:
        provider.send(MESSAGE)

    assert rejection.value.provider_error is None


@pytest.mark.parametrize("behave", [hang, reset])
def test_request_without_response_is_not_retried(provider, twilio, behave):
    twilio.behave = behave

    with pytest.raises(DeliveryUnconfirmed):
        provider.send(MESSAGE)

    assert len(twilio.messages) == 1


def test_refused_connection_raises_unavailable(settings, client):
    unreachable = replace(
        settings, base_url=f"http://127.0.0.1:{redis_server.free_port()}"
    )

    with pytest.raises(ProviderUnavailable):
        TwilioProvider(unreachable, client).send(MESSAGE)


def test_response_byte_by_byte_is_unconfirmed(provider, twilio):
    twilio.behave = drip

    with pytest.raises(DeliveryUnconfirmed):
        provider.send(MESSAGE)

    assert len(twilio.messages) == 1


def test_connection_that_twilio_closed_is_replaced(provider, twilio):
    twilio.behave = close_afterwards
    provider.send(MESSAGE)
    redis_server.wait_until(lambda: twilio.closed_connections == 1)

    provider.send(MESSAGE)

    assert twilio.connections == len(twilio.messages) == 2


@pytest.mark.parametrize(("idle_seconds", "connections"), [(179, 1), (181, 2)])
def test_connection_that_was_idle_for_three_minutes_is_replaced(
    settings, twilio, idle_seconds, connections
):
    clock = Clock()
    provider = TwilioProvider(settings, PooledHttpClient(clock=clock))
    provider.send(MESSAGE)
    clock.now += idle_seconds

    provider.send(MESSAGE)

    assert len(twilio.messages) == 2
    assert twilio.connections == connections


def test_messages_share_a_connection_with_tls(settings, trusted, twilio_with_tls):
    provider = TwilioProvider(replace(settings, base_url=twilio_with_tls.url))
    for _ in range(3):
        provider.send(MESSAGE)

    assert len(twilio_with_tls.messages) == 3
    assert twilio_with_tls.connections == 1


def test_untrusted_certificate_raises_unavailable(settings, twilio_with_tls, caplog):
    provider = TwilioProvider(replace(settings, base_url=twilio_with_tls.url))

    with pytest.raises(ProviderUnavailable):
        provider.send(MESSAGE)

    assert "not connected: its certificate is not trusted" in caplog.text
    assert twilio_with_tls.messages == []


def test_certificate_of_another_host_raises_unavailable(
    settings, trusted, server_certificate, caplog
):
    with twilio_server.running(server_certificate.issue("127.0.0.9")) as twilio:
        provider = TwilioProvider(replace(settings, base_url=twilio.url))

        with pytest.raises(ProviderUnavailable):
            provider.send(MESSAGE)

    assert "not connected: its certificate is not trusted" in caplog.text
    assert twilio.messages == []


def test_tls_stream_that_breaks_after_the_request_raises_unconfirmed(
    settings, trusted, twilio_with_tls
):
    twilio_with_tls.behave = write_without_tls
    provider = TwilioProvider(replace(settings, base_url=twilio_with_tls.url))

    with pytest.raises(DeliveryUnconfirmed):
        provider.send(MESSAGE)

    assert len(twilio_with_tls.messages) == 1


@pytest.fixture
def server_certificate(tmp_path):
    return certificates.authority(tmp_path, "ca")


@pytest.fixture
def trusted(server_certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(server_certificate.path))


@pytest.fixture
def twilio_with_tls(server_certificate):
    with twilio_server.running(server_certificate.issue()) as twilio:
        yield twilio


def write_without_tls(handler):
    with socket.socket(fileno=handler.connection.detach()) as plain:
        plain.sendall(b"this is no TLS record")
    handler.close_connection = True


def test_broken_tls_handshake_raises_unavailable(settings):
    # The request is sent after the handshake.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = threading.Thread(target=_answer_without_tls, args=(listener,))
        server.start()
        unreachable = replace(settings, base_url=f"https://127.0.0.1:{port}")

        with pytest.raises(ProviderUnavailable):
            TwilioProvider(unreachable, PooledHttpClient()).send(MESSAGE)
        server.join()


def _answer_without_tls(listener):
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"this is no TLS record")


def test_connection_timeout_raises_unavailable(settings):
    # A listener with a full queue drops the first packet of a connection.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            second.setblocking(False)  # noqa: FBT003 - the standard library's name
            second.connect_ex(address)
            unreachable = replace(settings, base_url=f"http://127.0.0.1:{address[1]}")
            http_client = PooledHttpClient(connect=0.3, respond=0.3)

            with pytest.raises(ProviderUnavailable):
                TwilioProvider(unreachable, http_client).send(MESSAGE)


def test_connections_are_shared_by_threads(settings, twilio):
    provider = TwilioProvider(settings, PooledHttpClient())
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: provider.send(MESSAGE), range(40)))

    assert len(twilio.messages) == 40
    assert twilio.connections <= 4


@pytest.mark.parametrize(
    "behave",
    [refuse(400, 21211), refuse(400, 21606), reset],
    ids=["number", "sender", "reset"],
)
def test_log_and_error_contain_no_code_number_or_token(
    provider, twilio, behave, caplog
):
    twilio.behave = behave
    with caplog.at_level(logging.DEBUG), pytest.raises(OTPError) as error:
        provider.send(MESSAGE)

    for text in (caplog.text, str(error.value), repr(error.value)):
        assert "123456" not in text
        assert "9445012345" not in text
        assert TOKEN not in text
    assert "+91********45" in caplog.text or behave is reset


def test_ping_sends_no_message(provider, twilio):
    provider.ping()

    assert twilio.messages == []


def test_ping_with_wrong_password_raises_failed(settings, client):
    provider = TwilioProvider(replace(settings, password="wrong"), client)

    with pytest.raises(DeliveryFailed):
        provider.ping()


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (refuse(503, 20503), "has a server error (status 503)"),
        (refuse(429, 20429), "throttles requests"),
        (reset, "does not answer"),
        (garbage(302, ""), "is not Twilio's API (status 302)"),
        (garbage(200, "<html>Log in</html>"), "is not Twilio's API (status 200)"),
        (garbage(204, ""), "is not Twilio's API (status 204)"),
    ],
)
def test_ping_that_fails_raises_unavailable_with_its_reason(
    provider, twilio, behave, reason
):
    twilio.behave = behave

    with pytest.raises(ProviderUnavailable) as error:
        provider.ping()

    assert error.value.reason == reason


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1", "does not answer: connection refused"),
        ("nowhere.invalid", "does not answer: its host name is not known"),
    ],
)
def test_ping_without_connection_raises_unavailable_with_its_reason(
    settings, client, host, reason
):
    unreachable = replace(
        settings, base_url=f"http://{host}:{redis_server.free_port()}"
    )

    with pytest.raises(ProviderUnavailable) as error:
        TwilioProvider(unreachable, client).ping()

    assert error.value.reason == reason


def test_sender_of_the_text_overrides_messaging_service(provider, twilio):
    provider.send(replace(MESSAGE, sender_id="ACMEIN"))

    assert twilio.messages[0]["From"] == "ACMEIN"
    assert "MessagingServiceSid" not in twilio.messages[0]


def test_messaging_service_of_message_overrides_default(provider, twilio):
    provider.send(replace(MESSAGE, messaging_service=f"MG{'9' * 32}"))

    assert twilio.messages[0]["MessagingServiceSid"] == f"MG{'9' * 32}"


def test_message_can_skip_risk_check(provider, twilio):
    provider.send(replace(MESSAGE, skip_risk_check=True))

    assert twilio.messages[0]["RiskCheck"] == "disable"


SENT = "SM" + "0" * 31 + "1"


def test_confirmed_message_has_feedback(provider, twilio):
    provider.send(MESSAGE)

    provider.confirm(SENT)

    assert twilio.feedback == [(SENT, "confirmed")]


def test_message_requests_no_feedback_if_it_is_turned_off(settings, client, twilio):
    TwilioProvider(replace(settings, feedback=False), client).send(MESSAGE)

    assert "ProvideFeedback" not in twilio.messages[0]


@pytest.mark.parametrize("sid", ["CA" + "1" * 32, "", "SM1", f"{SENT}/../x"])
def test_call_and_unknown_id_have_no_feedback(provider, twilio, sid):
    provider.confirm(sid)

    assert twilio.headers == []


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (refuse(404, 20404), "the feedback is rejected: status 404"),
        (refuse(429, 20429), "the feedback is rejected: status 429"),
        (reset, "no feedback: "),
        (hang, "no feedback: "),
    ],
    ids=["unknown", "throttled", "reset", "hang"],
)
def test_feedback_that_fails_is_logged_and_not_repeated(
    provider, twilio, behave, reason, caplog
):
    twilio.behave = behave

    provider.confirm(SENT)

    assert reason in caplog.text
    assert len(twilio.headers) == 1


@pytest.mark.parametrize(
    ("callback_url", "reports"), [("https://otp.example.com", True), (None, False)]
)
def test_provider_reports_delivery_with_a_callback_url(
    settings, client, twilio, callback_url, reports
):
    provider = TwilioProvider(settings, client, callback_url=callback_url)
    provider.send(MESSAGE)

    assert provider.reports_delivery is reports
    assert ("StatusCallback" in twilio.messages[0]) is reports


def test_message_is_reported_to_a_url_of_its_delivery(settings, client, twilio):
    provider = TwilioProvider(settings, client, callback_url="https://otp.example.com")

    provider.send(MESSAGE)

    assert twilio.messages[0]["StatusCallback"] == (
        f"https://otp.example.com/callbacks/twilio?delivery={MESSAGE.delivery_id}"
        "#rc=2&rp=5xx,ct,rt"
    )


@pytest.mark.parametrize(
    ("region", "edge", "host"),
    [
        (None, None, "content.twilio.com"),
        ("ie1", "dublin", "content.dublin.ie1.twilio.com"),
    ],
)
def test_each_api_has_the_host_of_the_region_and_the_edge(settings, region, edge, host):
    elsewhere = replace(settings, base_url=None, region=region, edge=edge)

    request = TwilioAccount(elsewhere, PooledHttpClient()).prepare_api(
        "GET", "content", "/v1/Content"
    )

    assert request.url.geturl() == f"https://{host}/v1/Content"
