"""What is known of one phone, for an operator who was asked about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import charges
from otp_engine.domain.homes import Home
from otp_engine.domain.limits import Use
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.policy import Policy
from otp_engine.domain.ports import Counts, Store
from otp_engine.domain.verification import Waiting


@dataclass(frozen=True, slots=True)
class Inspection:
    """All that is known of a phone.

    Attributes:
        waiting: What can be checked, with the space of its service; none is that of
            the default one. The space of a bound verification is `SERVICE+ID`.
        uses: Each window that counts this phone, or everybody in its country.
    """

    waiting: Sequence[tuple[str, Waiting]]
    uses: Sequence[Use]


@dataclass(frozen=True, slots=True)
class Inspector:
    """Looks at phones, and forgets them; a send or a guess costs nothing by it."""

    store: Store
    counts: Counts
    peppers: Sequence[Pepper]
    policy: Policy

    def inspect(self, number: PhoneNumber, spaces: Sequence[str]) -> Inspection:
        """Say what is known of *number*, in the services of those *spaces*.

        Raises:
            Unavailable: Redis cannot, at the moment.
        """
        looked = [
            (space, self.store.look(phone))
            for pepper in self.peppers
            for space, phone in self._places(Home(pepper, number), spaces)
        ]
        uses = [
            use
            for pepper in self.peppers
            for use in self.counts.usage(Home(pepper, number).phone, self.policy)
        ]
        shared = charges.of_everybody(number.country, self.policy)
        uses += self.counts.shared_usage(shared)
        waiting = [(space, found) for space, found in looked if found]
        return Inspection(waiting, uses)

    def forget(self, number: PhoneNumber, spaces: Sequence[str]) -> bool:
        """Forget *number* in the services of those *spaces*, and whether it was known.

        What the limits of addresses, countries and altogether have counted stays.

        Raises:
            Unavailable: Redis cannot, at the moment.
        """
        phones = [
            [phone for _, phone in self._places(Home(pepper, number), spaces)]
            for pepper in self.peppers
        ]
        return bool(sum(map(self.counts.forget, phones)))

    def _places(self, home: Home, spaces: Sequence[str]) -> list[tuple[str, str]]:
        """List each space that can have a verification of a phone, and its store key.

        The bound verifications are listed after those of the services.
        """
        every = [*spaces, *self.counts.bound(home.phone)]
        return [(one, replace(home, space=one).phone) for one in every]
