"""The keys of phones in the store, and the peppers that their data is stored under."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.addresses import Address
from otp_engine.domain.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class PhoneKey:
    """The key of one phone, or of one e-mail address, in one namespace.

    Attributes:
        digest: The pseudonym of the number or of the address. The counts of a phone are
            stored under it, for all namespaces together.
        service_namespace: The namespace of a service; see `Service.namespace`.
        bound: Id of a bound verification, 16 bytes; None for the others.
        namespace: The service's namespace, or `NAMESPACE+ID` for a bound verification.
    """

    digest: str
    service_namespace: str = ""
    bound: bytes | None = None
    namespace: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        suffix = "" if self.bound is None else f"+{self.bound.hex()}"
        object.__setattr__(self, "namespace", self.service_namespace + suffix)

    def in_namespace(self, namespace: str) -> PhoneKey:
        """Return the key of the same phone in another *namespace*."""
        service, plus, bound = namespace.partition("+")
        return PhoneKey(self.digest, service, bytes.fromhex(bound) if plus else None)


def pseudonymize(address: Address, pepper: Pepper) -> str:
    """Return the pseudonym of an *address* in keys, which no other kind can have."""
    return pepper.pseudonymize(address.kind, address.canonical)


@dataclass(frozen=True, slots=True)
class PhoneState:
    """The state of a phone under one pepper.

    Attributes:
        live: Whether a verification of any service can be live.
        consecutive_failures: The number of stored failed checks of any kind.
    """

    live: bool
    consecutive_failures: int


class PhoneStateStore(Protocol):
    """Stores the state of phones; every method raises `StoreUnavailable`."""

    def get_phone_state(self, phone: PhoneKey, policy: Policy) -> PhoneState:
        """Return the state of *phone* under its pepper."""

    def move_failed_checks(self, old: PhoneKey, new: PhoneKey, policy: Policy) -> None:
        """Move the failed checks of a phone from one pepper's key to another's."""


@dataclass(frozen=True, slots=True)
class PhoneKeys:
    """The keys of all phones.

    Attributes:
        peppers: The current pepper, then the previous one during a rotation.
        store: Stores the state of phones.
        policy: The policy in force.
        namespace_suffix: The end of each namespace.
    """

    peppers: tuple[Pepper, ...]
    store: PhoneStateStore
    policy: Policy
    namespace_suffix: str = ""

    def resolve(
        self, address: Address, namespace: str, bound_id: bytes | None
    ) -> tuple[Pepper, PhoneKey]:
        """Return the key of a phone, and the pepper of that key.

        During a rotation it is the pepper with a live verification of the phone in any
        namespace, so that live codes keep working. The order of the search is the same
        on every instance, whichever pepper is current there. Failed checks under
        another pepper are moved, so that no budget restarts.

        Args:
            address: The number of the phone, or the e-mail address.
            namespace: The namespace of the service.
            bound_id: Id of a bound verification, 16 bytes; None for the others.

        Returns:
            The current pepper if no verification is live, and its key.

        Raises:
            StoreUnavailable: Redis does not reply.
        """
        namespace += self.namespace_suffix
        keys = [
            (
                pepper,
                PhoneKey(pseudonymize(address, pepper), namespace, bound_id),
            )
            for pepper in self.peppers
        ]
        if len(keys) == 1:
            return keys[0]
        in_order = sorted(keys, key=lambda pair: pair[1].digest)
        states = [
            (pair, self.store.get_phone_state(pair[1], self.policy))
            for pair in in_order
        ]
        current = next((pair for pair, state in states if state.live), keys[0])
        for other, state in states:
            if other != current and state.consecutive_failures:
                self.store.move_failed_checks(other[1], current[1], self.policy)
        return current
