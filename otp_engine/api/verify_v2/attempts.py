"""`/v2/Attempts`: each send, and whether it led to an approval."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.api.verify_v2 import (
    dates,
    errors,
    finding,
    pages,
    parameters,
    sids,
    urls,
)
from otp_engine.domain import phone, whom
from otp_engine.domain.events import Approved, CodeSent, Happened
from otp_engine.errors import InvalidPhone, Saturated

bp = Blueprint("attempts", __name__)

_READING = Lock()
_CHANNELS = ("sms", "call", "email", "whatsapp", "rbm")


@dataclass(frozen=True, slots=True)
class _Attempt:
    created: datetime
    sent: CodeSent
    approved: datetime | None

    @property
    def sid(self) -> str:
        return sids.of_attempt(self.sent.verification, self.sent.attempt)

    @property
    def conversion(self) -> str:
        return "converted" if self.approved else "unconverted"


@bp.get("/Attempts")
def page() -> ResponseReturnValue:
    """List attempts, newest first, as far back as events are kept."""
    wanted = _wanted(_FILTERS | _MORE_FILTERS)
    found = [one for one in _attempts() if wanted(one)]
    return pages.of(found, "attempts", shape=_shape, name=lambda one: one.sid)


@bp.get("/Attempts/<sid>")
def fetch(sid: str) -> ResponseReturnValue:
    """Say what became of one attempt."""
    return _shape(finding.one(_attempts(), lambda one: one.sid == sid))


@bp.get("/Attempts/Summary")
def summary() -> ResponseReturnValue:
    """Count attempts, and those that led to an approval."""
    wanted = _wanted(_FILTERS | {"DestinationPrefix": _by_prefix})
    found = [one for one in _attempts() if wanted(one)]
    converted = sum(one.approved is not None for one in found)
    rate = 100 * converted / len(found) if found else 0
    return {
        "total_attempts": len(found),
        "total_converted": converted,
        "total_unconverted": len(found) - converted,
        "conversion_rate_percentage": f"{rate:.9f}",
        "url": urls.of("Attempts", "Summary"),
    }


_Filter = Callable[[str], Callable[[_Attempt], bool]]


def _by_channel(given: str) -> Callable[[_Attempt], bool]:
    name = parameters.one_of(_CHANNELS)(given.lower())
    return lambda one: one.sent.channel == name


def _by_country(given: str) -> Callable[[_Attempt], bool]:
    return lambda one: one.sent.whom.country == given.upper()


def _by_service(given: str) -> Callable[[_Attempt], bool]:
    sid = parameters.sid("VA")(given)
    return lambda one: one.sent.service == sid


def _by_verification(given: str) -> Callable[[_Attempt], bool]:
    wanted = sids.verification(parameters.sid("VE")(given))
    return lambda one: one.sent.verification == wanted


def _by_status(given: str) -> Callable[[_Attempt], bool]:
    status = parameters.one_of(["converted", "unconverted"])(given.lower())
    return lambda one: one.conversion == status


def _by_prefix(given: str) -> Callable[[_Attempt], bool]:
    prefix = f"+{given.strip().removeprefix('+')}"
    return lambda one: one.sent.whom.prefix.startswith(prefix)


def _by_number(given: str) -> Callable[[_Attempt], bool]:
    try:
        number = phone.read(given, phone.NOWHERE)
    except InvalidPhone:
        raise ValueError(given) from None
    peppers = context.current().peppers
    names = {pepper.pseudonymize("event", number.e164) for pepper in peppers}
    return lambda one: one.sent.whom.phone in names


_FILTERS: dict[str, _Filter] = {
    "Channel": _by_channel,
    "Country": _by_country,
    "VerifyServiceSid": _by_service,
}
_MORE_FILTERS: dict[str, _Filter] = {
    "ChannelData.To": _by_number,
    "Status": _by_status,
    "VerificationSid": _by_verification,
}


def _wanted(filters: dict[str, _Filter]) -> Callable[[_Attempt], bool]:
    chosen = [
        _read(name, reader)
        for name, reader in filters.items()
        if request.args.get(name)
    ]
    return lambda one: all(fits(one) for fits in chosen)


def _read(name: str, reader: Callable[[str], Any]) -> Any:  # noqa: ANN401 - whatever *reader* makes of it
    try:
        return reader(request.args[name])
    except ValueError:
        raise errors.invalid(name) from None


def _moment(name: str) -> datetime | None:
    if not request.args.get(name):
        return None
    moment: datetime = _read(name, datetime.fromisoformat)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _attempts() -> Iterator[_Attempt]:
    """Every attempt of the time that is asked for, newest first."""
    begin, end = _moment("DateCreatedAfter"), _moment("DateCreatedBefore")
    # All first: of two workers, the one that approved may have been heard earlier.
    told = _read_all(begin)
    approved = {
        happened.event.verification: happened.at
        for happened in told
        if isinstance(happened.event, Approved)
    }
    # And each once: one that was told twice is the same send.
    sends = {
        happened.event: happened.at
        for happened in told
        if isinstance(happened.event, CodeSent)
    }
    for sent, at in sends.items():
        if end is None or at <= end:
            yield _Attempt(at, sent, approved.get(sent.verification))


def _read_all(begin: datetime | None) -> list[Happened]:
    """A hundred thousand events take a second of a core; one such list at a time."""
    if not _READING.acquire(blocking=False):
        raise Saturated
    try:
        return list(context.current().events.since(begin))
    finally:
        _READING.release()


def _shape(attempt: _Attempt) -> dict[str, Any]:
    sent = attempt.sent
    return {
        "sid": attempt.sid,
        "account_sid": g.account,
        "service_sid": sent.service,
        "verification_sid": sids.of_verification(sent.verification),
        "date_created": dates.seconds(attempt.created),
        "date_updated": dates.seconds(attempt.approved or attempt.created),
        "conversion_status": attempt.conversion,
        "channel": sent.channel,
        "price": None,
        "channel_data": {
            "verification_sid": sids.of_verification(sent.verification),
            "to": whom.shown(sent.whom.prefix),
            "status": _status(attempt),
            "message_status": "accepted",
            "error_code": None,
            "country": sent.whom.country,
            "code_length": sent.code_length,
            "locale": sent.locale,
            "mcc": None,
            "mnc": None,
            "carrier": None,
        },
        "url": urls.of("Attempts", attempt.sid),
    }


def _status(attempt: _Attempt) -> str:
    if attempt.approved:
        return "confirmed"
    here = context.current()
    over = attempt.created + here.policy.ttl < here.now()
    return "expired" if over else "unconfirmed"
