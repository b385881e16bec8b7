"""`/v2/Attempts`: every send, and whether it led to an approval."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine import parsing
from otp_engine.api import context, form_numbers
from otp_engine.api.verify_v2 import errors, lookup, params, wire
from otp_engine.api.verify_v2.pagination import paginate
from otp_engine.domain import addresses, recipients, sids
from otp_engine.domain.events import (
    CodeSent,
    MessageDelivered,
    MessageRead,
    MessageUndelivered,
    RecordedEvent,
    VerificationApproved,
)
from otp_engine.domain.messages import languages
from otp_engine.domain.phones import numbers
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.errors import InvalidRequest, Overloaded

bp = Blueprint("attempts", __name__)

_READING = Lock()
_ACCEPTED = "accepted"
# `001` is that of networks of no country.
_COUNTRY = re.compile(r"[A-Z]{2}|001", re.ASCII)
_PREFIX = re.compile(r"\+[0-9]{1,15}", re.ASCII)

_parse_number = partial(
    form_numbers.parse,
    parse_number=partial(numbers.parse, region=numbers.UNKNOWN_REGION),
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What the reports on a message state; by default nothing."""

    status: str = _ACCEPTED
    error_code: str | None = None
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Attempt:
    created_at: datetime
    sequence: int
    sent: CodeSent
    approved: datetime | None
    delivery: _Delivery = _Delivery()

    @property
    def sid(self) -> str:
        return sids.attempt_sid(self.sent.verification_id, self.sent.send_id)

    @property
    def conversion(self) -> str:
        return "converted" if self.approved else "unconverted"


_Filter = Callable[[_Attempt], bool]


@bp.get("/Attempts")
def list_() -> ResponseReturnValue:
    """Return attempts, newest first, for as long as events are stored."""
    attempts = _filtered(_FILTERS | _LIST_FILTERS)
    return paginate(
        attempts,
        "attempts",
        serialize=serialize,
        # Not the SID, which has no order: one write can record several sends.
        name=lambda attempt: f"{attempt.sequence:010}",
    )


@bp.get("/Attempts/<sid>")
def fetch(sid: str) -> ResponseReturnValue:
    """Return an attempt."""
    return serialize(lookup.first_or_404(_attempts(), lambda item: item.sid == sid))


@bp.get("/Attempts/Summary")
def summary() -> ResponseReturnValue:
    """Return the number of attempts, and of those that led to an approval."""
    attempts = _filtered(_FILTERS | _SUMMARY_FILTERS)
    converted = sum(attempt.approved is not None for attempt in attempts)
    rate = 100 * converted / len(attempts) if attempts else 0
    return {
        "total_attempts": len(attempts),
        "total_converted": converted,
        "total_unconverted": len(attempts) - converted,
        "conversion_rate_percentage": f"{rate:.9f}",
        "url": wire.resource_url("Attempts", "Summary"),
    }


def serialize(attempt: _Attempt) -> dict[str, Any]:
    """Return the body of an attempt."""
    sent = attempt.sent
    verification_sid = sids.verification_sid(sent.verification_id)
    return {
        "sid": attempt.sid,
        "account_sid": g.account,
        "service_sid": sent.service,
        "verification_sid": verification_sid,
        "date_created": wire.format_seconds(attempt.created_at),
        "date_updated": wire.format_seconds(
            attempt.approved or attempt.delivery.updated or attempt.created_at
        ),
        "conversion_status": attempt.conversion,
        "channel": sent.channel,
        "price": None,
        "channel_data": {
            "verification_sid": verification_sid,
            "to": recipients.mask_after_prefix(sent.recipient.prefix),
            "status": _status(attempt),
            "message_status": attempt.delivery.status,
            "error_code": attempt.delivery.error_code,
            "country": sent.recipient.country or None,
            "code_length": sent.code_length,
            "locale": sent.locale or languages.ENGLISH,
            "mcc": None,
            "mnc": None,
            "carrier": None,
        },
        "url": wire.resource_url("Attempts", attempt.sid),
    }


def _status(attempt: _Attempt) -> str:
    if attempt.approved:
        return "confirmed"
    app = context.get_dependencies()
    expired = attempt.created_at + app.policy.ttl < app.utcnow()
    return "expired" if expired else "unconfirmed"


def _by_channel(text: str) -> _Filter:
    channel = _parse_channel(text.lower())
    return lambda attempt: attempt.sent.channel == channel


def _by_country(text: str) -> _Filter:
    country = text.upper()
    if not _COUNTRY.fullmatch(country):
        raise ValueError(f"must be an ISO 3166 country code: {text!r}")
    return lambda attempt: attempt.sent.recipient.country == country


def _by_service(text: str) -> _Filter:
    sid = _parse_service_sid(text)
    return lambda attempt: attempt.sent.service == sid


def _by_verification(text: str) -> _Filter:
    verification = sids.verification_id(_parse_verification_sid(text))
    return lambda attempt: attempt.sent.verification_id == verification


def _by_status(text: str) -> _Filter:
    conversion = _parse_conversion(text.lower())
    return lambda attempt: attempt.conversion == conversion


def _by_prefix(text: str) -> _Filter:
    prefix = f"+{parsing.normalize_typed(text).removeprefix('+')}"
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"must be the first digits of a number: {text!r}")
    return lambda attempt: attempt.sent.recipient.prefix.startswith(prefix)


def _by_number(text: str) -> _Filter:
    app = context.get_dependencies()
    try:
        address = addresses.parse(text, _parse_number)
    except InvalidRequest:
        raise ValueError(f"must be an address: {text!r}") from None
    hashes = {
        PseudonymousRecipient.from_address(address, pepper).phone_hash
        for pepper in app.peppers
    }
    return lambda attempt: attempt.sent.recipient.phone_hash in hashes


_parse_channel = parsing.choice(["sms", "call", "email", "whatsapp", "rbm"])
_parse_conversion = parsing.choice(["converted", "unconverted"])
_parse_service_sid = params.sid("VA")
_parse_verification_sid = params.sid("VE")

_FILTERS: dict[str, Callable[[str], _Filter]] = {
    "Channel": _by_channel,
    "Country": _by_country,
    "VerifyServiceSid": _by_service,
}
_LIST_FILTERS = {
    "ChannelData.To": _by_number,
    "Status": _by_status,
    "VerificationSid": _by_verification,
}
_SUMMARY_FILTERS = {"DestinationPrefix": _by_prefix}


def _filtered(parsers: Mapping[str, Callable[[str], _Filter]]) -> list[_Attempt]:
    """Return the attempts that match each parameter of the query.

    Args:
        parsers: For each parameter, a function from its text to a filter.
    """
    filters = [
        _parse_query(name, parser)
        for name, parser in parsers.items()
        if request.args.get(name)
    ]
    return [
        attempt
        for attempt in _attempts()
        if all(matches(attempt) for matches in filters)
    ]


def _parse_query(name: str, parser: Callable[[str], T]) -> T:
    try:
        return parser(request.args[name])
    except ValueError:
        raise errors.invalid_parameter(name) from None


def _query_time(name: str) -> datetime | None:
    if not request.args.get(name):
        return None
    time = _parse_query(name, datetime.fromisoformat)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _attempts() -> Iterator[_Attempt]:
    """Yield the attempts between the times of the query, newest first."""
    start, end = _query_time("DateCreatedAfter"), _query_time("DateCreatedBefore")
    # All events first: with several workers, an approval can be stored before its send.
    recorded = _read_events(start)
    approvals = {
        entry.event.verification_id: entry.occurred_at
        for entry in recorded
        if isinstance(entry.event, VerificationApproved)
    }
    # A dict, because a send can be recorded twice.
    sends = {
        entry.event: entry for entry in recorded if isinstance(entry.event, CodeSent)
    }
    deliveries = _deliveries(recorded)
    for sent, entry in sends.items():
        if end is None or entry.occurred_at <= end:
            yield _Attempt(
                entry.occurred_at,
                entry.sequence,
                sent,
                approvals.get(sent.verification_id),
                deliveries.get(sent.delivery_id, _Delivery()),
            )


def _deliveries(recorded: list[RecordedEvent]) -> dict[str | None, _Delivery]:
    """Return what the reports on each message state, by its delivery id.

    Of several statuses the last one of these counts: undelivered, delivered, read.
    """
    found: dict[str | None, _Delivery] = {}
    for event_type in (MessageUndelivered, MessageDelivered, MessageRead):
        for entry in recorded:
            event = entry.event
            if isinstance(event, event_type):
                found[event.delivery_id] = _delivery(event, entry.occurred_at)
    found.pop(None, None)
    return found


def _delivery(
    event: MessageUndelivered | MessageDelivered | MessageRead, at: datetime
) -> _Delivery:
    match event:
        case MessageUndelivered():
            error = event.provider_error
            return _Delivery("undelivered", None if error is None else str(error), at)
        case MessageDelivered():
            return _Delivery("delivered", updated=at)
        case MessageRead():
            return _Delivery("read", updated=at)


def _read_events(start: datetime | None) -> list[RecordedEvent]:
    """Return the events since *start*, for one request at a time.

    100,000 events take a second of CPU time.

    Raises:
        Overloaded: Another request is reading events.
    """
    if not _READING.acquire(blocking=False):
        raise Overloaded
    try:
        return list(context.get_dependencies().events.since(start))
    finally:
        _READING.release()
