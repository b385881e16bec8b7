"""The key of a phone in the store, and the pepper that its data is stored under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class PhoneKey:
    """The key of one phone in one service.

    Attributes:
        digest: The pseudonym of the number. What is counted by phone is counted under
            it, for all services together.
        namespace: The service; see `service.Service.space`.
        bound: Id of the bound verification that is meant, 16 bytes.
        scope: The service, or `SERVICE+ID` for a bound verification.
    """

    digest: str
    namespace: str = ""
    bound: bytes | None = None
    scope: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        suffix = "" if self.bound is None else f"+{self.bound.hex()}"
        object.__setattr__(self, "scope", self.namespace + suffix)

    def scoped(self, scope: str) -> PhoneKey:
        """Return the key of the same phone in another *scope*."""
        namespace, plus, bound = scope.partition("+")
        return PhoneKey(self.digest, namespace, bytes.fromhex(bound) if plus else None)


@dataclass(frozen=True, slots=True)
class PhoneState:
    """What the store holds for a phone under one pepper.

    Attributes:
        live: Whether a verification of any service can be alive.
        failures: Failed checks that are stored.
    """

    live: bool
    failed_checks: int


class PhoneStateStore(Protocol):
    """Where the data of phones is stored; raises `StoreUnavailable`."""

    def get_phone_state(self, phone: PhoneKey, policy: Policy) -> PhoneState:
        """Return whether this phone is in use under its pepper."""

    def move_failed_checks(self, old: PhoneKey, new: PhoneKey, policy: Policy) -> None:
        """Move the failed checks of one phone from one pepper's key to another's."""


def resolve(
    keys: Sequence[tuple[Pepper, PhoneKey]], store: PhoneStateStore, policy: Policy
) -> tuple[Pepper, PhoneKey]:
    """Find the pepper that a phone is stored under.

    During a rotation it is the one under which a verification of the phone is alive in
    any service, so that codes keep working. The peppers are tried in an order that is
    the same on every instance, whichever pepper is current there. Failed checks that
    are stored under another pepper move along, so that no budget starts again.

    Args:
        keys: The phone's key under each pepper, the current pepper first.
        store: Where to look.
        policy: The policy in force.

    Returns:
        One of *keys*; the first if the phone is not in use.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    if len(keys) == 1:
        return keys[0]
    in_order = sorted(keys, key=lambda pair: pair[1].digest)
    standings = [(pair, store.get_phone_state(pair[1], policy)) for pair in in_order]
    current = next((pair for pair, standing in standings if standing.live), keys[0])
    for other, standing in standings:
        if other != current and standing.failed_checks:
            store.move_failed_checks(other[1], current[1], policy)
    return current
