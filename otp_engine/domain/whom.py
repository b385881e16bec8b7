"""People, as those may know them who only watch."""

from __future__ import annotations

from dataclasses import dataclass

from otp_engine.domain.pepper import Pepper
from otp_engine.domain.phone import PhoneNumber

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
            phone=pepper.digest("event", number.e164),
            prefix=prefix(number),
            country=number.country,
            address=address and pepper.digest("address", address),
        )


def prefix(number: PhoneNumber) -> str:
    """The calling code of a number, and three digits more; of a short one, fewer.

    With the end of it, as the log masks it, a thousand numbers are left or more.
    """
    national = number.e164.removeprefix(f"+{number.calling_code}")
    return f"+{number.calling_code}{national[: min(_SHOWN, len(national) // 3)]}"


def shown(prefix: str) -> str:
    """A number of which no more than the beginning is known."""
    return f"{prefix}*******"
