"""What is said of a verification, and how it is found again by its sid."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import g

from otp_engine.api import context
from otp_engine.api.verify_v2 import dates, errors, sids, urls, wanted
from otp_engine.domain import phone
from otp_engine.domain import record as records
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.record import Attempt, Record
from otp_engine.domain.service import Service
from otp_engine.domain.verification import Channel, Waiting
from otp_engine.errors import InvalidPhone, StoreUnavailable, VerificationNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A verification, and all that an answer says of it."""

    id: bytes
    service: Service
    number: PhoneNumber
    status: str
    channel: Channel
    created: datetime
    updated: datetime
    attempts: Sequence[Attempt] = ()

    def shape(self) -> dict[str, Any]:
        """A Verification as Verify writes it."""
        sid = sids.of_verification(self.id)
        return {
            **self._common(),
            "lookup": self._lookup(),
            "send_code_attempts": [
                {
                    "time": dates.milliseconds(attempt.at),
                    "channel": attempt.channel,
                    "attempt_sid": sids.of_attempt(self.id, attempt.token),
                }
                for attempt in self.attempts
            ],
            "sna": None,
            "url": urls.of("Services", self.service.sid, "Verifications", sid),
        }

    def shape_of_check(self) -> dict[str, Any]:
        """A VerificationCheck as Verify writes it."""
        return {**self._common(), "sna_attempts_error_codes": []}

    def _common(self) -> dict[str, Any]:
        return {
            "sid": sids.of_verification(self.id),
            "service_sid": self.service.sid,
            "account_sid": g.account,
            "to": self.number.e164,
            "channel": self.channel,
            "status": self.status,
            "valid": self.status == "approved",
            "date_created": dates.seconds(self.created),
            "date_updated": dates.seconds(self.updated),
            "amount": None,
            "payee": None,
        }

    def _lookup(self) -> dict[str, Any]:
        if not self.service.kept.get("lookup_enabled"):
            return {"carrier": None}
        names = ("mobile_country_code", "mobile_network_code", "name", "error_code")
        return {"carrier": {**dict.fromkeys(names), "type": "mobile"}}


@dataclass(frozen=True, slots=True)
class Found:
    """The verification that a path or a parameter names.

    Attributes:
        record: What was told of it, where it was named by its sid.
    """

    number: PhoneNumber
    service: Service
    record: Record | None = None

    @property
    def id(self) -> bytes | None:
        """Its id, where it was named by that."""
        return self.record.id if self.record else None

    @property
    def bound(self) -> bytes | None:
        """Its id, where only its sid can check it."""
        return self.record.id if self.record and self.record.bound else None

    def waiting(self) -> Waiting:
        """What is waiting, if it is this very verification.

        Raises:
            VerificationNotFound: It is over, or a later one is waiting.
        """
        engine = context.current().engine_for(self.number)
        waiting = engine.look(self.number, self.service, self.bound)
        if self.id not in {None, waiting.id}:
            raise VerificationNotFound
        return waiting

    def tell(self, id: bytes, status: str, *, updated: datetime | None = None) -> Told:
        """Say what is known of it."""
        here = context.current()
        now, record = here.now(), self.record
        # What is told has happened; that it cannot be told in full is no error.
        with suppress(StoreUnavailable):
            record = record or here.records.find(id)
        return Told(
            id=id,
            service=self.service,
            number=self.number,
            status=status,
            channel=record.channel if record else Channel.SMS,
            created=record.began if record else now,
            updated=updated or (record.updated if record else now),
            attempts=record.attempts if record else (),
        )


def by_name(name: str, service: Service) -> Found:
    """Find a verification by its sid, or by the number.

    Raises:
        Problem: It is neither, or of another service.
    """
    if sids.is_one(name, "VE"):
        return by_sid(name, service)
    try:
        return Found(context.current().numbers.read(name, phone.NOWHERE), service)
    except InvalidPhone:
        raise errors.not_found() from None


def by_sid(sid: str, service: Service) -> Found:
    """Find a verification by its sid.

    Raises:
        Problem: There is none, or it is of another service.
    """
    record = context.current().records.find(sids.verification(sid))
    if record is None or record.service != service.sid:
        raise errors.not_found()
    return Found(_number(record), service, record)


def by_to(to: str, service: Service) -> Found:
    """Find a verification by the number.

    Raises:
        Problem: It is no number.
    """
    return Found(wanted.number(to), service)


def _number(record: Record) -> PhoneNumber:
    for pepper in context.current().peppers:
        try:
            text = records.decrypt_number(
                record.encrypted_number, pepper, verification=record.id
            )
            return context.current().numbers.read(text, phone.NOWHERE)
        except (ValueError, InvalidPhone):
            # It was encrypted under the other pepper.
            continue
    raise errors.not_found()
