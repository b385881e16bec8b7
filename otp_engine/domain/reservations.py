"""What one request reserves in the store, and releases if it fails later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from otp_engine.domain.limits.limits import LimitHit, WindowUsage
from otp_engine.domain.models import CheckReservation, HashParameters, SendReservation
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.ports import VerificationStore
from otp_engine.domain.provider_rejections import ProviderRejection
from otp_engine.errors import OTPError, StoreUnavailable

T = TypeVar("T")

_Errors: TypeAlias = type[OTPError] | tuple[type[OTPError], ...]
_Release: TypeAlias = Callable[[OTPError], None]


@dataclass(frozen=True, slots=True)
class Reservations:
    """The reservations of one request, in the order in which they were made.

    Attributes:
        token: The idempotency key of the request, 8 bytes.
    """

    store: VerificationStore
    policy: Policy
    idempotency_key: bytes
    _releases: list[tuple[_Release, _Errors]] = field(default_factory=list)

    def acquire_limits(
        self, hits: Sequence[LimitHit], *, until: _Errors = OTPError
    ) -> list[WindowUsage]:
        """Count the request against shared limits.

        Args:
            hits: The limits, with the identifiers that they count.
            until: The errors of the request that release it.

        Returns:
            The usage of each limit, with this request.

        Raises:
            RateLimited, StoreUnavailable: See `ports.Store.take`.
        """
        return self._reserve(
            lambda: self.store.acquire_limits(
                hits, idempotency_key=self.idempotency_key
            ),
            lambda _: self.store.release_limits(
                hits, idempotency_key=self.idempotency_key
            ),
            until,
        )

    def reserve_send(
        self, phone: PhoneKey, hash_parameters: HashParameters | None, sender: str
    ) -> SendReservation:
        """Reserve a send; see `ports.Store.open`."""
        return self._reserve(
            lambda: self.store.reserve_send(
                phone,
                idempotency_key=self.idempotency_key,
                hash_parameters=hash_parameters,
                policy=self.policy,
                sender=sender,
            ),
            lambda error: self.store.release_send(
                phone,
                idempotency_key=self.idempotency_key,
                rejection=ProviderRejection.from_error(error),
                sender=sender,
            ),
        )

    def reserve_check(self, phone: PhoneKey) -> CheckReservation:
        """Reserve a check; see `ports.Store.claim`."""
        return self._reserve(
            lambda: self.store.reserve_check(
                phone, idempotency_key=self.idempotency_key, policy=self.policy
            ),
            lambda _: self.store.release_check(
                phone, idempotency_key=self.idempotency_key
            ),
        )

    def release_limits(self, hits: Sequence[LimitHit]) -> None:
        """Release what `take` counted, if Redis answers."""
        with suppress(StoreUnavailable):
            self.store.release_limits(hits, idempotency_key=self.idempotency_key)

    def release(self, error: OTPError) -> None:
        """Release what *error* releases, the newest reservation first.

        What cannot be released while Redis is silent stays counted. That costs a
        recipient a wait; the opposite would let requests exceed a limit.
        """
        for release, until in reversed(self._releases):
            if isinstance(error, until):
                with suppress(StoreUnavailable):
                    release(error)

    def _reserve(
        self, action: Callable[[], T], release: _Release, until: _Errors = OTPError
    ) -> T:
        # A store that did not answer may have reserved or not. To release what was not
        # reserved changes nothing.
        try:
            reserved = action()
        except StoreUnavailable:
            self._releases.append((release, until))
            raise
        self._releases.append((release, until))
        return reserved
