"""Receives Twilio's delivery reports, which it sends as status callbacks.

Reports arrive in any order, and Twilio may add fields and statuses. A Messaging Service
with an RCS sender can deliver a text message by RCS; it is a text message in reports
too.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from otp_engine.config.settings import TWILIO_WEBHOOK_PATH
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.models import Channel
from otp_engine.senders import twilio_errors
from otp_engine.senders.reports import Reply, ReportRequest
from otp_engine.senders.twilio_callbacks import SignatureCheck

log = logging.getLogger(__name__)

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
# What precedes the address of a recipient or a sender.
_CHANNELS = {"": Channel.SMS, "rcs": Channel.SMS, "whatsapp": Channel.WHATSAPP}


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
        self._signature = SignatureCheck(token)
        self.check_headers = self._signature.check_headers

    def receive(self, request: ReportRequest) -> Reply:
        """Verify a request, and return its report.

        Raises:
            Unauthorized: The signature is not Twilio's.
        """
        self._signature.check(request)
        form = request.form
        status = _STATUSES.get(form.get("MessageStatus", ""))
        prefix, to = _split(form.get("To", ""))
        channel = _channel(prefix, form)
        if status is None or channel is None or not to.startswith("+"):
            # A status that Twilio has added, or a message of another channel.
            return Reply()
        code = twilio_errors.parse_code(form.get("ErrorCode"))
        if status.is_failure and (hint := twilio_errors.operator_hint(code)):
            log.error(
                "twilio: a message by %s is %s: error %s: %s",
                *(channel, status, code, hint),
            )
        report = DeliveryReport(
            delivery_id=request.delivery_id,
            message_id=form.get("MessageSid", ""),
            status=status,
            provider="twilio",
            channel=channel,
            provider_error=code,
            to=to,
            not_on_channel=status.is_failure and twilio_errors.is_not_on_channel(code),
        )
        return Reply(reports=[report])


def _channel(prefix: str, form: Mapping[str, str]) -> Channel | None:
    """Return the channel of a message, by the address of its recipient or sender."""
    sender, _ = _split(form.get("From", ""))
    return _CHANNELS.get(prefix or (sender if sender == "whatsapp" else ""))


def _split(address: str) -> tuple[str, str]:
    """Return the prefix of an address, such as `whatsapp`, and the rest."""
    prefix, colon, rest = address.partition(":")
    return (prefix, rest) if colon else ("", address)
