"""Receives the delivery reports of webhook receivers.

A report is a JSON object with a delivery id and a status, signed by Standard Webhooks
with a secret of the receiver. A repeated report has no further effect, because a status
has a rank, so a report that is sent twice within the tolerance is not harmful.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from otp_engine.config.webhook_settings import REPORT_PATH, WebhookSettings
from otp_engine.crypto import webhook_signatures
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.errors import InvalidRequest, Unauthorized
from otp_engine.senders import error_codes
from otp_engine.senders.reports import Reply, ReportRequest, parse_delivery_id

_MESSAGE_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_NOT_ON_CHANNEL = "recipient_not_on_channel"


class WebhookReportReceiver:
    """Receives the reports of one receiver."""

    max_bytes = 4 * 1024

    def __init__(
        self,
        settings: WebhookSettings,
        utcnow: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Create the receiver of reports.

        Args:
            settings: The webhook receiver, with at least one secret.
            utcnow: Returns the time in UTC.
        """
        self.path = f"{REPORT_PATH}{settings.name}"
        self._settings = settings
        self._utcnow = utcnow

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """Check that the headers have a signature and a recent time.

        Raises:
            Unauthorized: They do not.
        """
        if not webhook_signatures.is_recent(headers, self._utcnow()):
            raise Unauthorized

    def receive(self, request: ReportRequest) -> Reply:
        """Verify a request, and return its report.

        Raises:
            Unauthorized: The signature is not that of a secret of the receiver.
            InvalidRequest: The body is not a report.
        """
        if not webhook_signatures.is_valid(
            self._settings.secrets, request.headers, request.body, self._utcnow()
        ):
            raise Unauthorized
        fields = _parse_object(request.body)
        delivery_id = parse_delivery_id(fields.get("delivery_id"))
        status = fields.get("status")
        if delivery_id is None or status not in list(DeliveryStatus):
            raise InvalidRequest(
                "A report has a delivery_id of 40 hexadecimal digits, and a status of"
                f" {', '.join(DeliveryStatus)}."
            )
        message_id = fields.get("message_id")
        is_id = isinstance(message_id, str) and _MESSAGE_ID.fullmatch(message_id)
        report = DeliveryReport(
            delivery_id=delivery_id,
            message_id=str(message_id) if is_id else "",
            status=DeliveryStatus(str(status)),
            provider=self._settings.name,
            channel=self._settings.channels[0],
            provider_error=error_codes.parse(fields.get("error")),
            not_on_channel=fields.get("error") == _NOT_ON_CHANNEL,
        )
        return Reply(reports=[report])


def _parse_object(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InvalidRequest("A report is a JSON object.")
    return document
