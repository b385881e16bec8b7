"""What the requests about an entity have in common: the requester pays first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from otp_engine.domain.events import FactorApproved, FactorCheckFailed
from otp_engine.domain.factors import factor_events
from otp_engine.domain.factors.factor_events import hash_identity
from otp_engine.domain.factors.models import (
    FactorCheck,
    FactorCheckResult,
    FactorRequest,
)
from otp_engine.domain.factors.records import EntityName
from otp_engine.domain.limits import hits
from otp_engine.domain.pending_verifications import IDEMPOTENCY_KEY_BYTES
from otp_engine.domain.recipients import hash_client_ip
from otp_engine.domain.reservations import Reservations
from otp_engine.errors import OTPError

if TYPE_CHECKING:
    from otp_engine.domain.factors.factors import Factors


class CountedRequest:
    """A request about an entity, in progress.

    Attributes:
        factors: The factors, with the components that the request needs.
        name: The service and the identity.
        idempotency_key: Identifies the request in the store, 8 bytes.
        reservations: What the request has reserved.
        origin: What the events have in place of the identity.
        client_name: Name of the API key; None for an anonymous client.
    """

    def __init__(self, factors: Factors, request: FactorCheck | FactorRequest) -> None:
        """Start a request.

        Args:
            factors: The factors, with the components that the request needs.
            request: The request.

        Raises:
            InvalidIdentity: The identity cannot be one; nothing was counted.
        """
        self.factors = factors
        self.name = EntityName.parse(request.service, request.identity)
        engine = factors.engine
        self.idempotency_key = engine.random_bytes(IDEMPOTENCY_KEY_BYTES)
        self.reservations = Reservations(
            engine.store, engine.policy, self.idempotency_key
        )
        self.origin = {
            "identity_hash": hash_identity(self.name, engine.peppers[0]),
            "service": self.name.service,
        }
        self.client_name = request.client_name
        self._ip_hash = hash_client_ip(request.client_ip, engine.peppers[0])
        self._requester = request

    @contextmanager
    def releasing(self) -> Iterator[None]:
        """Release what the request has reserved if it fails, and emit the event."""
        try:
            yield
        except OTPError as error:
            self.reservations.release(error)
            failure = factor_events.failure(
                error,
                client_name=self.client_name,
                ip_hash=self._ip_hash,
                **self.origin,
            )
            if failure:
                self.factors.engine.emit(failure)
            raise

    def report_if_failed(self, result: FactorCheckResult) -> None:
        """Emit the event of a check with a wrong code."""
        if result.approved:
            return
        self.factors.engine.emit(
            FactorCheckFailed(
                factor_sid=result.factor.sid,
                client_name=self.client_name,
                ip_hash=self._ip_hash,
                attempts_remaining=result.attempts_remaining,
                **self.origin,
            )
        )

    def report_approval(self, result: FactorCheckResult, method: str) -> None:
        """Emit the event of an approval of the identity.

        Args:
            result: The result of the check.
            method: How the identity was proven, `totp` or `recovery_code`.
        """
        self.factors.engine.emit(
            FactorApproved(
                factor_sid=result.factor.sid,
                client_name=self.client_name,
                method=method,
                **self.origin,
            )
        )

    def charge_requester(self) -> None:
        """Count the request for its requester, before the entity is looked up.

        Raises:
            NetworkNotAllowed: The operator has blocked the network of the client.
            RateLimited: A limit of the requester refused.
        """
        engine, requester = self.factors.engine, self._requester
        engine.check_client_ip(requester.client_ip)
        usage = self.reservations.acquire_requester_hits(
            hits.for_requester(
                requester, engine.policy, engine.peppers[0], self._ip_hash
            )
        )
        engine.report_near(usage)
        for event in factor_events.shadow_refusals(
            usage,
            client_name=self.client_name,
            ip_hash=self._ip_hash,
            **self.origin,
        ):
            engine.emit(event)
