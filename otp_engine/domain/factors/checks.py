"""One check of a code of an authenticator app.

    requester ─▶ factor ─▶ compare ─▶ accept the time step

The check is counted before its code is compared. Of all checks with one right code, the
first that has its time step accepted is approved, and the others are wrong. A check
costs no slow hash, because a secret has at least 128 bits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from otp_engine.domain.events import FactorCheckFailed, FactorDeleted, FactorVerified
from otp_engine.domain.factors import factor_events, totp
from otp_engine.domain.factors.entity_access import (
    EntityAccess,
    activated_of,
    parse_factor_sid,
)
from otp_engine.domain.factors.factor_events import hash_identity
from otp_engine.domain.factors.models import (
    Factor,
    FactorCheck,
    FactorCheckResult,
    FactorStatus,
)
from otp_engine.domain.factors.notices import NoticeType
from otp_engine.domain.factors.ports import FactorReservation
from otp_engine.domain.factors.records import EntityName
from otp_engine.domain.limits import hits
from otp_engine.domain.pending_verifications import IDEMPOTENCY_KEY_BYTES
from otp_engine.domain.reservations import Reservations
from otp_engine.errors import OTPError

if TYPE_CHECKING:
    from otp_engine.domain.factors.factors import Factors


class Check:
    """A check in progress.

    Attributes:
        idempotency_key: Identifies the check in the store, 8 bytes.
    """

    def __init__(self, factors: Factors, request: FactorCheck) -> None:
        """Start a check; `run` does the rest.

        Args:
            factors: The factors, with the components that the check needs.
            request: The check.

        Raises:
            InvalidIdentity: The identity cannot be one; nothing was counted.
        """
        self._factors = factors
        self._request = request
        self._name = EntityName.parse(request.service, request.identity)
        engine = factors.engine
        self.idempotency_key = engine.random_bytes(IDEMPOTENCY_KEY_BYTES)
        self._reservations = Reservations(
            engine.store, engine.policy, self.idempotency_key
        )
        # With these the events do not have the identity.
        self._origin = {
            "identity_hash": hash_identity(self._name, engine.peppers[0]),
            "service": self._name.service,
        }

    def run(self) -> FactorCheckResult:
        """Check the code; see `Factors.check`."""
        engine, client_name = self._factors.engine, self._request.client_name
        try:
            result = self._compare()
        except OTPError as error:
            self._reservations.release(error)
            failure = factor_events.failure(
                error, client_name=client_name, **self._origin
            )
            if failure:
                engine.emit(failure)
            raise
        if not result.approved:
            engine.emit(
                FactorCheckFailed(
                    factor_sid=result.factor.sid,
                    client_name=client_name,
                    attempts_remaining=result.attempts_remaining,
                    **self._origin,
                )
            )
        return result

    def _compare(self) -> FactorCheckResult:
        factors, request = self._factors, self._request
        self._charge_requester()
        access = factors.access(self._name)
        reservation = factors.store.reserve_check(
            access.key,
            self._select_factor(access),
            idempotency_key=self.idempotency_key,
            policy=factors.engine.policy,
            activates=request.activates,
        )
        # From here the check stays counted whatever happens.
        record = access.read(reservation.factor)
        start = totp.find_time(
            request.code,
            record.secret,
            record.config,
            at=reservation.at,
            after=reservation.factor.step,
        )
        result = FactorCheckResult(
            approved=False,
            factor=access.to_factor(reservation.factor, reservation.entity_id),
            attempts_remaining=reservation.attempts_remaining,
            retry_after=reservation.retry_after,
        )
        if start is None:
            return result
        return self._accept(access, reservation, start, result)

    def _select_factor(self, _access: EntityAccess) -> bytes | None:
        """Return the id of the factor; None for the one that `/auth` uses."""
        sid = self._request.factor_sid
        return parse_factor_sid(sid) if sid else None

    def _charge_requester(self) -> None:
        """Count the check for its requester, before the entity is looked up."""
        engine, request = self._factors.engine, self._request
        engine.check_client_ip(request.client_ip)
        pepper = engine.peppers[0]
        ip_hash = request.client_ip and pepper.pseudonymize(
            "address", request.client_ip
        )
        usage = self._reservations.acquire_requester_hits(
            hits.for_requester(request, engine.policy, pepper, ip_hash)
        )
        engine.report_near(usage)
        for event in factor_events.shadow_refusals(
            usage, client_name=request.client_name, **self._origin
        ):
            engine.emit(event)

    def _accept(
        self,
        access: EntityAccess,
        reservation: FactorReservation,
        start: int,
        wrong: FactorCheckResult,
    ) -> FactorCheckResult:
        """Have the time step of a right code accepted, unless it was before.

        Args:
            access: The entity.
            reservation: The reserved check.
            start: Start of the time step.
            wrong: The result of a wrong code, and of a replayed one.
        """
        factors, activates = self._factors, self._request.activates
        client_name = self._request.client_name
        enrolls = activates and self._request.factor_sid is None
        earlier = self._activated_factor(access) if enrolls else None
        at = factors.store.accept_step(
            access.key,
            reservation.factor.id,
            idempotency_key=self.idempotency_key,
            step=start,
            activates=activates,
            is_authenticator=enrolls,
        )
        if at is None:
            return wrong
        factor = wrong.factor
        if activates:
            factor = replace(factor, status=FactorStatus.VERIFIED, updated_at=at)
            factors.report_change(
                FactorVerified, NoticeType.FACTOR_VERIFIED, factor, client_name
            )
            if earlier and earlier.sid != factor.sid:
                factors.report_change(
                    FactorDeleted, NoticeType.FACTOR_DELETED, earlier, client_name
                )
        return FactorCheckResult(approved=True, factor=factor, approved_at=at)

    def _activated_factor(self, access: EntityAccess) -> Factor | None:
        """Return the authenticator that an activation deletes; None without one."""
        entity = self._factors.store.get_entity(access.key)
        activated = entity and activated_of(entity)
        return access.to_deleted(activated, entity.id) if entity and activated else None
