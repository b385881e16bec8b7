"""Recipients as events and logs show them: without number and network address."""

from __future__ import annotations

from dataclasses import dataclass

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.phones.numbers import PhoneNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudonymousRecipient:
    """The recipient of an event, with number and IP address as keyed hashes.

    Attributes:
        phone_hash: Keyed hash of the number.
        prefix: Calling code and first digits of the number. They identify a region or
            a network, and no person.
        country: ISO 3166 code.
        ip_hash: Keyed hash of the client IP, where it is known.
        block_hash: Keyed hash of the block; None in events of earlier releases.
    """

    phone_hash: str
    prefix: str
    country: str
    ip_hash: str | None = None
    block_hash: str | None = None

    @classmethod
    def from_number(
        cls, number: PhoneNumber, pepper: Pepper, client_ip: str | None = None
    ) -> PseudonymousRecipient:
        """Return the recipient who has a number.

        Args:
            number: The number.
            pepper: The current pepper.
            client_ip: The recipient's network address, where it is known.
        """
        return cls(
            phone_hash=pepper.pseudonymize("event", number.e164),
            prefix=number.visible_prefix,
            country=number.country,
            ip_hash=client_ip and pepper.pseudonymize("address", client_ip),
            block_hash=pepper.pseudonymize("block", number.block),
        )


def mask_after_prefix(prefix: str) -> str:
    """Return *prefix* with asterisks in place of the hidden digits."""
    return f"{prefix}*******"
