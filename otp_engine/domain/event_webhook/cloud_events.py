"""Events of the stream as CloudEvents 1.0, in the shape of Twilio Verify's events.

Verify publishes them through Event Streams, with the types
`com.twilio.accountsecurity.verify.verification.*` and `.message.*`. The types, the
names of the data and their values are Verify's. Values that this service does not have
are null, such as the mobile network. Unless the operator wants numbers, `to` is masked.

https://www.twilio.com/docs/events/event-types/verify
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otp_engine.domain import sids
from otp_engine.domain.event_webhook import factor_data
from otp_engine.domain.event_webhook.factor_data import FactorEvent
from otp_engine.domain.event_webhook.followed import (
    FINAL_STATUSES,
    FollowedVerification,
    Status,
)
from otp_engine.domain.events import (
    CodeSent,
    Event,
    MessageDelivered,
    MessageRead,
    MessageUndelivered,
    RecordedEvent,
    SendRejected,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient, mask_after_prefix

_TYPES = "com.twilio.accountsecurity.verify"
# Verify's name of a call.
_CHANNELS = {Channel.CALL: "VOICE"}
# The resources that events are about, and their SIDs.
_RESOURCES = {"Verifications": "verification_sid", "Factors": "factor_sid"}


MessageEvent = (
    CodeSent | MessageDelivered | MessageRead | MessageUndelivered | SendRejected
)
"""An event of one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The values of the account and the service.

    Attributes:
        sid: SID of the account.
        default_service: SID of the default service.
        service_name: Returns the name in the messages of a service; empty for the
            default service.
        open_address: Decrypts the address of a verification; returns None without one.
    """

    sid: str
    default_service: str
    service_name: Callable[[str], str | None]
    open_address: Callable[[FollowedVerification], str | None]


def from_event(
    entry_id: str,
    recorded: RecordedEvent,
    followed: FollowedVerification | None,
    account: Account,
) -> list[dict[str, Any]]:
    """Return the CloudEvents of one event.

    Args:
        entry_id: Id of its entry in the stream.
        recorded: The event.
        followed: Its verification after the event; None if it has none.
        account: The account.

    Returns:
        Up to two; empty for an event that Verify does not publish.
    """
    event = recorded.event
    found: list[tuple[str, dict[str, Any]]] = []
    if followed and (status := _new_status(event, followed)):
        data = _verification_data(followed, account)
        found.append((f"verification.{status.lower()}", data))
    if isinstance(event, MessageEvent) and (name := _message_status(event)):
        data = _message_data(event, name, followed, account)
        data["created_at"] = _format_time(recorded.occurred_at)
        found.append((f"message.{name}", data))
    if isinstance(event, FactorEvent):
        data = factor_data.data_of(event, account.sid)
        found.append((factor_data.name_of(event), data))
    return [
        _envelope(f"{entry_id} {name}", name, recorded.occurred_at, data, account)
        for name, data in found
    ]


def of_expiry(followed: FollowedVerification, account: Account) -> dict[str, Any]:
    """Return the CloudEvent of a verification that has expired."""
    ended_at = followed.ended_at
    if ended_at is None:
        raise AssertionError(followed)
    data = _verification_data(followed, account)
    # The end distinguishes it from an expiry before a later send.
    key = f"{followed.id.hex()} {ended_at.timestamp()}"
    return _envelope(key, "verification.expired", ended_at, data, account)


def of_test(at: datetime, account: Account) -> dict[str, Any]:
    """Return a CloudEvent with which an operator tries the receiver out."""
    return _envelope(
        f"test {at.timestamp()}", "test", at, {"account_sid": account.sid}, account
    )


def _envelope(
    key: str, name: str, at: datetime, data: dict[str, Any], account: Account
) -> dict[str, Any]:
    """Return a CloudEvent; equal *key*s give equal ids, as a repetition needs."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    source = f"/v1/Accounts/{account.sid}"
    for resource, field in _RESOURCES.items():
        if data.get(field):
            source += f"/Services/{data['service_sid']}/{resource}/{data[field]}"
    return {
        "specversion": "1.0",
        "type": f"{_TYPES}.{name}",
        "source": source,
        "id": f"EZ{digest[:32]}",
        "time": _format_time(at),
        "datacontenttype": "application/json",
        "data": data,
    }


def _verification_data(
    followed: FollowedVerification, account: Account
) -> dict[str, Any]:
    approved = followed.status is Status.APPROVED
    return {
        **_common_data(followed, account),
        "friendly_name": account.service_name(followed.service),
        "created_at": _format_time(followed.created_at),
        "verified_at": _format_time(followed.ended_at if approved else None),
        "expires_at": _format_time(followed.expires_at),
        "verification_status": followed.status,
        "country": followed.recipient.country or None,
        "code_length": followed.code_length or None,
        "send_code_attempts": {
            "count": len(followed.sends),
            "attempts": [
                {
                    "time": _format_time(send.at),
                    "channel": _channel_name(send.channel),
                    "attempt_sid": sids.attempt_sid(followed.id, send.send_id),
                    "locale": send.locale,
                }
                for send in followed.sends
            ],
        },
        "check_attempts": {
            "count": len(followed.checks),
            "attempts": [
                {
                    "time": _format_time(check.at),
                    "status": "SUCCESS" if check.success else "FAILURE",
                }
                for check in followed.checks
            ],
        },
    }


def _new_status(event: Event, followed: FollowedVerification) -> Status | None:
    """Return the status that an event gives its verification, if it does."""
    if isinstance(event, CodeSent) and len(followed.sends) == 1:
        return Status.PENDING
    return FINAL_STATUSES.get(type(event))


def _message_status(event: MessageEvent) -> str | None:
    match event:
        case CodeSent():
            return "sent" if event.confirmed else None
        case MessageDelivered():
            return "delivered"
        case MessageRead():
            return "read"
        case MessageUndelivered():
            return "failed" if event.failed else "undelivered"
        case SendRejected():
            return "failed"


def _message_data(
    event: MessageEvent,
    status: str,
    followed: FollowedVerification | None,
    account: Account,
) -> dict[str, Any]:
    """Return the data of a message.

    Args:
        event: The event of the message.
        status: The status of the message.
        followed: Its verification. Without one, the provider rejected the message at
            once, or reports it after its verification was deleted.
        account: The account.
    """
    if followed:
        send = followed.send_of(getattr(event, "delivery_id", None))
        common = _common_data(followed, account)
        attempt = sids.attempt_sid(followed.id, send.send_id) if send else None
    else:
        common = {
            "account_sid": account.sid,
            "service_sid": account.default_service,
            "verification_sid": None,
            "to": _masked(event.recipient),
        }
        attempt = None
    return {
        **common,
        "attempt_sid": attempt,
        "channel": _channel_name(event.channel),
        "message_status": status.upper(),
        "has_fallback": getattr(event, "has_fallback", False),
        "is_fallback": getattr(event, "is_fallback", False),
        "error_code": getattr(event, "provider_error", None),
        "mcc": None,
        "mnc": None,
    }


def _common_data(followed: FollowedVerification, account: Account) -> dict[str, Any]:
    return {
        "account_sid": account.sid,
        "service_sid": followed.service or account.default_service,
        "verification_sid": sids.verification_sid(followed.id),
        "to": account.open_address(followed) or _masked(followed.recipient),
    }


def _masked(recipient: PseudonymousRecipient) -> str:
    return mask_after_prefix(recipient.prefix)


def _channel_name(channel: Channel) -> str:
    return _CHANNELS.get(channel, channel.upper())


def _format_time(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
