"""Report on one phone, for an operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.limits import hits
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.models import Channel, PendingVerification
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.ports import LimitUsageStore, VerificationStore


@dataclass(frozen=True, slots=True)
class PhoneReport:
    """The stored state of a phone.

    Attributes:
        pending: Its pending verifications, each with its namespace; see `PhoneKey`.
        limit_usage: Usage of each window that counts this phone, its country, a channel
            or all sends.
    """

    pending: Sequence[tuple[str, PendingVerification]]
    limit_usage: Sequence[WindowUsage]


@dataclass(frozen=True, slots=True)
class PhoneInspector:
    """Reports on phones and deletes their data; no limit counts its calls."""

    store: VerificationStore
    limit_usage: LimitUsageStore
    peppers: Sequence[Pepper]
    policy: Policy

    def inspect(self, number: PhoneNumber, namespaces: Sequence[str]) -> PhoneReport:
        """Report on a phone.

        Args:
            number: Number of the phone.
            namespaces: Namespaces of the services to report on.

        Raises:
            Unavailable: Redis does not answer.
        """
        phones = self._phones(number)
        pending = [
            (phone_key.namespace, verification)
            for phone in phones
            for phone_key in self._phone_keys(phone, namespaces)
            if (verification := self.store.get_pending(phone_key))
        ]
        usage = [
            window
            for phone in phones
            for window in self.limit_usage.phone_usage(phone, self.policy)
        ]
        global_limits = list(
            dict.fromkeys(
                hit
                for channel in Channel
                for hit in hits.for_destination(number, channel, self.policy)
            )
        )
        return PhoneReport(
            pending, usage + self.limit_usage.shared_usage(global_limits)
        )

    def delete(self, number: PhoneNumber, namespaces: Sequence[str]) -> bool:
        """Delete the data of a phone.

        The usage of network addresses, countries and the total does not change.

        Args:
            number: Number of the phone.
            namespaces: Namespaces of the services to delete from.

        Returns:
            Whether any data was stored.

        Raises:
            Unavailable: Redis does not answer.
        """
        phone_keys = [
            self._phone_keys(phone, namespaces) for phone in self._phones(number)
        ]
        return bool(sum(map(self.limit_usage.delete_phone, phone_keys)))

    def _phones(self, number: PhoneNumber) -> list[PhoneKey]:
        """List the key of a phone under each pepper."""
        return [
            PhoneKey(pepper.pseudonymize("phone", number.e164))
            for pepper in self.peppers
        ]

    def _phone_keys(self, phone: PhoneKey, namespaces: Sequence[str]) -> list[PhoneKey]:
        """List the keys of all verifications that a phone can have.

        Bound verifications are listed after those of the services.
        """
        in_services = [
            replace(phone, service_namespace=namespace) for namespace in namespaces
        ]
        return [*in_services, *self.limit_usage.bound_keys(phone)]
