"""The store key of a phone, and the pepper that its data is stored under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Home:
    """One of the names that a phone can have in the store.

    Attributes:
        space: Whose verifications these are; see `service.Service.space`.
        bound: Id of the bound verification that is meant, 16 bytes.
    """

    pepper: Pepper
    number: PhoneNumber
    space: str = ""
    bound: bytes | None = None

    @property
    def phone(self) -> str:
        """The name: a digest, and behind a colon the space, if there is one.

        What is counted by phone is counted under the digest, for all services. A bound
        verification adds a plus sign and its id.
        """
        digest = self.pepper.pseudonymize("phone", self.number.e164)
        space = self.space if self.bound is None else f"{self.space}+{self.bound.hex()}"
        return f"{digest}:{space}" if space else digest


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store holds for a phone under one pepper.

    Attributes:
        live: Whether a verification of any service can be alive.
        failures: Failed checks that are stored.
    """

    live: bool
    failures: int


class Standings(Protocol):
    """Where the data of phones is stored; raises `StoreUnavailable`."""

    def standing(self, phone: str, policy: Policy) -> Standing:
        """Return whether this phone is in use under its pepper."""

    def move_failures(self, old: str, new: str, policy: Policy) -> None:
        """Move the failed checks of one phone from one pepper's key to another's."""


def find(homes: Sequence[Home], store: Standings, policy: Policy) -> Home:
    """Find the pepper that a phone is stored under.

    During a rotation it is the one under which a verification of the phone is alive in
    any service, so that codes keep working. The peppers are tried in an order that is
    the same on every instance, whichever pepper is current there. Failed checks that
    are stored under another pepper move along, so that no budget starts again.

    Args:
        homes: The phone under each pepper, the current one first.
        store: Where to look.
        policy: The policy in force.

    Returns:
        One of *homes*; the first where the phone is not in use.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    if len(homes) == 1:
        return homes[0]
    in_order = sorted(homes, key=lambda home: home.phone)
    found = [(home, store.standing(home.phone, policy)) for home in in_order]
    home = next((home for home, standing in found if standing.live), homes[0])
    for other, standing in found:
        if other != home and standing.failures:
            store.move_failures(other.phone, home.phone, policy)
    return home
