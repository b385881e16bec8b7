"""Recipients as events and logs show them: without number and network address."""

from __future__ import annotations

from dataclasses import dataclass

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.phones.numbers import (
    MIN_HIDDEN_DIGITS,
    PhoneNumber,
    visible_digits,
)

_VISIBLE_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """The recipient of an event, with number and IP address as keyed hashes.

    Attributes:
        phone_hash: Keyed hash of the number.
        prefix: Calling code and first digits of the number. They identify a region or
            a network, and no person.
        country: ISO 3166 code.
        ip_hash: Keyed hash of the client IP, where it is known.
    """

    phone_hash: str
    prefix: str
    country: str
    ip_hash: str | None = None

    @classmethod
    def from_number(
        cls, number: PhoneNumber, pepper: Pepper, client_ip: str | None = None
    ) -> Recipient:
        """Return the recipient who has a number.

        Args:
            number: The number.
            pepper: The current pepper.
            client_ip: The recipient's network address, where it is known.
        """
        return cls(
            phone_hash=pepper.pseudonymize("event", number.e164),
            prefix=visible_prefix(number),
            country=number.country,
            ip_hash=client_ip and pepper.pseudonymize("address", client_ip),
        )


def visible_prefix(number: PhoneNumber) -> str:
    """Return the calling code of a number, and up to three digits more.

    A log line and an event can be matched by their time. The event shows the first
    digits and the log the last ones, so at least three digits in between stay hidden.
    """
    national = number.national
    shown = len(national) - visible_digits(national) - MIN_HIDDEN_DIGITS
    return f"+{number.calling_code}{national[: max(0, min(_VISIBLE_DIGITS, shown))]}"


def mask_after_prefix(prefix: str) -> str:
    """Return *prefix* with asterisks in place of the hidden digits."""
    return f"{prefix}*******"
