"""A provider's refusal of a number, remembered so that it costs nothing again.

A refused number costs a hash and a request to the provider each time. The refusal is
stored for some minutes under the keyed hash of the number, and a send in that time
gets the same error at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    InvalidPhone,
    NumberTypeNotAllowed,
    OTPError,
)

TTL = timedelta(minutes=10)
"""How long a refusal is stored."""

_KINDS: dict[str, type[OTPError]] = {
    kind.error_code: kind
    for kind in (DeliveryFailed, InvalidPhone, CountryNotAllowed, NumberTypeNotAllowed)
}


@dataclass(frozen=True, slots=True)
class ProviderRejection:
    """A provider refused a message because of the number.

    Attributes:
        name: Name of the error that the client got.
        provider_error: The provider's own number for it, if there was one.
    """

    error_code: str
    provider_error: int | None = None

    @classmethod
    def from_error(cls, error: OTPError) -> ProviderRejection | None:
        """Return the refusal that *error* reports.

        Returns:
            None if *error* is about the sender, the provider or a limit, or if the
            provider gave no reason: then it may be about any of these.
        """
        if error.error_code not in _KINDS:
            return None
        if isinstance(error, DeliveryFailed) and (
            error.provider_error is None or error.retry_elsewhere
        ):
            return None
        return cls(error.error_code, error.provider_error)

    @classmethod
    def parse(cls, text: str) -> ProviderRejection:
        """Parse what `str` of a refusal returns."""
        name, _, number = text.partition(" ")
        return cls(name, int(number) if number else None)

    def to_error(self) -> OTPError:
        """Return the error that the client got, marked as remembered."""
        error = _KINDS.get(self.error_code, DeliveryFailed)()
        error.provider_error = self.provider_error
        error.remembered = True
        return error

    def __str__(self) -> str:
        return f"{self.error_code} {self.provider_error or ''}".strip()
