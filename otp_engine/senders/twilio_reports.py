"""Parses Twilio's delivery reports, which it sends as status callbacks.

Twilio signs a report with the account's auth token over the URL and the form fields
(Twilio, "Webhooks Security"). Reports arrive in any order and Twilio may add fields, so
only the final statuses are read.
"""

from __future__ import annotations

from collections.abc import Mapping

from twilio.request_validator import RequestValidator

from otp_engine.domain.messages.delivery_reports import DeliveryReport
from otp_engine.errors import Unauthorized
from otp_engine.senders.twilio_errors import parse_code

_DELIVERED = "delivered"
_FAILED = frozenset({"undelivered", "failed"})


class TwilioReportParser:
    """Verifies and parses the delivery reports of one account."""

    def __init__(self, token: str, url: str) -> None:
        """Create the parser.

        Args:
            token: Auth token of the account, which signs the reports.
            url: URL that Twilio sends the reports to, as configured.
        """
        self._validator = RequestValidator(token)
        self._url = url

    def parse(self, report: Mapping[str, str], signature: str) -> DeliveryReport | None:
        """Return the final status of a message.

        Args:
            report: Form fields of the status callback.
            signature: Value of the `X-Twilio-Signature` header.

        Returns:
            The final status; None if the message is still in transit.

        Raises:
            Unauthorized: The signature is not Twilio's.
        """
        if not self._validator.validate(self._url, report, signature):
            raise Unauthorized
        status = report.get("MessageStatus", "")
        if status != _DELIVERED and status not in _FAILED:
            return None
        return DeliveryReport(
            message_id=report.get("MessageSid", ""),
            to=report.get("To", ""),
            delivered=status == _DELIVERED,
            provider_error=parse_code(report.get("ErrorCode")),
            provider="twilio",
        )
