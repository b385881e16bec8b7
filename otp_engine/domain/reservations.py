"""The reservations of one request in the store, which it releases if it fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from otp_engine.domain.limits.limits import LimitHit, WindowUsage
from otp_engine.domain.models import (
    CheckReservation,
    DestinationCharge,
    DestinationUsage,
    HashParameters,
    SendReservation,
)
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.ports import VerificationStore
from otp_engine.domain.provider_rejections import ProviderRejection, RejectionScopes
from otp_engine.domain.send_facts import UNCOUNTED, CountingTimes
from otp_engine.errors import OTPError, Overloaded, StoreUnavailable


@dataclass(slots=True)
class Reservations:
    """The reservations of one request, in the order in which they were made.

    The hits of the requester are apart from the others: few errors release them.

    Attributes:
        store: The store that counts.
        policy: The policy in force.
        idempotency_key: The idempotency key of the request, 8 bytes.
        times: When each step counted the request.
        charge: The charge of a send at its destination, once it was requested.
        rejection_scope: What a provider's rejection of the message depends on.
        is_fallback: Whether the request is a fallback.
    """

    store: VerificationStore
    policy: Policy
    idempotency_key: bytes
    times: CountingTimes = UNCOUNTED
    charge: DestinationCharge | None = None
    rejection_scope: str = ""
    is_fallback: bool = False
    _requester_hits: Sequence[LimitHit] = ()
    _global_hits: Sequence[LimitHit] = ()
    # One release a step, in order. The store has confirmed so many of the steps.
    _releases: list[Callable[[OTPError], None]] = field(default_factory=list)
    _confirmed: int = 0
    _charge_release: Callable[[OTPError | None], None] | None = None

    def acquire_requester_hits(self, hits: Sequence[LimitHit]) -> list[WindowUsage]:
        """Count the request against the limits of its requester.

        Returns:
            The usage of each window, with this request.

        Raises:
            RateLimited, StoreUnavailable: See `VerificationStore.acquire_hits`.
        """
        self._requester_hits = hits
        if not hits:
            return []
        usage = self.store.acquire_hits(hits, idempotency_key=self.idempotency_key)
        self.times = replace(self.times, requester=_read_at(usage))
        return usage

    def acquire_global_hits(self, hits: Sequence[LimitHit]) -> list[WindowUsage]:
        """Count a check against the global limits.

        Returns:
            The usage of each window, with this request.

        Raises:
            RateLimited, StoreUnavailable: See `VerificationStore.acquire_hits`.
        """
        self._global_hits = hits
        if not hits:
            return []
        self._releases.append(lambda _: self.release_global_hits())
        usage = self.store.acquire_hits(hits, idempotency_key=self.idempotency_key)
        self._confirmed += 1
        self.times = replace(self.times, destination=_read_at(usage))
        return usage

    def acquire_destination(
        self, charge: DestinationCharge, key: bytes
    ) -> DestinationUsage:
        """Count a message against the pumping guard, the budget and the global limits.

        The store is not called where nothing counts the message.

        Args:
            charge: The message.
            key: The idempotency key of this step, 8 bytes.

        Raises:
            DestinationSuspended, RateLimited, StoreUnavailable: See
                `VerificationStore.acquire_destination`.
        """
        self.charge = charge
        if not charge.is_needed:
            return _UNCHARGED

        def release(_: OTPError | None = None) -> None:
            self.store.release_destination(charge, idempotency_key=key)

        self._charge_release = release
        self._releases.append(release)
        usage = self.store.acquire_destination(charge, idempotency_key=key)
        self._confirmed += 1
        self.times = replace(self.times, destination=usage.counted_at)
        return usage

    def release_destination(self) -> None:
        """Release the message of a step that failed, if Redis replies."""
        release, self._charge_release = self._charge_release, None
        if release is None:
            return
        # The store did not count a message that it refused or did not reply to.
        position = self._releases.index(release)
        del self._releases[position]
        self._confirmed -= position < self._confirmed
        with suppress(StoreUnavailable):
            release(None)

    def discard_refused_destination(self) -> None:
        """Discard the release of a message that the store refused to count."""
        self._charge_release = None
        # The refused message is the newest one, and was never confirmed.
        del self._releases[self._confirmed :]

    def reserve_send(
        self,
        phone: PhoneKey,
        hash_parameters: HashParameters | None,
        scopes: RejectionScopes,
    ) -> SendReservation:
        """Reserve a send; see `VerificationStore.reserve_send`."""
        self.rejection_scope = next(iter(scopes.values()))
        self._releases.append(
            lambda error: self.store.release_send(
                phone,
                idempotency_key=self.idempotency_key,
                rejection=ProviderRejection.from_error(error),
                sender=self.rejection_scope,
            )
        )
        reservation = self.store.reserve_send(
            phone,
            idempotency_key=self.idempotency_key,
            hash_parameters=hash_parameters,
            policy=self.policy,
            scopes=scopes,
            is_fallback=self.is_fallback,
        )
        self._confirmed += 1
        self.times = replace(self.times, phone=reservation.counted_at)
        return reservation

    def reserve_check(self, phone: PhoneKey) -> CheckReservation:
        """Reserve a check; see `VerificationStore.reserve_check`."""
        self._releases.append(
            lambda _: self.store.release_check(
                phone, idempotency_key=self.idempotency_key
            )
        )
        reservation = self.store.reserve_check(
            phone, idempotency_key=self.idempotency_key, policy=self.policy
        )
        self._confirmed += 1
        return reservation

    def commit(self) -> None:
        """Keep the reservations of the phone and of the global limits."""
        self._releases.clear()
        self._confirmed = 0

    def release(self, error: OTPError) -> None:
        """Release the reservations of a request that failed, the newest first.

        The hits of the requester are released only if this instance or the store had
        no capacity. A reservation that cannot be released while Redis does not reply
        stays counted: a recipient may have to wait, but no limit is exceeded.

        Args:
            error: The error of the request.
        """
        if not isinstance(error, StoreUnavailable):
            # A step that the store refused has reserved nothing. If the store did not
            # reply, it may have, and a release of nothing changes nothing.
            del self._releases[self._confirmed :]
        for release in reversed(self._releases):
            with suppress(StoreUnavailable):
                release(error)
        if isinstance(error, Overloaded | StoreUnavailable):
            self.release_requester_hits()

    def release_requester_hits(self) -> None:
        """Release the hits of the requester, if Redis replies."""
        self._release_hits(self._requester_hits)
        self.times = UNCOUNTED

    def release_global_hits(self) -> None:
        """Release the hits of the global limits, if Redis replies."""
        self._release_hits(self._global_hits)

    def _release_hits(self, hits: Sequence[LimitHit]) -> None:
        if hits:
            with suppress(StoreUnavailable):
                self.store.release_hits(hits, idempotency_key=self.idempotency_key)


_UNCHARGED = DestinationUsage(limit_usage=[], counted_at=0)


def _read_at(usage: Sequence[WindowUsage]) -> int:
    return max((window.read_at for window in usage), default=0)
