"""What became of a message: Twilio's status callbacks, and whether they are Twilio's.

A report is signed with the account's auth token over the URL that it was sent to and
its fields (Twilio, "Webhooks Security"), so nobody else can make one. They come in any
order, and new fields without notice: only the ends are read.
"""

from __future__ import annotations

from collections.abc import Mapping

from twilio.request_validator import RequestValidator

from otp_engine.domain.receipts import Receipt
from otp_engine.errors import Unauthorized

_ARRIVED = "delivered"
_LOST = frozenset({"undelivered", "failed"})


class Receipts:
    """Reads the reports of one account."""

    def __init__(self, token: str, url: str) -> None:
        """Believe what is signed with *token* and was sent to *url*."""
        self._validator = RequestValidator(token)
        self._url = url

    def read(self, report: Mapping[str, str], signature: str) -> Receipt | None:
        """Read a *report*; none, if the message is still on its way.

        Raises:
            Unauthorized: Its *signature* is not Twilio's.
        """
        if not self._validator.validate(self._url, report, signature):
            raise Unauthorized
        status, error = report.get("MessageStatus", ""), report.get("ErrorCode", "")
        if status != _ARRIVED and status not in _LOST:
            return None
        return Receipt(
            message=report.get("MessageSid", ""),
            to=report.get("To", ""),
            arrived=status == _ARRIVED,
            carrier_error=int(error) if error.isdecimal() else None,
        )
