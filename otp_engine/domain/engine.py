"""The whole service: send a code, check a code, or close it without one.

    send    requester ─▶ phone ─▶ pool ─▶ hash ─▶ arm ─▶ the provider
    check   requester ─▶ phone ─▶ pool ─▶ hash ─▶ approve

Hashing and the provider come after every limit. The requester (client_ip, API key) is
charged first and stays charged, so that a refused request costs its own sender and
reserves nothing of the phone's. It gets its charge back only if this instance or Redis
had no capacity. The phone and the pool (country, total) get their charge back when the
request fails later. The pool comes after the phone: charged together with the requester
it would save a round trip, and each send that the phone refuses would take a place in
the pool from somebody else for a moment.

Each step in the store is one atomic script; Argon2 and the carrier sit between them, so
the order is what makes the gaps harmless: a send is counted before it is made, a guess
is paid for before it is looked at, and the first right one closes the verification for
all others.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial

from otp_engine.crypto.argon2 import Argon2Parameters
from otp_engine.crypto.hash_pool import HashPool
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import charges, codes, homes, messages
from otp_engine.domain.delivery import deliver
from otp_engine.domain.events import RequestRefused, Watch, nobody
from otp_engine.domain.giving_back import given_back_by
from otp_engine.domain.homes import Home
from otp_engine.domain.limits import Charge, Use
from otp_engine.domain.phone import PhoneNumber, Served
from otp_engine.domain.policy import Policy
from otp_engine.domain.ports import Handover, Sender, Store
from otp_engine.domain.refusals import ProviderRefusal
from otp_engine.domain.service import DEFAULT, Service
from otp_engine.domain.verification import (
    Asked,
    Binding,
    Checked,
    Guess,
    Sent,
    Waiting,
)
from otp_engine.errors import (
    CarrierUnavailable,
    OTPError,
    Saturated,
    SendingOff,
    StoreUnavailable,
    Unavailable,
    VerificationNotFound,
)

# At least 128 bits for an id (ASVS 5.0, 11.5.1), and just that for a salt (RFC 9106).
_ID_BYTES = 16
_TOKEN_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Everything the service needs, handed to it.

    Attributes:
        peppers: The current one, and behind it the one before a rotation.
        cost: What hashing a code of a new verification costs.
        brand: The name in the message, where the service has none of its own.
        entropy: Makes so many unforeseeable bytes.
        clock: Seconds that only ever grow, to tell how long the carrier took.
        watch: Is told whom a limit in shadow would have refused.
    """

    store: Store
    sender: Sender
    hashing: HashPool
    peppers: tuple[Pepper, ...]
    policy: Policy
    cost: Argon2Parameters
    served: Served
    brand: str
    entropy: Callable[[int], bytes]
    clock: Callable[[], float]
    watch: Watch = nobody

    def send(self, asked: Asked) -> Sent:
        """Put a fresh code on somebody's phone.

        Returning means that the carrier accepted the message. After a clear refusal
        the phone has its send back; after the carrier's silence it has not, and the
        code works.

        Raises:
            NotServed: Nothing was asked of the store or the carrier.
            RateLimited, TooManyAttempts: A rule refused; the requester stays charged.
            VerificationNotFound: The bound verification to send again has ended.
            DeliveryFailed: The carrier refused; the requester stays charged.
            DeliveryUnconfirmed: The carrier did not answer.
            Unavailable: Redis, the carrier or this instance cannot, at the moment.
        """
        if not self.policy.sending:
            raise SendingOff
        self.served.admit(asked.number, trusted=asked.trusted)
        with self.sender.room():
            # Without a place nothing else is tried. It is not kept: requests that their
            # requester's limit refuses would hold every place while Redis is asked.
            self.hashing.check_capacity()
        token = self.entropy(_TOKEN_BYTES)
        refund, paid = self._charge_requester(asked, token)
        no_capacity = (Saturated, StoreUnavailable)
        with given_back_by(refund, after=no_capacity), ExitStack() as place:
            with given_back_by(refund, after=CarrierUnavailable):
                hand_over = place.enter_context(self.sender.room())
            return self._send(asked, hand_over, paid, token)

    def _send(
        self, asked: Asked, hand_over: Handover, paid: Sequence[Use], token: bytes
    ) -> Sent:
        # The key of a bound verification contains its id.
        binding = None if asked.bound else self._binding()
        bound = binding.id if binding and asked.bind else asked.bound
        home = self._home(asked.number, asked.service, bound)
        # A recipient can have answered STOP to one sender and not to another.
        sender = asked.service.messaging_service(asked.number.country) or ""
        if asked.wishes.unfiltered:
            # The provider's guard against fraud judges it in another way.
            sender += " unfiltered"
        withdraw = partial(self._withdraw, home.phone, token, sender)
        with given_back_by(withdraw, after=StoreUnavailable):
            opened = self.store.open(
                home.phone,
                token=token,
                binding=binding,
                policy=self.policy,
                sender=sender,
            )
        with given_back_by(withdraw):
            refund, shared = self._take(charges.of_pool(asked, self.policy), token)
            opened = replace(opened, uses=(*opened.uses, *paid, *shared))
            self._tell_of_shadows(asked, opened.uses)
            with given_back_by(refund):
                code = asked.code or self._code(asked.service)
                self._arm(code, home, token, opened.binding)
                message = messages.to(
                    asked,
                    code=code,
                    verification=opened.binding.id,
                    life=self.policy.ttl,
                    brand=self.brand,
                )
                return deliver(
                    message, hand_over, opened, token=token, clock=self.clock
                )

    def check(self, guess: Guess) -> Checked:
        """Spend one guess, and say whether it was right.

        A guess is paid for before it is looked at, so a thousand requests in the same
        millisecond buy no more guesses than a thousand in a row. The right code then
        wins once: whoever closes the verification first is approved, and everybody
        after finds nothing waiting.

        Raises:
            VerificationNotFound: Nothing is waiting for this phone.
            TooManyAttempts: Every guess of this verification is spent.
            RateLimited: The requester's, the phone's or the pool's budget is spent.
            Unavailable: Redis or this instance cannot, at the moment.
        """
        self.hashing.check_capacity()
        token = self.entropy(_TOKEN_BYTES)
        refund, paid = self._charge_requester(guess, token)
        with given_back_by(refund, after=(Saturated, StoreUnavailable)):
            return self._check(guess, paid, token)

    def _check(self, guess: Guess, paid: Sequence[Use], token: bytes) -> Checked:
        home = self._home(guess.number, guess.service, guess.bound)
        unclaim = partial(self._unclaim, home.phone, token)
        with given_back_by(unclaim, after=StoreUnavailable):
            claim = self.store.claim(home.phone, token=token, policy=self.policy)
        with given_back_by(unclaim):
            if guess.verification not in {None, claim.binding.id}:
                raise VerificationNotFound
            refund, shared = self._take(charges.of_pool(guess, self.policy), token)
            self._tell_of_shadows(guess, [*paid, *shared])
            with given_back_by(refund):
                tag = self._tag(guess.code, home, claim.binding)
        # A sum, so that a match of the first code takes as long as one of the last.
        matches = sum(hmac.compare_digest(tag, kept) for kept in claim.tags)
        if not matches:
            return Checked(
                id=claim.binding.id,
                approved=False,
                attempts_left=claim.attempts_left,
                expires_in=claim.expires_in,
            )
        approved_at = self.store.approve(
            home.phone, token=token, id=claim.binding.id, guessed=True
        )
        with suppress(StoreUnavailable):
            # The pool counts failed checks only.
            refund()
        if approved_at is None:
            raise VerificationNotFound
        return Checked(id=claim.binding.id, approved=True, approved_at=approved_at)

    def look(
        self,
        number: PhoneNumber,
        service: Service = DEFAULT,
        bound: bytes | None = None,
    ) -> Waiting:
        """Say what is waiting for this phone; it costs no guess.

        Raises:
            VerificationNotFound: Nothing is.
            Unavailable: Redis cannot, at the moment.
        """
        if waiting := self.store.look(self._home(number, service, bound).phone):
            return waiting
        raise VerificationNotFound

    def approve(
        self,
        number: PhoneNumber,
        service: Service,
        id: bytes,
        bound: bytes | None = None,
    ) -> None:
        """Close the verification *id* as approved, for a caller who saw it right.

        No code was compared here, so the phone's wrong guesses stay counted.

        Raises:
            VerificationNotFound: It is not waiting for this phone, or not any more.
            Unavailable: Redis cannot, at the moment.
        """
        phone = self._home(number, service, bound).phone
        token = self.entropy(_TOKEN_BYTES)
        if not self.store.approve(phone, token=token, id=id, guessed=False):
            raise VerificationNotFound

    def cancel(
        self,
        number: PhoneNumber,
        service: Service = DEFAULT,
        id: bytes | None = None,
        bound: bytes | None = None,
    ) -> None:
        """Close what is waiting for this phone; its wrong guesses stay counted.

        With an *id* it must be that one.

        Raises:
            VerificationNotFound: Nothing is waiting for this phone, or another one.
            Unavailable: Redis cannot, at the moment.
        """
        if not self.store.cancel(self._home(number, service, bound).phone, id=id):
            raise VerificationNotFound

    def _home(self, number: PhoneNumber, service: Service, bound: bytes | None) -> Home:
        named = [Home(pepper, number, service.space, bound) for pepper in self.peppers]
        return homes.find(named, self.store, self.policy)

    def _charge_requester(
        self, request: Asked | Guess, token: bytes
    ) -> tuple[Callable[..., None], list[Use]]:
        """Charge the requester of *request*.

        Returns:
            What gives the charge back, for requests that this instance had no capacity
            for, and how the limits are used.
        """
        limits = charges.of_requester(request, self.policy, self.peppers[0])
        return self._take(limits, token)

    def _take(
        self, charged: Sequence[Charge], token: bytes
    ) -> tuple[Callable[..., None], list[Use]]:
        """Charge the shared limits, and say what refunds them and how they are used."""

        def refund(_error: OTPError | None = None) -> None:
            self.store.refund(charged, token=token)

        with given_back_by(refund, after=StoreUnavailable):
            return refund, self.store.take(charged, token=token)

    def _withdraw(self, phone: str, token: bytes, sender: str, error: OTPError) -> None:
        refusal = ProviderRefusal.of(error)
        self.store.withdraw(phone, token=token, refusal=refusal, sender=sender)

    def _unclaim(self, phone: str, token: bytes, _error: OTPError) -> None:
        self.store.unclaim(phone, token=token)

    def _tell_of_shadows(self, request: Asked | Guess, uses: Sequence[Use]) -> None:
        over = {use.limit_name for use in uses if use.over}
        for limit in sorted(over):
            self.watch(RequestRefused.of(request, limit, self.peppers[0], shadow=True))

    def _binding(self) -> Binding:
        return Binding(self.entropy(_ID_BYTES), str(self.cost))

    def _code(self, service: Service) -> str:
        return codes.make(service.code_length or self.policy.code_length, self.entropy)

    def _arm(self, code: str, home: Home, token: bytes, binding: Binding) -> None:
        tag = self._tag(code, home, binding)
        if not self.store.arm(home.phone, token=token, tag=tag, policy=self.policy):
            # The verification was approved or cancelled while this code was being made.
            raise Unavailable

    def _tag(self, code: str, home: Home, binding: Binding) -> bytes:
        material = home.pepper.code_mac(
            code, verification=binding.id, number=home.number.e164
        )
        return self.hashing.hash(
            material, binding.id, Argon2Parameters.parse(binding.cost)
        )
