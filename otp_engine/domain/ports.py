"""What the engine needs from outside, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

from otp_engine.domain.events import Event, Happened
from otp_engine.domain.homes import PhoneKey, Standings
from otp_engine.domain.limits import Charge, Use
from otp_engine.domain.messages import Message
from otp_engine.domain.policy import Policy
from otp_engine.domain.record import Record
from otp_engine.domain.refusals import ProviderRefusal
from otp_engine.domain.service import Service
from otp_engine.domain.verification import Binding, Claim, Opened, Waiting

Handover = Callable[[Message], None]
"""Hands one message over to a carrier, and returns when it was accepted."""


class Store(Standings, Protocol):
    """Stores verifications, and counts events against limits.

    *phone* is the key of one phone in one service. Messages and failed checks are
    counted for all services together.
    *token* is the idempotency key of one request: a step that is repeated with the same
    token changes nothing and returns the same. Every method raises `StoreUnavailable`
    when the store does not answer.
    """

    def open(
        self,
        phone: PhoneKey,
        *,
        token: bytes,
        binding: Binding | None,
        policy: Policy,
        sender: str = "",
    ) -> Opened:
        """Reserve one send, beginning a verification with *binding* if none is alive.

        Without a *binding*, only a live verification is sent again. The *sender* is
        what a provider's refusal can depend on: a Messaging Service, or empty.

        Raises:
            RateLimited: The cooldown or a limit of this phone refused.
            TooManyAttempts: The live verification has no guess left to check with.
            VerificationNotFound: There is no *binding*, and nothing is alive.
            DeliveryFailed, NotServed, InvalidPhone: A provider refused this phone some
                minutes ago; nothing was reserved.
        """

    def arm(self, phone: PhoneKey, *, token: bytes, tag: bytes, policy: Policy) -> bool:
        """Keep the hash of the code that the reserved send will carry.

        False when the verification ended in the meantime: nothing may be sent.
        """

    def withdraw(
        self,
        phone: PhoneKey,
        *,
        token: bytes,
        refusal: ProviderRefusal | None = None,
        sender: str = "",
    ) -> None:
        """Give a reserved send back, with its code if it was armed.

        A provider's *refusal* of the phone is stored for `refusals.REMEMBERED`, for
        this *sender* only.
        """

    def claim(self, phone: PhoneKey, *, token: bytes, policy: Policy) -> Claim:
        """Pay for one guess, and say what it must match.

        Raises:
            VerificationNotFound: Nothing is waiting for this phone.
            TooManyAttempts: Every guess of this verification is spent.
            RateLimited: The phone's budget of wrong guesses is spent.
        """

    def unclaim(self, phone: PhoneKey, *, token: bytes) -> None:
        """Give back a guess that was paid for and never looked at."""

    def approve(
        self, phone: PhoneKey, *, token: bytes, id: bytes, guessed: bool = True
    ) -> datetime | None:
        """Close the verification, and return when, by the store's clock.

        None, if this request was not the one to close it. The phone's wrong guesses
        are forgotten, but where no code was *guessed*.
        """

    def cancel(self, phone: PhoneKey, *, id: bytes | None = None) -> bool:
        """Close the verification without an approval, with all of its codes.

        With an *id* it must be that one. The phone's wrong guesses and its messages
        stay counted. False when nothing is waiting, as `claim` means it: where no code
        is alive, a reserved send included, nothing is changed. A repetition finds
        nothing left to close, and so has no token.
        """

    def look(self, phone: PhoneKey) -> Waiting | None:
        """Say what is waiting, as `claim` means it; nothing is changed."""

    def take(self, charges: Sequence[Charge], *, token: bytes) -> list[Use]:
        """Let one event through every shared limit, or through none.

        What comes back counts it.

        Raises:
            RateLimited: One of them refused, and none was charged.
        """

    def refund(self, charges: Sequence[Charge], *, token: bytes) -> None:
        """Give back what `take` charged."""

    def ping(self) -> None:
        """Answer, if requests could be served."""


class Counts(Protocol):
    """Says what limits have counted; raises `StoreUnavailable` as `Store` does."""

    def usage(self, phone: PhoneKey, policy: Policy) -> list[Use]:
        """How far the limits of this phone are used; nothing is changed."""

    def shared_usage(self, charges: Sequence[Charge]) -> list[Use]:
        """How far shared limits are used; nothing is changed."""

    def bound(self, phone: PhoneKey) -> list[PhoneKey]:
        """List the keys of this phone's bound verifications."""

    def forget(self, phones: Sequence[PhoneKey]) -> int:
        """Forget one phone in all of these services, and how much there was."""


class Sender(Protocol):
    """Hands a message to somebody who delivers it."""

    @property
    def name(self) -> str:
        """What operators call it."""

    def room(self) -> AbstractContextManager[Handover]:
        """Keep a place for one message, before anything is done for it.

        What is given hands it over, once, and returns when the carrier accepted it.

        Raises:
            Saturated: Too many are being handed over.
            CarrierUnavailable: No carrier answers; handing over may find out as well.
                Nothing was sent, and trying again is right.
            DeliveryFailed: The carrier refused the message; it will not arrive.
            NotServed, InvalidPhone: The carrier knows better about the number.
            DeliveryUnconfirmed: Nobody knows; it may arrive.
        """

    def ping(self) -> None:
        """Answer, if messages could be sent.

        Raises:
            CarrierUnavailable: The carrier does not answer.
            DeliveryFailed: The carrier does not accept who we are.
        """


class Services(Protocol):
    """Remembers the services; raises `StoreUnavailable` as `Store` does."""

    def find(self, sid: str) -> Service | None:
        """Find one by its sid."""

    def all(self) -> list[Service]:
        """All of them, newest first."""

    def swap(self, old: Service | None, new: Service | None) -> bool:
        """Put *new* in the place of *old*, and say whether *old* was still there.

        None is no service: with no *old* it is added, with no *new* deleted.
        """


class Records(Protocol):
    """Remembers what was told about verifications; raises as `Store` does."""

    def note(self, record: Record, *, token: bytes, life: timedelta) -> Record:
        """Remember the send named *token*, for *life* at least.

        What comes back has every send of the verification.
        """

    def find(self, id: bytes) -> Record | None:
        """Say what is known of a verification."""

    def cancelled(self, id: bytes, *, life: timedelta) -> None:
        """Remember for *life* that a verification was closed without an approval."""

    def forget(self, id: bytes) -> None:
        """Remember nothing of a verification that was approved."""


class Events(Protocol):
    """Remembers what happened."""

    def add(self, event: Event) -> None:
        """Remember *event*; where that cannot be, say so in the log, and go on."""

    def since(self, begin: datetime | None) -> Iterator[Happened]:
        """What happened since *begin*, newest first; raises as `Store` does."""


class Amendments(Protocol):
    """Stores the versions of the policy as texts; raises as `Store` does.

    `policy_versions.PolicyVersions` signs and reads them.
    """

    def latest(self) -> bytes | None:
        """Return the text that was added last; None without any."""

    def history(self, most: int) -> list[bytes]:
        """Return the last *most*, newest first."""

    def add(self, text: str, *, after: bytes | None) -> bool:
        """Add *text*, if *after* is still the one that was added last.

        True as well, if *text* is.
        """

    def replace(self, old: bytes, new: str) -> bool:
        """Put *new* in the place of *old*, if that is still there."""


class SafeList(Protocol):
    """Remembers phones that are served whatever their country; raises as `Store`."""

    def add(self, phone: str) -> bool:
        """Remember a phone, and say whether it was new."""

    def has(self, phone: str) -> bool:
        """Whether a phone is remembered."""

    def remove(self, phone: str) -> bool:
        """Forget a phone, and say whether it was remembered."""
