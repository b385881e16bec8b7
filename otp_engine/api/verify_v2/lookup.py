"""Finds services and verifications by SID or address, and updates services."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from otp_engine.api import context, form_numbers
from otp_engine.api.context import Dependencies
from otp_engine.api.verify_v2 import errors
from otp_engine.api.verify_v2.serializers import VerificationResource
from otp_engine.domain import addresses, sids, verification_records
from otp_engine.domain.addresses import Address
from otp_engine.domain.models import Channel, PendingVerification
from otp_engine.domain.services import Service
from otp_engine.domain.verification_records import VerificationRecord
from otp_engine.errors import (
    InvalidRequest,
    StoreUnavailable,
    Unavailable,
    VerificationNotFound,
)
from otp_engine.parsing import is_sid

_MAX_TRIES = 20

T = TypeVar("T")
N = TypeVar("N", bound=Service | None)


@dataclass(frozen=True, slots=True)
class VerificationRef:
    """A verification that a path or a parameter names.

    Attributes:
        address: The phone number or the e-mail address of the recipient.
        service: The service of the verification.
        record: The stored record, if the verification was named by its SID.
    """

    address: Address
    service: Service
    record: VerificationRecord | None = None

    @property
    def id(self) -> bytes | None:
        """ID of the verification, if it was named by its SID."""
        return self.record.id if self.record else None

    @property
    def bound(self) -> bytes | None:
        """ID of the verification, if it is bound and was named by its SID."""
        return self.record.id if self.record and self.record.bound else None

    def get_pending(self, app: Dependencies) -> PendingVerification:
        """Return the pending verification.

        Raises:
            VerificationNotFound: The verification has ended, or a later one is pending.
        """
        engine = app.engines.engine_for(self.address)
        pending = engine.get_pending(self.address, self.service, self.bound)
        if self.id not in {None, pending.verification_id}:
            raise VerificationNotFound
        return pending

    def view(
        self,
        app: Dependencies,
        id: bytes,
        status: str,
        *,
        updated: datetime | None = None,
    ) -> VerificationResource:
        """Return the view that responses are serialized from.

        Args:
            app: The records of verifications.
            id: ID of the verification.
            status: Its status, as Verify names it.
            updated: Time of the last change; by default the time of the last send.
        """
        record = self.record
        # The operation is done already, so an incomplete view is better than an error.
        with suppress(StoreUnavailable):
            record = record or app.records.get(id)
        now = app.utcnow()
        return VerificationResource(
            id=id,
            service=self.service,
            address=self.address,
            status=status,
            channel=record.channel if record else Channel.SMS,
            created=record.created_at if record else now,
            updated=updated or (record.updated_at if record else now),
            attempts=record.sends if record else (),
        )


def get_service(app: Dependencies, sid: str) -> Service:
    """Return the service with that SID.

    The environment defines the default service; its rate limits, messaging
    configurations and webhooks are stored.

    Raises:
        TwilioApiError: There is no such service.
    """
    stored = app.services.get(sid)
    if sid != app.service.sid:
        if stored is None:
            raise errors.not_found()
        # The stored namespace is empty if this was the default service before.
        return replace(stored, namespace=sid)
    if stored is None:
        return app.service
    return replace(
        app.service,
        rate_limits=stored.rate_limits,
        messaging=stored.messaging,
        webhooks=stored.webhooks,
    )


def is_default(sid: str) -> bool:
    """Return whether the environment defines the service with that SID."""
    return sid == context.get_dependencies().service.sid


def update_service(sid: str, update: Callable[[Service], N]) -> N:
    """Store the result of *update* as the service with that SID.

    *update* runs again if another request has changed the service meanwhile, so its
    checks hold for the stored value.

    Args:
        sid: The SID of the service.
        update: Takes the current service, and returns the new one or None to delete it.

    Returns:
        The result of *update*.

    Raises:
        TwilioApiError: There is no such service, or *update* raised it.
        Unavailable: Other requests changed the service each time.
    """
    app = context.get_dependencies()
    for _ in range(_MAX_TRIES):
        old = app.services.get(sid)
        new = update(get_service(app, sid))
        if app.services.compare_and_set(old, new):
            return new
    raise Unavailable


def first_or_404(items: Iterable[T], matches: Callable[[T], bool]) -> T:
    """Return the first of *items* that *matches*.

    Raises:
        TwilioApiError: There is none.
    """
    for item in items:
        if matches(item):
            return item
    raise errors.not_found()


def find_verification(
    app: Dependencies, name: str, service: Service
) -> VerificationRef:
    """Find a verification by its SID, its phone number or its e-mail address.

    Raises:
        TwilioApiError: There is no such verification, or it has another service.
    """
    if is_sid(name, "VE"):
        return find_by_sid(app, name, service)
    try:
        address = parse_address(app, name)
    except InvalidRequest:
        raise errors.not_found() from None
    return VerificationRef(address, service)


def parse_address(app: Dependencies, text: str) -> Address:
    """Parse an e-mail address, or a phone number with its plus.

    Args:
        app: Parses phone numbers.
        text: The text. A form can have lost the plus of a number.

    Raises:
        InvalidEmail, InvalidPhone: The text is neither.
    """
    parse_number = partial(form_numbers.parse, parse_number=app.parse_international)
    return addresses.parse(text, parse_number)


def find_by_sid(app: Dependencies, sid: str, service: Service) -> VerificationRef:
    """Find a verification by its SID.

    Raises:
        TwilioApiError: There is none, or it has another service.
    """
    record = app.records.get(sids.verification_id(sid))
    if record is None or record.service != service.sid:
        raise errors.not_found()
    return VerificationRef(_decrypt_address(app, record), service, record)


def _decrypt_address(app: Dependencies, record: VerificationRecord) -> Address:
    for pepper in app.peppers:
        try:
            text = verification_records.decrypt_address(
                record.encrypted_address, pepper, verification_id=record.id
            )
            return addresses.parse(text, app.parse_international)
        except (ValueError, InvalidRequest):
            # The address was encrypted under the other pepper of a rotation.
            continue
    raise errors.not_found()
