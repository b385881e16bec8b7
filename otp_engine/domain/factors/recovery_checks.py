"""One check of a recovery code.

    requester ─▶ authenticator ─▶ hash ─▶ use the code

The check is counted before its code is compared, in a budget apart from that of the
app's codes. Of all checks with one code, the first that uses it is approved.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from otp_engine.crypto.hash_queue import Compute
from otp_engine.domain.factors.counted_requests import CountedRequest
from otp_engine.domain.factors.entity_access import EntityAccess
from otp_engine.domain.factors.models import FactorCheck, FactorCheckResult
from otp_engine.domain.factors.recovery_codes import RecoveryHashes
from otp_engine.domain.factors.recovery_store import (
    RecoveryCodeStore,
    RecoveryReservation,
)
from otp_engine.errors import Overloaded, StoreUnavailable

if TYPE_CHECKING:
    from otp_engine.domain.factors.factors import Factors


class RecoveryCheck(CountedRequest):
    """A check in progress."""

    def __init__(
        self, factors: Factors, store: RecoveryCodeStore, request: FactorCheck
    ) -> None:
        """Start a check; `run` does the rest.

        Args:
            factors: The factors, with the components that the check needs.
            store: The store of recovery codes.
            request: The check, with a recovery code as its code.

        Raises:
            InvalidIdentity: The identity cannot be one; nothing was counted.
        """
        super().__init__(factors, request)
        self._store = store
        self._request = request

    def run(self) -> FactorCheckResult:
        """Check the code; see `Authenticators.check_recovery_code`."""
        engine, request = self.factors.engine, self._request
        with (
            self.releasing(),
            engine.hash_queue.acquire_slot(
                request.client_name, request.client_ip
            ) as compute,
        ):
            self.charge_requester()
            result = self._compare(self.factors.access(self.name), compute)
        self.report_if_failed(result)
        return result

    def _compare(self, access: EntityAccess, compute: Compute) -> FactorCheckResult:
        reservation = self._store.reserve_recovery_check(
            access.key,
            idempotency_key=self.idempotency_key,
            policy=self.factors.engine.policy,
        )
        check = reservation.check
        result = FactorCheckResult(
            approved=False,
            factor=access.to_factor(check.factor, check.entity_id),
            attempts_remaining=check.attempts_remaining,
            retry_after=check.retry_after,
        )
        try:
            code_hash = self._find(reservation, access, compute)
        except Overloaded:
            with suppress(StoreUnavailable):
                self._store.release_recovery_check(
                    access.key, check.factor.id, idempotency_key=self.idempotency_key
                )
            raise
        # Once the code is compared, the check stays counted whatever happens.
        use = code_hash and self._store.use_recovery_code(
            access.key,
            check.factor.id,
            idempotency_key=self.idempotency_key,
            code_hash=code_hash,
        )
        if not use:
            return result
        factor = replace(result.factor, recovery_codes_left=use.codes_left)
        return FactorCheckResult(approved=True, factor=factor, approved_at=use.at)

    def _find(
        self, reservation: RecoveryReservation, access: EntityAccess, compute: Compute
    ) -> bytes | None:
        """Return the stored hash of the code; None if the code is wrong."""
        recovery_key = access.read(reservation.check.factor).recovery_key
        if not (reservation.recovery and recovery_key):
            return None
        hashes = RecoveryHashes.decode(reservation.recovery)
        mac = recovery_key.code_mac(self._request.code)
        return hashes.find(compute(mac, hashes.salt, hashes.argon2))
