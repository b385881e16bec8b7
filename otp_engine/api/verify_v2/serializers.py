"""Bodies of Verification and VerificationCheck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import g

from otp_engine.api.verify_v2 import wire
from otp_engine.domain import sids
from otp_engine.domain.addresses import Address
from otp_engine.domain.models import Channel
from otp_engine.domain.services import Service
from otp_engine.domain.verification_records import RecordedSend

# Twilio's field for the mobile network operator, which is not looked up here.
_CARRIER = {
    "mobile_country_code": None,
    "mobile_network_code": None,
    "name": None,
    "error_code": None,
    "type": "mobile",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationResource:
    """The values of a verification that responses contain.

    Attributes:
        id: ID of the verification, 16 bytes.
        service: The service of the verification.
        address: The phone number or the e-mail address of the recipient.
        status: The status, as Verify names it.
        channel: The channel of the last send.
        created: Time of the first send.
        updated: Time of the last change.
        attempts: Every send, oldest first.
    """

    id: bytes
    service: Service
    address: Address
    status: str
    channel: Channel
    created: datetime
    updated: datetime
    attempts: Sequence[RecordedSend] = ()

    def to_verification(self) -> dict[str, Any]:
        """Return the body of a Verification."""
        common = self._common()
        path = ("Services", self.service.sid, "Verifications", common["sid"])
        has_lookup = self.service.passthrough.get("lookup_enabled")
        return {
            **common,
            "lookup": {"carrier": _CARRIER if has_lookup else None},
            "send_code_attempts": [
                {
                    "time": wire.format_milliseconds(attempt.sent_at),
                    "channel": attempt.channel,
                    "attempt_sid": sids.attempt_sid(self.id, attempt.send_id),
                }
                for attempt in self.attempts
            ],
            "sna": None,
            "url": wire.resource_url(*path),
        }

    def to_check(self) -> dict[str, Any]:
        """Return the body of a VerificationCheck."""
        return {**self._common(), "sna_attempts_error_codes": []}

    def _common(self) -> dict[str, Any]:
        return {
            "sid": sids.verification_sid(self.id),
            "service_sid": self.service.sid,
            "account_sid": g.account,
            "to": self.address.canonical,
            "channel": self.channel,
            "status": self.status,
            "valid": self.status == "approved",
            "date_created": wire.format_seconds(self.created),
            "date_updated": wire.format_seconds(self.updated),
            "amount": None,
            "payee": None,
        }
