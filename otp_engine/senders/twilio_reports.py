"""Receives Twilio's delivery reports, which it sends as status callbacks.

Twilio signs a report with the account's auth token over the URL and the form fields
(Twilio, "Webhooks Security"). Reports arrive in any order, and Twilio may add fields
and statuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from twilio.request_validator import RequestValidator

from otp_engine.config.settings import TWILIO_WEBHOOK_PATH
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.models import Channel
from otp_engine.errors import Unauthorized
from otp_engine.senders.reports import Reply, ReportRequest
from otp_engine.senders.twilio_errors import parse_code

_SIGNATURE_HEADER = "x-twilio-signature"
# HMAC-SHA1 in base64: 20 bytes.
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{27}=", re.ASCII)
_STATUSES = {
    "accepted": DeliveryStatus.QUEUED,
    "scheduled": DeliveryStatus.QUEUED,
    "queued": DeliveryStatus.QUEUED,
    "sending": DeliveryStatus.QUEUED,
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "undelivered": DeliveryStatus.UNDELIVERED,
    "failed": DeliveryStatus.FAILED,
    "canceled": DeliveryStatus.FAILED,
}


class TwilioReportReceiver:
    """Receives the reports on the messages of one account."""

    path = TWILIO_WEBHOOK_PATH
    # Twilio's longest values are a few hundred characters.
    max_bytes = 4 * 1024

    def __init__(self, token: str) -> None:
        """Create the receiver.

        Args:
            token: Auth token of the account, which signs the reports.
        """
        self._validator = RequestValidator(token)

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """Check that a request has a signature; its value covers the body.

        Raises:
            Unauthorized: There is no signature, or its format is not Twilio's.
        """
        if not _SIGNATURE.fullmatch(headers.get(_SIGNATURE_HEADER, "")):
            raise Unauthorized

    def receive(self, request: ReportRequest) -> Reply:
        """Verify a request, and return its report.

        Raises:
            Unauthorized: The signature is not Twilio's.
        """
        form, signature = request.form, request.headers.get(_SIGNATURE_HEADER, "")
        if not self._validator.validate(request.url, form, signature):
            raise Unauthorized
        status = _STATUSES.get(form.get("MessageStatus", ""))
        to = form.get("To", "")
        if status is None or not to.startswith("+"):
            # A status that Twilio has added, or a message of another channel.
            return Reply()
        report = DeliveryReport(
            delivery_id=request.delivery_id,
            message_id=form.get("MessageSid", ""),
            status=status,
            provider="twilio",
            channel=Channel.SMS,
            provider_error=parse_code(form.get("ErrorCode")),
            to=to,
        )
        return Reply(reports=[report])
