"""Delivery events of AWS, which SNS posts and signs."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from otp_engine.domain.channels import Channel
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.errors import InvalidRequest, ProviderUnavailable, Unauthorized
from otp_engine.senders import aws_reports
from otp_engine.senders.aws_reports import AwsReportReceiver
from otp_engine.senders.http_client import PooledHttpClient
from otp_engine.senders.reports import ReportRequest
from otp_engine.senders.sns import SnsVerifier
from tests.support import http_server, sns
from tests.support.clock import Clock
from tests.support.http_server import respond

DELIVERY_ID = "ab" * 20
MESSAGE_ID = "862a8790-60c0-4430-9b2b-658bd0000001"
HEADERS = {"x-amz-sns-topic-arn": sns.ARN}
SENT, DELIVERED = DeliveryStatus.SENT, DeliveryStatus.DELIVERED
UNDELIVERED = DeliveryStatus.UNDELIVERED


class Sns:
    """Answers the requests of a verifier."""

    def __init__(self) -> None:
        self.certificate = sns.certificate()
        self.urls: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.urls.append(url)
        if not self.certificate:
            raise ProviderUnavailable
        return self.certificate


@pytest.fixture
def server():
    return Sns()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def receiver(server, clock):
    verifier = SnsVerifier(
        sns.TOPIC, server.fetch, utcnow=lambda: sns.NOW, clock=lambda: clock.now
    )
    return AwsReportReceiver(sns.ARN, verifier)


def _request(body: bytes) -> ReportRequest:
    return ReportRequest(url="", headers=HEADERS, body=body)


def _event(kind: str = "TEXT_DELIVERED", **fields: object) -> str:
    event = {
        "eventType": kind,
        "eventVersion": "1.0",
        "isFinal": True,
        "destinationPhoneNumber": "+919445012345",
        "messageId": MESSAGE_ID,
        "context": {"delivery_id": DELIVERY_ID},
        **fields,
    }
    return json.dumps(event)


@pytest.mark.parametrize(
    ("kind", "channel", "status"),
    [
        ("TEXT_SENT", Channel.SMS, SENT),
        ("TEXT_SUCCESSFUL", Channel.SMS, SENT),
        ("TEXT_DELIVERED", Channel.SMS, DELIVERED),
        ("TEXT_CARRIER_UNREACHABLE", Channel.SMS, UNDELIVERED),
        ("TEXT_BLOCKED", Channel.SMS, UNDELIVERED),
        ("TEXT_SPAM", Channel.SMS, UNDELIVERED),
        ("TEXT_INVALID", Channel.SMS, UNDELIVERED),
        ("TEXT_TTL_EXPIRED", Channel.SMS, UNDELIVERED),
        ("TEXT_PROTECT_BLOCKED", Channel.SMS, UNDELIVERED),
        ("VOICE_ANSWERED", Channel.CALL, SENT),
        ("VOICE_COMPLETED", Channel.CALL, DELIVERED),
        ("VOICE_NO_ANSWER", Channel.CALL, UNDELIVERED),
    ],
)
def test_event_is_the_status_of_its_delivery(receiver, kind, channel, status):
    reply = receiver.receive(_request(sns.notification(_event(kind))))

    assert reply.reports == (
        DeliveryReport(
            delivery_id=DELIVERY_ID,
            message_id=MESSAGE_ID,
            status=status,
            provider="aws",
            channel=channel,
            provider_error=kind if status is UNDELIVERED else None,
            to="+919445012345",
        ),
    )


@pytest.mark.parametrize("context", [None, {}, {"delivery_id": "x"}, "text", []])
def test_event_without_a_delivery_id_has_its_message_id(receiver, context):
    body = sns.notification(_event(context=context))

    [report] = receiver.receive(_request(body)).reports

    assert (report.delivery_id, report.message_id) == (None, MESSAGE_ID)


@pytest.mark.parametrize(
    "event",
    [_event("TEXT_UNKNOWN"), _event(messageId=None), "{}", "[]", '{"eventType": 1}'],
)
def test_event_that_is_no_status_is_left_out(receiver, event):
    assert receiver.receive(_request(sns.notification(event))).reports == ()


def test_event_that_is_no_json_is_invalid(receiver):
    with pytest.raises(InvalidRequest):
        receiver.receive(_request(sns.notification("Successfully validated")))


def test_subject_is_signed_too(receiver):
    body = sns.notification(_event(), Subject="An event")

    assert receiver.receive(_request(body)).reports


def test_certificate_is_fetched_once(receiver, server):
    for _ in range(3):
        receiver.receive(_request(sns.notification(_event())))

    assert server.urls == [sns.CERTIFICATE_URL]


@pytest.mark.parametrize(
    "changed",
    [
        {"Message": _event("TEXT_SPAM")},
        {"MessageId": "another"},
        {"Timestamp": "2026-11-27T05:59:59.123Z"},
        {"Subject": "added"},
        {"Signature": "AAAA"},
        {"Signature": "no base64"},
        {"SignatureVersion": "1"},
        {"TopicArn": f"{sns.ARN}2"},
        {"Type": "UnsubscribeConfirmation"},
    ],
    ids=str,
)
def test_changed_message_is_unauthorized(receiver, changed):
    message = json.loads(sns.notification(_event())) | changed

    with pytest.raises(Unauthorized):
        receiver.receive(_request(json.dumps(message).encode()))


@pytest.mark.parametrize(
    "field", [{"Signature": "\u00e9"}, {"Signature": "a"}, {"Message": "\ud800"}]
)
def test_text_that_cannot_be_signed_is_unauthorized(receiver, server, field):
    body = json.dumps(json.loads(sns.notification(_event())) | field).encode()

    with pytest.raises(Unauthorized):
        receiver.receive(_request(body))

    assert server.urls == []


@pytest.mark.parametrize(
    "url",
    [
        sns.CERTIFICATE_URL.replace("https", "http"),
        sns.CERTIFICATE_URL.replace("eu-west-1", "us-east-1"),
        sns.CERTIFICATE_URL.replace("amazonaws.com", "amazonaws.com.example.com"),
        sns.CERTIFICATE_URL.replace("https://", "https://user@"),
        sns.CERTIFICATE_URL.replace("sns.", "sns-"),
        sns.CERTIFICATE_URL.replace("sns.eu", "snsXeu"),
        sns.CERTIFICATE_URL.replace("/Simple", "/bucket/Simple"),
        f"{sns.CERTIFICATE_URL}?x=1",
        f"{sns.CERTIFICATE_URL}\n",
        "https://example.com/SimpleNotificationService-0.pem",
    ],
)
def test_certificate_of_another_url_is_not_fetched(receiver, server, url):
    message = json.loads(sns.notification(_event())) | {"SigningCertURL": url}

    with pytest.raises(Unauthorized):
        receiver.receive(_request(json.dumps(message).encode()))

    assert server.urls == []


def test_expired_certificate_is_unauthorized(receiver, server):
    server.certificate = sns.certificate(days=-1)

    with pytest.raises(Unauthorized):
        receiver.receive(_request(sns.notification(_event())))


@pytest.mark.parametrize("certificate", [b"", b"<html>"])
def test_message_is_repeated_later_without_a_certificate(receiver, server, certificate):
    server.certificate = certificate

    with pytest.raises(ProviderUnavailable):
        receiver.receive(_request(sns.notification(_event())))


def test_forged_messages_cause_one_fetch_in_ten_seconds(receiver, server, clock):
    server.certificate = b"<html>"
    message = json.loads(sns.notification(_event()))
    for digit in "0123456789abcdef":
        url = sns.CERTIFICATE_URL.replace("0123", digit * 4)
        forged = json.dumps(message | {"SigningCertURL": url}).encode()
        with pytest.raises(ProviderUnavailable):
            receiver.receive(_request(forged))

    assert len(server.urls) == 1
    clock.now += 10
    server.certificate = sns.certificate()
    assert receiver.receive(_request(sns.notification(_event()))).reports


@pytest.mark.parametrize(
    ("age", "is_accepted"),
    [
        (timedelta(minutes=59), True),
        (timedelta(minutes=61), False),
        (timedelta(minutes=-4), True),
        (timedelta(minutes=-6), False),
    ],
)
def test_message_of_another_time_is_unauthorized(receiver, age, is_accepted):
    text = (sns.NOW - age).isoformat().replace("+00:00", "Z")
    request = _request(sns.notification(_event(), Timestamp=text))

    if is_accepted:
        assert receiver.receive(request).reports
        return
    with pytest.raises(Unauthorized):
        receiver.receive(request)


@pytest.mark.parametrize("text", ["yesterday", "2026-11-27T05:59:58", ""])
def test_time_of_another_form_is_invalid(receiver, text):
    with pytest.raises(InvalidRequest):
        receiver.receive(_request(sns.notification(_event(), Timestamp=text)))


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[]", b"{}", b'{"Type": "Notification"}', b"[" * 60_000],
    ids=["empty", "text", "list", "object", "type only", "deep"],
)
def test_body_of_another_form_is_invalid(receiver, body):
    with pytest.raises(InvalidRequest):
        receiver.receive(_request(body))


@pytest.mark.parametrize("headers", [{}, {"x-amz-sns-topic-arn": f"{sns.ARN}2"}])
def test_message_of_another_topic_is_unauthorized_by_its_headers(receiver, headers):
    with pytest.raises(Unauthorized):
        receiver.check_headers(headers)


def test_subscription_of_the_topic_is_confirmed(receiver, server):
    reply = receiver.receive(_request(sns.subscription()))

    assert reply.reports == ()
    assert server.urls == [sns.CERTIFICATE_URL, sns.SUBSCRIBE_URL]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/?Action=ConfirmSubscription&Token=1",
        f"{sns.HOST}/?Action=DeleteTopic&Token=1",
        sns.SUBSCRIBE_URL.replace("https", "http"),
        f"{sns.SUBSCRIBE_URL} x",
    ],
)
def test_subscription_with_another_url_is_unauthorized(receiver, server, url):
    with pytest.raises(Unauthorized):
        receiver.receive(_request(sns.subscription(SubscribeURL=url)))

    assert server.urls == [sns.CERTIFICATE_URL]


def test_unsigned_subscription_is_unauthorized(receiver, server):
    message = json.loads(sns.subscription()) | {"Token": "another"}

    with pytest.raises(Unauthorized):
        receiver.receive(_request(json.dumps(message).encode()))

    assert sns.SUBSCRIBE_URL not in server.urls


@pytest.mark.parametrize(
    ("behave", "is_fetched"),
    [
        (respond(200, "content"), True),
        (respond(403, "denied"), False),
        (respond(302, "", Location="https://example.com"), False),
        (http_server.close, False),
    ],
    ids=["ok", "denied", "redirect", "closed"],
)
def test_only_a_success_is_fetched(behave, is_fetched):
    with http_server.running() as server:
        server.behave = behave
        http = PooledHttpClient(connect=10, respond=1)

        if is_fetched:
            assert aws_reports.fetch_with(http, server.url) == b"content"
            return
        with pytest.raises(ProviderUnavailable):
            aws_reports.fetch_with(http, server.url)
