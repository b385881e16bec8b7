"""What one request reserves in the store, and releases if it fails later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from otp_engine.domain.homes import PhoneKey
from otp_engine.domain.limits import Charge, Use
from otp_engine.domain.policy import Policy
from otp_engine.domain.ports import Store
from otp_engine.domain.refusals import ProviderRefusal
from otp_engine.domain.verification import Binding, Claim, Opened
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

    store: Store
    policy: Policy
    token: bytes
    _releases: list[tuple[_Release, _Errors]] = field(default_factory=list)

    def take(self, limits: Sequence[Charge], *, until: _Errors = OTPError) -> list[Use]:
        """Count the request against shared limits.

        Args:
            limits: The limits.
            until: The errors of the request that release it.

        Returns:
            The usage of each limit, with this request.

        Raises:
            RateLimited, StoreUnavailable: See `ports.Store.take`.
        """
        return self._reserve(
            lambda: self.store.take(limits, token=self.token),
            lambda _: self.store.refund(limits, token=self.token),
            until,
        )

    def open(self, phone: PhoneKey, binding: Binding | None, sender: str) -> Opened:
        """Reserve a send; see `ports.Store.open`."""
        return self._reserve(
            lambda: self.store.open(
                phone,
                token=self.token,
                binding=binding,
                policy=self.policy,
                sender=sender,
            ),
            lambda error: self.store.withdraw(
                phone,
                token=self.token,
                refusal=ProviderRefusal.of(error),
                sender=sender,
            ),
        )

    def claim(self, phone: PhoneKey) -> Claim:
        """Reserve a check; see `ports.Store.claim`."""
        return self._reserve(
            lambda: self.store.claim(phone, token=self.token, policy=self.policy),
            lambda _: self.store.unclaim(phone, token=self.token),
        )

    def refund(self, limits: Sequence[Charge]) -> None:
        """Release what `take` counted, if Redis answers."""
        with suppress(StoreUnavailable):
            self.store.refund(limits, token=self.token)

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
