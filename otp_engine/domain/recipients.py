"""Recipients as events and logs show them: without address and client IP."""

from __future__ import annotations

from dataclasses import dataclass

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.addresses import Address
from otp_engine.domain.email_addresses import EmailAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudonymousRecipient:
    """The recipient of an event, with address and client IP as keyed hashes.

    Attributes:
        phone_hash: Keyed hash of the number or of the e-mail address.
        prefix: Calling code and first digits of the number. They identify a region or
            a network, and no person. Empty for an e-mail address.
        country: ISO 3166 code; empty for an e-mail address.
        ip_hash: Keyed hash of the client IP, where it is known.
        block_hash: Keyed hash of the block; None for an e-mail address, and in events
            of earlier releases.
    """

    phone_hash: str
    prefix: str
    country: str
    ip_hash: str | None = None
    block_hash: str | None = None

    @classmethod
    def from_address(
        cls, address: Address, pepper: Pepper, client_ip: str | None = None
    ) -> PseudonymousRecipient:
        """Return the recipient who has an address.

        Args:
            address: The phone number or the e-mail address.
            pepper: The current pepper.
            client_ip: The recipient's network address, where it is known.
        """
        # As `hash_client_ip`, without its call in each request.
        ip_hash = client_ip and pepper.pseudonymize("address", client_ip)
        if isinstance(address, EmailAddress):
            hashed = pepper.pseudonymize("email event", address.canonical)
            return cls(phone_hash=hashed, prefix="", country="", ip_hash=ip_hash)
        return cls(
            phone_hash=pepper.pseudonymize("event", address.canonical),
            prefix=address.visible_prefix,
            country=address.country,
            ip_hash=ip_hash,
            block_hash=pepper.pseudonymize("block", address.block),
        )


def hash_client_ip(client_ip: str | None, pepper: Pepper) -> str | None:
    """Return the keyed hash of a client IP, where it is known."""
    return pepper.pseudonymize("address", client_ip) if client_ip else None


def mask_after_prefix(prefix: str) -> str:
    """Return *prefix* with asterisks in place of the hidden digits.

    Args:
        prefix: The `prefix` of a recipient; empty for an e-mail address.
    """
    return f"{prefix}*******" if prefix else "***@***"
