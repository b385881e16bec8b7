"""Receives the delivery reports of the Telegram Gateway.

Telegram signs the time and the body with HMAC-SHA256; the key is the SHA-256 digest of
the access token (https://core.telegram.org/gateway/api#checking-report-integrity).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from time import time

from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.models import Channel
from otp_engine.errors import InvalidRequest, Unauthorized
from otp_engine.senders.reports import Reply, ReportRequest, parse_delivery_id

PATH = "/callbacks/telegram"
"""The path that Telegram posts delivery reports to."""

_TIMESTAMP_HEADER = "x-request-timestamp"
_SIGNATURE_HEADER = "x-request-signature"
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
# Seconds. Telegram tries a report again up to ten times, and signs each try with its
# own time.
_TOLERANCE = 300
_STATUSES = {
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    # Not delivered before its `ttl`; Telegram refunds it.
    "expired": DeliveryStatus.UNDELIVERED,
    "revoked": DeliveryStatus.UNDELIVERED,
}


class TelegramReportReceiver:
    """Verifies and parses the delivery reports of one account."""

    path = PATH
    max_bytes = 8 * 1024

    def __init__(self, token: str, clock: Callable[[], float] = time) -> None:
        """Create the receiver.

        Args:
            token: The access token of the account.
            clock: Returns the seconds since 1970.
        """
        self._key = hashlib.sha256(token.encode()).digest()
        self._clock = clock

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """Check the time, and the format of the signature.

        Args:
            headers: The headers, with their names in lower case.

        Raises:
            Unauthorized: The report has no signature of this moment.
        """
        timestamp = headers.get(_TIMESTAMP_HEADER, "")
        signature = headers.get(_SIGNATURE_HEADER, "")
        if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
            raise Unauthorized
        if abs(self._clock() - int(timestamp)) > _TOLERANCE:
            raise Unauthorized

    def receive(self, request: ReportRequest) -> Reply:
        """Verify and parse a report.

        Raises:
            Unauthorized: The signature is not Telegram's, or it is too old.
            InvalidRequest: The body is not one of the API.
        """
        self.check_headers(request.headers)
        signed = request.headers[_TIMESTAMP_HEADER].encode() + b"\n" + request.body
        expected = hmac.digest(self._key, signed, "sha256")
        if not hmac.compare_digest(
            expected, bytes.fromhex(request.headers[_SIGNATURE_HEADER])
        ):
            raise Unauthorized
        report = _parse(request.body)
        return Reply(reports=(report,) if report else ())


def _parse(body: bytes) -> DeliveryReport | None:
    """Return the report in a body; None if it has no status of this service's kind."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("A delivery report must be JSON.") from None
    match document:
        case {
            "request_id": str(request_id),
            "delivery_status": {"status": str(status)},
        } if status in _STATUSES:
            return DeliveryReport(
                delivery_id=parse_delivery_id(document.get("payload")),
                message_id=request_id,
                status=_STATUSES[status],
                provider="telegram",
                channel=Channel.TELEGRAM,
                provider_error=status if status in {"expired", "revoked"} else None,
            )
        case dict():
            # Telegram may add statuses and kinds of reports.
            return None
    raise InvalidRequest("A delivery report must be a JSON object.")
