"""The whole service: send a code, check a code, or close it unchecked.

    send    open ─▶ take ─▶ hash ─▶ arm ─▶ the carrier
    check   take ─▶ claim ─▶ hash ─▶ approve

Nothing that costs anything happens before every limit has said yes, and whatever was
charged before somebody said a clear no is given back. Each step in the store is one
atomic script; Argon2 and the carrier sit between them, so the order is what makes the
gaps harmless: a send is counted before it is made, a guess is paid for before it is
looked at, and the first right one closes the verification for all others.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from otp_engine.domain import codes, messages
from otp_engine.domain.giving_back import given_back_by
from otp_engine.domain.hashing import Cost, HashingPool
from otp_engine.domain.limits import Charge, Limit
from otp_engine.domain.messages import Message
from otp_engine.domain.pepper import Pepper
from otp_engine.domain.phone import PhoneNumber, Served
from otp_engine.domain.policy import Policy
from otp_engine.domain.ports import Handover, Sender, Store
from otp_engine.domain.verification import Asked, Binding, Checked, Guess, Opened, Sent
from otp_engine.errors import (
    DeliveryUnconfirmed,
    Refused,
    StoreUnavailable,
    Unavailable,
    VerificationNotFound,
)

# At least 128 bits for an id (ASVS 5.0, 11.5.1), and just that for a salt (RFC 9106).
_ID_BYTES = 16
_TOKEN_BYTES = 8


@dataclass(frozen=True, slots=True)
class _Home:
    """Where a phone is kept: under the name that one pepper gives it."""

    pepper: Pepper
    number: PhoneNumber

    @property
    def phone(self) -> str:
        return self.pepper.digest("phone", self.number.e164)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Everything the service needs, handed to it.

    Attributes:
        peppers: The current one, and behind it the one before a rotation.
        cost: What hashing a code of a new verification costs.
        brand: The name in the message.
        entropy: Makes so many unforeseeable bytes.
        clock: Seconds that only ever grow, to tell how long the carrier took.
    """

    store: Store
    sender: Sender
    hashing: HashingPool
    peppers: tuple[Pepper, ...]
    policy: Policy
    cost: Cost
    served: Served
    brand: str
    entropy: Callable[[int], bytes]
    clock: Callable[[], float]

    def send(self, asked: Asked) -> Sent:
        """Put a fresh code on somebody's phone.

        Returning means that the carrier accepted the message. After a clear refusal
        the phone has its send back; after the carrier's silence it has not, and the
        code works.

        Raises:
            NotServed: Nothing was asked of the store or the carrier.
            RateLimited, TooManyAttempts: A rule refused; nothing was charged.
            DeliveryFailed: The carrier refused; everything was given back.
            DeliveryUnconfirmed: The carrier did not answer.
            Unavailable: Redis, the carrier or this instance cannot, at the moment.
        """
        self.served.admit(asked.number)
        with self.sender.room() as hand_over:
            return self._send(asked, hand_over)

    def _send(self, asked: Asked, hand_over: Handover) -> Sent:
        self.hashing.expect_room()
        home = self._home(asked.number)
        token = self.entropy(_TOKEN_BYTES)
        withdraw = partial(self.store.withdraw, home.phone, token=token)
        with given_back_by(withdraw, after=StoreUnavailable):
            opened = self.store.open(
                home.phone, token=token, binding=self._binding(), policy=self.policy
            )
        with given_back_by(withdraw):
            charges = self._charges_for_a_send(asked)
            refund = self._take(charges, token)
            with given_back_by(refund):
                code = codes.make(self.policy.code_length, self.entropy)
                self._arm(code, home, token, opened.binding)
                return self._deliver(self._message(code, asked), hand_over, opened)

    def check(self, guess: Guess) -> Checked:
        """Spend one guess, and say whether it was right.

        A guess is paid for before it is looked at, so a thousand requests in the same
        millisecond buy no more guesses than a thousand in a row. The right code then
        wins once: whoever closes the verification first is approved, and everybody
        after finds nothing waiting.

        Raises:
            VerificationNotFound: Nothing is waiting for this phone.
            TooManyAttempts: Every guess of this verification is spent.
            RateLimited: The phone's or the address's budget is spent.
            Unavailable: Redis or this instance cannot, at the moment.
        """
        self.hashing.expect_room()
        home = self._home(guess.number)
        token = self.entropy(_TOKEN_BYTES)
        limit = self.policy.checks_per_ip
        charges = list(self._by_address("checks_per_ip", limit, guess.address))
        refund = self._take(charges, token)
        unclaim = partial(self.store.unclaim, home.phone, token=token)
        with given_back_by(refund, after=(Refused, Unavailable)):
            with given_back_by(unclaim, after=StoreUnavailable):
                claim = self.store.claim(home.phone, token=token, policy=self.policy)
            with given_back_by(unclaim):
                tag = self._tag(guess.code, home, claim.binding)
        # A sum, so that a match of the first code takes as long as one of the last.
        matches = sum(hmac.compare_digest(tag, kept) for kept in claim.tags)
        if not matches:
            return Checked(
                approved=False,
                attempts_left=claim.attempts_left,
                expires_in=claim.expires_in,
            )
        if not self.store.approve(home.phone, token=token, id=claim.binding.id):
            raise VerificationNotFound
        return Checked(approved=True)

    def cancel(self, number: PhoneNumber) -> None:
        """Close what is waiting for this phone; its wrong guesses stay counted.

        Raises:
            VerificationNotFound: Nothing is waiting for this phone.
            Unavailable: Redis cannot, at the moment.
        """
        if not self.store.cancel(self._home(number).phone):
            raise VerificationNotFound

    def _home(self, number: PhoneNumber) -> _Home:
        """Find the pepper that this phone is kept under.

        During a rotation that is whichever it has a live verification or wrong
        guesses under, so that its codes keep working and no guess is given back. They
        are asked in an order that does not depend on which is current, so that all
        instances agree while some have been changed and others have not.
        """
        homes = [_Home(pepper, number) for pepper in self.peppers]
        if len(homes) == 1:
            return homes[0]
        in_order = sorted(homes, key=lambda home: home.phone)
        found = (home for home in in_order if self.store.remembers(home.phone))
        return next(found, homes[0])

    def _take(self, charges: Sequence[Charge], token: bytes) -> Callable[[], None]:
        """Charge the shared limits; what comes back refunds them."""
        refund = partial(self.store.refund, charges, token=token)
        with given_back_by(refund, after=StoreUnavailable):
            self.store.take(charges, token=token)
        return refund

    def _binding(self) -> Binding:
        return Binding(self.entropy(_ID_BYTES), str(self.cost))

    def _arm(self, code: str, home: _Home, token: bytes, binding: Binding) -> None:
        tag = self._tag(code, home, binding)
        if not self.store.arm(home.phone, token=token, tag=tag, policy=self.policy):
            # The verification was approved or cancelled while this code was being made.
            raise Unavailable

    def _tag(self, code: str, home: _Home, binding: Binding) -> bytes:
        material = home.pepper.bind(
            code, verification=binding.id, number=home.number.e164
        )
        return self.hashing.derive(material, binding.id, Cost.parse(binding.cost))

    def _message(self, code: str, asked: Asked) -> Message:
        life = self.policy.ttl
        text = messages.write(
            code=code, brand=self.brand, life=life, locale=asked.locale
        )
        return Message(
            to=asked.number.e164,
            masked=asked.number.masked,
            channel=asked.channel,
            body=text,
            life=life,
        )

    def _deliver(self, message: Message, hand_over: Handover, opened: Opened) -> Sent:
        began = self.clock()
        try:
            hand_over(message)
        except DeliveryUnconfirmed:
            sent = self._since(began, opened)
            raise DeliveryUnconfirmed(
                expires_in=sent.expires_in, resend_after=sent.resend_after
            ) from None
        return self._since(began, opened)

    def _since(self, began: float, opened: Opened) -> Sent:
        took = timedelta(seconds=self.clock() - began)
        return Sent(
            expires_in=self.policy.ttl - took, resend_after=opened.resend_after - took
        )

    def _charges_for_a_send(self, asked: Asked) -> list[Charge]:
        policy, country = self.policy, asked.number.country
        charges = [
            *self._by_address("sends_per_ip", policy.sends_per_ip, asked.address),
            Charge("sends_per_country", country, policy.sends_per_country),
            Charge("sends_total", "", policy.sends_total),
        ]
        return [charge for charge in charges if charge.limit]

    def _by_address(
        self, name: str, limit: Limit, address: str | None
    ) -> Iterator[Charge]:
        if address and limit:
            yield Charge(name, self.peppers[0].digest("address", address), limit)
