"""The authenticators of `/auth` and of the page: one app for each identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from otp_engine.domain.events import FactorDeleted
from otp_engine.domain.factors import lockouts
from otp_engine.domain.factors.checks import Check
from otp_engine.domain.factors.enrollments import Enroll
from otp_engine.domain.factors.entity_access import authenticator_of
from otp_engine.domain.factors.factors import Factors
from otp_engine.domain.factors.models import (
    Enrollment,
    FactorCheck,
    FactorCheckResult,
    FactorRequest,
)
from otp_engine.domain.factors.notices import NoticeType
from otp_engine.domain.factors.records import EntityName
from otp_engine.domain.factors.recovery_checks import RecoveryCheck
from otp_engine.domain.factors.recovery_store import RecoveryCodeStore
from otp_engine.domain.services import Service
from otp_engine.errors import FactorNotFound


class ApprovalMethod(StrEnum):
    """How a person has proven an identity."""

    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticators:
    """The authenticators of all identities, under one policy.

    Every method raises the errors of `Factors`.

    Attributes:
        factors: The factors, which include those of `/v2`.
        recovery_store: Stores the recovery codes.
        utcnow: Returns the time in UTC.
    """

    factors: Factors
    recovery_store: RecoveryCodeStore
    utcnow: Callable[[], datetime]

    def enroll(self, request: FactorRequest) -> Enrollment:
        """Create an unverified factor with recovery codes.

        An earlier authenticator works until the new one is activated.

        Raises:
            InvalidFactor: A value of the factor is not allowed.
            NetworkNotAllowed: The operator has blocked the network of the client.
            TooManyFactors: The entity has as many factors as it can have.
            RateLimited: A limit of the requester or of the identity refused.
            Overloaded: The queue of hashes has no room; nothing was counted.
        """
        return Enroll(self.factors, request).run()

    def check(self, request: FactorCheck) -> FactorCheckResult:
        """Check a code of the authenticator; see `Factors.check`."""
        check = Check(self.factors, request)
        result = check.run()
        # An activation has an event of its own.
        if result.approved and not request.activates:
            check.report_approval(result, ApprovalMethod.TOTP)
        return result

    def check_recovery_code(self, request: FactorCheck) -> FactorCheckResult:
        """Check a recovery code of the authenticator, which works once.

        Args:
            request: The check; its code is a recovery code as `recovery_codes.parse`
                returns it.

        Raises:
            NetworkNotAllowed: The operator has blocked the network of the client.
            RateLimited: A limit of the requester or of the recovery codes refused.
            FactorNotFound: The identity has no authenticator.
            Overloaded: The queue of hashes has no room.
        """
        check = RecoveryCheck(self.factors, self.recovery_store, request)
        result = check.run()
        if result.approved:
            check.report_approval(result, ApprovalMethod.RECOVERY_CODE)
        return result

    def is_ready(self, service: Service, identity: str) -> bool:
        """Return whether the identity has an authenticator with attempts left."""
        name = EntityName.parse(service, identity)
        try:
            access = self.factors.access(name)
        except FactorNotFound:
            return False
        entity = self.factors.store.get_entity(access.key)
        factor = authenticator_of(entity) if entity else None
        if factor is None:
            return False
        policy = self.factors.engine.policy
        return lockouts.find_lockout(factor, policy, self.utcnow()) is None

    def delete(
        self, service: Service, identity: str, *, client_name: str | None = None
    ) -> None:
        """Delete the authenticator of an identity, and an unfinished enrollment.

        Raises:
            FactorNotFound: The identity has neither.
        """
        access = self.factors.access(EntityName.parse(service, identity))
        entity = self.factors.store.get_entity(access.key)
        if entity is None:
            raise FactorNotFound
        authenticator = authenticator_of(entity)
        ids = {authenticator.id if authenticator else None, entity.enrolling}
        factors = [each for each in entity.factors if each.id in ids]
        deleted = [
            access.to_factor(each, entity.id)
            for each in factors
            if self.factors.store.delete_factor(access.key, each.id)
        ]
        if not deleted:
            raise FactorNotFound
        for factor in deleted:
            self.factors.report_change(
                FactorDeleted, NoticeType.FACTOR_DELETED, factor, client_name
            )
