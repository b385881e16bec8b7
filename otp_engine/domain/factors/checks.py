"""One check of a code of an authenticator app.

    requester ─▶ factor ─▶ compare ─▶ accept the time step

The check is counted before its code is compared. Of all checks with one right code, the
first that has its time step accepted is approved, and the others are wrong. A check
costs no slow hash, because a secret has at least 128 bits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from otp_engine.domain.events import FactorDeleted, FactorVerified
from otp_engine.domain.factors import totp
from otp_engine.domain.factors.counted_requests import CountedRequest
from otp_engine.domain.factors.entity_access import (
    EntityAccess,
    activated_of,
    parse_factor_sid,
)
from otp_engine.domain.factors.models import (
    Factor,
    FactorCheck,
    FactorCheckResult,
    FactorStatus,
)
from otp_engine.domain.factors.notices import NoticeType
from otp_engine.domain.factors.ports import FactorReservation

if TYPE_CHECKING:
    from otp_engine.domain.factors.factors import Factors


class Check(CountedRequest):
    """A check in progress."""

    def __init__(self, factors: Factors, request: FactorCheck) -> None:
        """Start a check; `run` does the rest.

        Args:
            factors: The factors, with the components that the check needs.
            request: The check.

        Raises:
            InvalidIdentity: The identity cannot be one; nothing was counted.
        """
        super().__init__(factors, request)
        self._request = request

    def run(self) -> FactorCheckResult:
        """Check the code; see `Factors.check`."""
        with self.releasing():
            self.charge_requester()
            result = self._compare()
        self.report_if_failed(result)
        return result

    def _compare(self) -> FactorCheckResult:
        factors, request = self.factors, self._request
        access = factors.access(self.name)
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
            factor=access.to_factor(reservation.factor, reservation.entity_id, record),
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
        factors, activates = self.factors, self._request.activates
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
        entity = self.factors.store.get_entity(access.key)
        activated = entity and activated_of(entity)
        return access.to_deleted(activated, entity.id) if entity and activated else None
