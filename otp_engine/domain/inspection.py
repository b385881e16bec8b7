"""Report on one phone, for an operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.limits import hits
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.models import PendingVerification
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.ports import LimitUsageStore, VerificationStore


@dataclass(frozen=True, slots=True)
class PhoneReport:
    """What is stored about a phone.

    Attributes:
        waiting: Its pending verifications, each with its scope; see `homes.PhoneKey`.
        uses: Usage of each window that counts this phone, its country or all sends.
    """

    pending: Sequence[tuple[str, PendingVerification]]
    limit_usage: Sequence[WindowUsage]


@dataclass(frozen=True, slots=True)
class PhoneInspector:
    """Reports on phones, and deletes them; no limit counts it."""

    store: VerificationStore
    counts: LimitUsageStore
    peppers: Sequence[Pepper]
    policy: Policy

    def inspect(self, number: PhoneNumber, spaces: Sequence[str]) -> PhoneReport:
        """Report on *number* in the services of *spaces*.

        Raises:
            Unavailable: Redis cannot, at the moment.
        """
        phones = self._phones(number)
        pending = [
            (key.scope, self.store.get_pending(key))
            for phone in phones
            for key in self._keys(phone, spaces)
        ]
        uses = [
            use
            for phone in phones
            for use in self.counts.phone_usage(phone, self.policy)
        ]
        shared = hits.for_country_and_total(number.country, self.policy)
        uses += self.counts.shared_usage(shared)
        waiting = [(scope, waiting) for scope, waiting in pending if waiting]
        return PhoneReport(waiting, uses)

    def delete(self, number: PhoneNumber, spaces: Sequence[str]) -> bool:
        """Delete what is stored of *number* in the services of *spaces*.

        The counts of addresses, countries and the total stay.

        Returns:
            Whether anything was stored.

        Raises:
            Unavailable: Redis cannot, at the moment.
        """
        keys = [self._keys(phone, spaces) for phone in self._phones(number)]
        return bool(sum(map(self.counts.delete_phone, keys)))

    def _phones(self, number: PhoneNumber) -> list[PhoneKey]:
        """List the key of a phone under each pepper."""
        return [
            PhoneKey(pepper.pseudonymize("phone", number.e164))
            for pepper in self.peppers
        ]

    def _keys(self, phone: PhoneKey, spaces: Sequence[str]) -> list[PhoneKey]:
        """List the keys of all verifications that a phone can have.

        Bound verifications are listed after those of the services.
        """
        in_services = [replace(phone, namespace=space) for space in spaces]
        return [*in_services, *self.counts.bound_keys(phone)]
