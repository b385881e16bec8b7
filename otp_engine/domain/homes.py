"""Where a phone is kept: under the name that one pepper gives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from otp_engine.domain.pepper import Pepper
from otp_engine.domain.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class Home:
    """One of the names that a phone can have in the store.

    Attributes:
        space: Whose verifications these are; see `service.Service.space`.
    """

    pepper: Pepper
    number: PhoneNumber
    space: str = ""

    @property
    def phone(self) -> str:
        """The name: a digest, and behind a colon the space, if there is one.

        What is counted by phone is counted under the digest, for all services.
        """
        digest = self.pepper.digest("phone", self.number.e164)
        return f"{digest}:{self.space}" if self.space else digest


def find(
    number: PhoneNumber,
    space: str,
    peppers: Sequence[Pepper],
    remembered: Callable[[str], bool],
) -> Home:
    """Find the pepper that this phone is kept under.

    During a rotation that is whichever it has a live verification or wrong guesses
    under, so that its codes keep working and no guess is given back. They are asked in
    an order that does not depend on which is current, so that all instances agree
    while some have been changed and others have not.
    """
    homes = [Home(pepper, number, space) for pepper in peppers]
    if len(homes) == 1:
        return homes[0]
    in_order = sorted(homes, key=lambda home: home.phone)
    found = (home for home in in_order if remembered(home.phone))
    return next(found, homes[0])
