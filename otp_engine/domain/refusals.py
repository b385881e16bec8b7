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

REMEMBERED = timedelta(minutes=10)
"""How long a refusal is stored."""

_KINDS: dict[str, type[OTPError]] = {
    kind.name: kind
    for kind in (DeliveryFailed, InvalidPhone, CountryNotAllowed, NumberTypeNotAllowed)
}


@dataclass(frozen=True, slots=True)
class ProviderRefusal:
    """A provider refused a message because of the number.

    Attributes:
        name: Name of the error that the client got.
        provider_error: The provider's own number for it, if there was one.
    """

    name: str
    provider_error: int | None = None

    @classmethod
    def of(cls, error: OTPError) -> ProviderRefusal | None:
        """Return the refusal that *error* reports.

        Returns:
            None if *error* is about the sender, the provider or a limit, or if the
            provider gave no reason: then it may be about any of these.
        """
        if error.name not in _KINDS:
            return None
        unclear = error.carrier_error is None or getattr(error, "elsewhere", False)
        if isinstance(error, DeliveryFailed) and unclear:
            return None
        return cls(error.name, error.carrier_error)

    @classmethod
    def parse(cls, text: str) -> ProviderRefusal:
        """Parse what `str` of a refusal returns."""
        name, _, number = text.partition(" ")
        return cls(name, int(number) if number else None)

    def error(self) -> OTPError:
        """Return the error that the client got, marked as remembered."""
        error = _KINDS.get(self.name, DeliveryFailed)()
        error.carrier_error = self.provider_error
        error.remembered = True
        return error

    def __str__(self) -> str:
        return f"{self.name} {self.provider_error or ''}".strip()
