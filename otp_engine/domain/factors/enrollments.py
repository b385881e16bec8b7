"""One enrollment of an authenticator app with its recovery codes.

    requester ─▶ identity ─▶ hash the recovery codes ─▶ store the factor

Ten hashes are the most expensive request of the service, so every limit comes before
them. They run in one slot of the queue, which the request acquires first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from otp_engine.crypto.factor_keys import RecoveryKey
from otp_engine.crypto.hash_queue import Compute
from otp_engine.domain.factors import recovery_codes
from otp_engine.domain.factors.counted_requests import CountedRequest
from otp_engine.domain.factors.factors import check_name
from otp_engine.domain.factors.models import Enrollment, FactorRequest
from otp_engine.domain.factors.recovery_codes import RecoveryHashes
from otp_engine.domain.limits.limits import Limit, LimitHit

if TYPE_CHECKING:
    from otp_engine.domain.factors.factors import Factors

# More than a person needs who tries several apps, and ten hashes each.
_PER_IDENTITY = Limit.parse("10/1h")


class Enroll(CountedRequest):
    """An enrollment in progress."""

    def __init__(self, factors: Factors, request: FactorRequest) -> None:
        """Start an enrollment; `run` does the rest.

        Args:
            factors: The factors, with the components that the enrollment needs.
            request: The factor to create.

        Raises:
            InvalidIdentity, InvalidFactor: A value of the request is not allowed;
                nothing was counted.
        """
        super().__init__(factors, request)
        check_name(request.friendly_name)
        self._request = request

    def run(self) -> Enrollment:
        """Enroll the app; see `Authenticators.enroll`."""
        engine, request = self.factors.engine, self._request
        with self.releasing():
            with engine.hash_queue.acquire_slot(
                request.client_name, request.client_ip
            ) as compute:
                self.charge_requester()
                self._charge_identity()
                # A data key that cannot be decrypted costs no hash.
                self.factors.data_keys.get()
                codes = recovery_codes.generate(engine.random_bytes)
                recovery_key = RecoveryKey.generate(engine.random_bytes)
                recovery = self._hash(codes, recovery_key, compute)
            # The hashes are paid for.
            self.reservations.commit()
            request = replace(request, recovery=recovery, recovery_key=recovery_key)
            created = self.factors.create_factor(request)
        return Enrollment(created=created, recovery_codes=codes)

    def _charge_identity(self) -> None:
        """Count the enrollment for its identity.

        Raises:
            RateLimited: The identity was enrolled too often.
        """
        identity_hash = self.origin["identity_hash"]
        hit = LimitHit("enrollments_per_identity", identity_hash, _PER_IDENTITY)
        self.reservations.acquire_global_hits([hit])

    def _hash(
        self, codes: list[str], recovery_key: RecoveryKey, compute: Compute
    ) -> bytes:
        """Return the stored form of recovery codes."""
        engine = self.factors.engine
        salt = engine.random_bytes(recovery_codes.SALT_BYTES)
        hashes = RecoveryHashes(argon2=engine.argon2, salt=salt)
        macs = list(map(recovery_key.code_mac, codes))
        return hashes.encode() + compute(
            macs[0], hashes.salt, hashes.argon2, more=macs[1:]
        )
