"""Receives the events of AWS End User Messaging, which SNS posts.

The event types are those of "Understanding event data" in the guide of the service.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus

from otp_engine.config.aws_settings import AwsTopic
from otp_engine.domain.channels import Channel
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.errors import InvalidRequest, ProviderUnavailable, Unauthorized
from otp_engine.senders.aws import CONTEXT_KEY, REPORTS_PATH
from otp_engine.senders.http_client import PooledHttpClient
from otp_engine.senders.reports import Reply, ReportRequest, parse_delivery_id
from otp_engine.senders.sns import SUBSCRIPTION, SnsVerifier

_TOPIC_HEADER = "x-amz-sns-topic-arn"
_CHANNELS = {"TEXT": Channel.SMS, "VOICE": Channel.CALL}
_SENT, _DELIVERED = DeliveryStatus.SENT, DeliveryStatus.DELIVERED
_UNDELIVERED = DeliveryStatus.UNDELIVERED
_STATUSES = {
    "TEXT_QUEUED": DeliveryStatus.QUEUED,
    "TEXT_PENDING": DeliveryStatus.QUEUED,
    "TEXT_SENT": _SENT,
    # The network has the message; whether it arrived is not known.
    "TEXT_SUCCESSFUL": _SENT,
    "TEXT_DELIVERED": _DELIVERED,
    "TEXT_BLOCKED": _UNDELIVERED,
    "TEXT_CARRIER_BLOCKED": _UNDELIVERED,
    "TEXT_CARRIER_UNREACHABLE": _UNDELIVERED,
    "TEXT_INVALID": _UNDELIVERED,
    "TEXT_INVALID_MESSAGE": _UNDELIVERED,
    "TEXT_PROTECT_BLOCKED": _UNDELIVERED,
    "TEXT_SPAM": _UNDELIVERED,
    "TEXT_TTL_EXPIRED": _UNDELIVERED,
    "TEXT_UNREACHABLE": _UNDELIVERED,
    "VOICE_INITIATED": _SENT,
    "VOICE_RINGING": _SENT,
    "VOICE_ANSWERED": _SENT,
    "VOICE_COMPLETED": _DELIVERED,
    "VOICE_BUSY": _UNDELIVERED,
    "VOICE_FAILED": _UNDELIVERED,
    "VOICE_NO_ANSWER": _UNDELIVERED,
    "VOICE_TTL_EXPIRED": _UNDELIVERED,
}


class AwsReportReceiver:
    """Verifies and parses the events of one topic."""

    path = REPORTS_PATH
    max_bytes = 64 * 1024

    def __init__(self, topic: str, verifier: SnsVerifier) -> None:
        """Create the receiver.

        Args:
            topic: The ARN of the topic.
            verifier: Verifies the messages of the topic.
        """
        self._topic = topic
        self._verifier = verifier

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """Check that the message is of the topic; its signature is in the body.

        Args:
            headers: The headers, with their names in lower case.

        Raises:
            Unauthorized: It is of another topic, or not of SNS.
        """
        if headers.get(_TOPIC_HEADER) != self._topic:
            raise Unauthorized

    def receive(self, request: ReportRequest) -> Reply:
        """Verify a message, and parse its event; confirm a new subscription.

        Raises:
            Unauthorized: The signature is not that of SNS.
            InvalidRequest: The body is malformed.
            ProviderUnavailable: SNS did not answer; it repeats the message.
        """
        self.check_headers(request.headers)
        message = self._verifier.verify(request.body)
        if message["Type"] == SUBSCRIPTION:
            self._verifier.confirm_subscription(message)
            return Reply()
        report = _parse_event(message["Message"])
        return Reply(reports=(report,) if report else ())


def build(topic: AwsTopic) -> AwsReportReceiver:
    """Return the receiver of a topic, which fetches certificates from SNS."""
    http = PooledHttpClient(proxy=topic.proxy)
    verifier = SnsVerifier(topic, partial(fetch_with, http))
    return AwsReportReceiver(topic.arn, verifier)


def fetch_with(http: PooledHttpClient, url: str) -> bytes:
    """Return the body of a URL of SNS.

    Raises:
        ProviderUnavailable: There is no answer, or another one than 200.
    """
    try:
        response = http.send(http.prepare("GET", url, {}))
    except Exception:  # noqa: BLE001 - whatever the error is, SNS repeats its message
        raise ProviderUnavailable from None
    if response.status != HTTPStatus.OK:
        raise ProviderUnavailable
    return response.body


def _parse_event(text: str) -> DeliveryReport | None:
    """Return the report of an event; None if it is no status of a message."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest("An event must be JSON.") from None
    match event:
        case {"eventType": str(kind), "messageId": str(message_id)} if (
            kind in _STATUSES
        ):
            status, context = _STATUSES[kind], event.get("context")
            to = event.get("destinationPhoneNumber")
            return DeliveryReport(
                delivery_id=parse_delivery_id(
                    context.get(CONTEXT_KEY) if isinstance(context, dict) else None
                ),
                message_id=message_id,
                status=status,
                provider="aws",
                channel=_CHANNELS[kind.partition("_")[0]],
                provider_error=kind if status is _UNDELIVERED else None,
                to=to if isinstance(to, str) else "",
            )
    # A test of the destination, or an event of another kind of message.
    return None
