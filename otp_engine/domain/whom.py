"""People, as those may know them who only watch."""

from __future__ import annotations

from dataclasses import dataclass

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.phone import HIDDEN, PhoneNumber, visible_digits

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Whom:
    """Whoever something happened to.

    Attributes:
        phone: A keyed digest of the number.
        prefix: The beginning of the number, which tells a region or a network, and no
            person.
        country: ISO 3166 code.
        address: A keyed digest of the network address that asked, where it is known.
    """

    phone: str
    prefix: str
    country: str
    address: str | None = None

    @classmethod
    def of(
        cls, number: PhoneNumber, pepper: Pepper, address: str | None = None
    ) -> Whom:
        """What is told of a *number*, and of the *address* that asked."""
        return cls(
            phone=pepper.pseudonymize("event", number.e164),
            prefix=prefix(number),
            country=number.country,
            address=address and pepper.pseudonymize("address", address),
        )


def prefix(number: PhoneNumber) -> str:
    """Return the calling code of a number, and up to three digits more.

    A log line and an event can be matched by their time, so three digits at least stay
    hidden from whoever reads both: this shows the beginning, and the log the end.
    """
    national = number.national
    shown = len(national) - visible_digits(national) - HIDDEN
    return f"+{number.calling_code}{national[: max(0, min(_SHOWN, shown))]}"


def shown(prefix: str) -> str:
    """A number of which no more than the beginning is known."""
    return f"{prefix}*******"
