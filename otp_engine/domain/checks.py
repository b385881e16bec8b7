"""One check of a code.

    requester ─▶ phone ─▶ global limits ─▶ hash ─▶ approve

The check is counted before its code is compared. The first right code closes the
verification for all other requests.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from otp_engine.crypto.hash_queue import Compute
from otp_engine.domain import event_factory
from otp_engine.domain.code_hashes import hash_code
from otp_engine.domain.events import Action
from otp_engine.domain.limits import hits
from otp_engine.domain.models import (
    Channel,
    CheckRequest,
    CheckReservation,
    CheckResult,
)
from otp_engine.domain.pending_verifications import IDEMPOTENCY_KEY_BYTES
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.reservations import Reservations
from otp_engine.errors import OTPError, VerificationNotFound

if TYPE_CHECKING:
    from otp_engine.domain.engine import Engine


class Check:
    """A check in progress."""

    def __init__(self, engine: Engine, request: CheckRequest) -> None:
        """Start a check; `run` does the rest.

        Args:
            engine: The engine, with the components that the check needs.
            request: The check.
        """
        self._engine = engine
        self._request = request
        self._recipient = PseudonymousRecipient.from_address(
            request.address, engine.peppers[0], request.client_ip
        )
        key = engine.random_bytes(IDEMPOTENCY_KEY_BYTES)
        self._reservations = Reservations(engine.store, engine.policy, key)

    def run(self) -> CheckResult:
        """Check the code; see `Engine.check`."""
        engine, request = self._engine, self._request
        try:
            engine.check_client_ip(request.client_ip)
            with engine.hash_queue.acquire_slot(
                request.client_name, request.client_ip
            ) as compute:
                result = self._compare(compute)
        except OTPError as error:
            self._reservations.release(error)
            engine.emit(event_factory.failed_check_event(self._recipient, error))
            raise
        for event in event_factory.check_events(self._recipient, result):
            engine.emit(event)
        return result

    def _compare(self, compute: Compute) -> CheckResult:
        engine, request = self._engine, self._request
        usage = self._reservations.acquire_requester_hits(
            hits.for_requester(
                request, engine.policy, engine.peppers[0], self._recipient.ip_hash
            )
        )
        engine.report_near(usage)
        pepper, phone = engine.phone_keys.resolve(
            request.address, request.service.namespace, request.bound_id
        )
        reservation = self._reservations.reserve_check(phone)
        parameters = reservation.hash_parameters
        if request.verification_id not in {None, parameters.verification_id}:
            raise VerificationNotFound
        global_usage = self._reservations.acquire_global_hits(
            hits.for_failed_checks(engine.policy)
        )
        engine.report_near(global_usage)
        usage += global_usage
        for event in event_factory.shadow_refusals(
            Action.CHECK, self._recipient, usage
        ):
            engine.emit(event)
        code, address = request.code, request.address
        code_hash = hash_code(compute, code, address, pepper, parameters)
        # Once the code is compared, the check stays counted whatever happens.
        self._reservations.commit()
        if channel := _channel_of(code_hash, reservation):
            return self._approve(phone, parameters.verification_id, channel)
        return CheckResult(
            verification_id=parameters.verification_id,
            approved=False,
            attempts_remaining=reservation.attempts_remaining,
            expires_in=reservation.expires_in,
            retry_after=reservation.retry_after,
        )

    def _approve(
        self, phone: PhoneKey, verification_id: bytes, channel: Channel
    ) -> CheckResult:
        """Close the verification of a right code, unless another request has."""
        engine = self._engine
        approval = engine.store.approve(
            phone,
            idempotency_key=self._reservations.idempotency_key,
            verification_id=verification_id,
            mark_proven=engine.marks_proven,
        )
        # The global limit counts failed checks only.
        self._reservations.release_global_hits()
        if approval is None:
            raise VerificationNotFound
        engine.credit_approval(self._request.address, verification_id, approval)
        return CheckResult(
            verification_id=verification_id,
            approved=True,
            approved_at=approval.at,
            channel=channel,
        )


def _channel_of(code_hash: bytes, reservation: CheckReservation) -> Channel | None:
    """Return the channel of the live code with that hash; None without one."""
    # A list, so that a match of the first code takes as long as one of the last.
    matches = [hmac.compare_digest(code_hash, live) for live in reservation.code_hashes]
    return reservation.channels[matches.index(True)] if any(matches) else None
