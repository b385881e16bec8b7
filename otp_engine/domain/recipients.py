"""People, as those may know them who only watch."""

from __future__ import annotations

from dataclasses import dataclass

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.phones.numbers import PhoneNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Whoever something happened to.

    Attributes:
        phone: A keyed digest of the number.
        prefix: The beginning of the number, which tells a region or a network, and no
            person.
        country: ISO 3166 code.
        address: A keyed digest of the network address that asked, where it is known.
    """

    phone_hash: str
    prefix: str
    country: str
    ip_hash: str | None = None

    @classmethod
    def from_number(
        cls, number: PhoneNumber, pepper: Pepper, address: str | None = None
    ) -> Recipient:
        """What is told of a *number*, and of the *address* that asked."""
        return cls(
            phone_hash=pepper.pseudonymize("event", number.e164),
            prefix=number.visible_prefix,
            country=number.country,
            ip_hash=address and pepper.pseudonymize("address", address),
        )


def mask_after_prefix(prefix: str) -> str:
    """A number of which no more than the beginning is known."""
    return f"{prefix}*******"
