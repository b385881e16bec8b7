"""The order of a send and of a check.

    send    requester ─▶ phone ─▶ pool ─▶ hash ─▶ arm ─▶ the provider
    check   requester ─▶ phone ─▶ pool ─▶ hash ─▶ approve

Hashing and the provider come after every limit. The requester (client_ip, API key) is
charged first and stays charged, so that a rejected request costs its own sender and
reserves nothing of the phone's. It gets its charge back only if this instance or Redis
had no capacity. The phone and the pool (country, total) get their charge back when the
request fails later. The pool comes after the phone: charged together with the requester
it would save a round trip, and each send that the phone rejects would take a place in
the pool from another request for a moment.

Each step in the store is one atomic script; Argon2 and the provider sit between them,
so the order is what makes the gaps harmless: a send is counted before it is made, a
check is counted before it is compared, and the first right one closes the verification
for all others.

An event is emitted after each request, for what happened or for why it failed.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta

from otp_engine.crypto.argon2 import Argon2Parameters
from otp_engine.crypto.hash_pool import HashPool
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import charges, codes, engine_events, homes, messages
from otp_engine.domain.events import (
    Action,
    Approved,
    Canceled,
    EventListener,
    RequestRefused,
    ignore_event,
)
from otp_engine.domain.homes import PhoneKey
from otp_engine.domain.limits import Use
from otp_engine.domain.messages import Message
from otp_engine.domain.phone import PhoneNumber, Served
from otp_engine.domain.policy import Policy
from otp_engine.domain.ports import Handover, Sender, Store
from otp_engine.domain.reservations import Reservations
from otp_engine.domain.service import DEFAULT, Service
from otp_engine.domain.verification import (
    Asked,
    Binding,
    Channel,
    Checked,
    Guess,
    Opened,
    Sent,
    Waiting,
)
from otp_engine.domain.whom import Whom
from otp_engine.errors import (
    CarrierUnavailable,
    DeliveryUnconfirmed,
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
_NO_CAPACITY = (Saturated, StoreUnavailable)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A send that is committed, and a message to hand over."""

    message: Message
    hand_over: Handover
    opened: Opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The rules of the service, with everything that they need from outside.

    Attributes:
        peppers: The current pepper, then the previous one during a rotation.
        cost: Argon2 parameters of a new verification.
        brand: The name in the message, for a service without its own.
        entropy: Returns the given number of unpredictable bytes.
        clock: Monotonic seconds, which measure how long the provider took.
        emit: Receives each event.
        fixed_codes: Codes that are not generated, by the number in E.164.
        namespace_suffix: Keeps the verifications of this engine apart from those of
            another one on the same store.
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
    emit: EventListener = ignore_event
    fixed_codes: Mapping[str, str] = field(default_factory=dict, repr=False)
    namespace_suffix: str = ""

    def send(self, asked: Asked) -> Sent:
        """Send a fresh code to a phone.

        After a clear rejection of the provider, the phone gets its send back.

        Returns:
            The send. It is confirmed if the provider accepted the message. If the
            provider did not answer, the send counts and the code works.

        Raises:
            NotServed: The destination is not allowed; nothing was charged.
            RateLimited, TooManyAttempts: A rule rejected; the requester stays charged.
            VerificationNotFound: The bound verification to send again has ended.
            DeliveryFailed: The provider rejected; the requester stays charged.
            Unavailable: Redis, the provider or this instance cannot, at the moment.
        """
        whom = Whom.of(asked.number, self.peppers[0], asked.address)
        reserved = self._reservations()
        with ExitStack() as place:
            try:
                ready = self._prepare(asked, whom, reserved, place)
            except OTPError as error:
                reserved.release(error)
                self.emit(engine_events.of_failure(Action.SEND, whom, error))
                raise
            return self._deliver(asked, whom, reserved, ready)

    def _prepare(
        self, asked: Asked, whom: Whom, reserved: Reservations, place: ExitStack
    ) -> _Ready:
        """Do everything for a send but hand its message over.

        Args:
            asked: The send.
            whom: Its recipient.
            reserved: Gets what is reserved in the store.
            place: Gets the place of the message at the sender.
        """
        if not self.policy.sending:
            raise SendingOff
        self.served.admit(asked.number, trusted=asked.trusted)
        with self.sender.room():
            # Without a place nothing else is tried. It is not kept: requests that their
            # requester's limit rejects would hold every place during a call to Redis.
            self.hashing.check_capacity()
        requester = charges.of_requester(asked, self.policy, self.peppers[0], whom)
        paid = reserved.take(requester, until=_NO_CAPACITY)
        try:
            hand_over = place.enter_context(self.sender.room())
        except CarrierUnavailable:
            reserved.refund(requester)
            raise
        message, opened = self._commit_send(asked, whom, reserved, paid)
        return _Ready(message=message, hand_over=hand_over, opened=opened)

    def _commit_send(
        self, asked: Asked, whom: Whom, reserved: Reservations, paid: Sequence[Use]
    ) -> tuple[Message, Opened]:
        """Reserve a send, and store the hash of its code.

        Returns:
            The message with the code, and the reservation with the usage of all limits.
        """
        # The key of a bound verification contains its id.
        binding = None if asked.bound else self._binding()
        bound = binding.id if binding and asked.bind else asked.bound
        pepper, phone = self._phone_key(asked.number, asked.service, bound)
        opened = reserved.open(phone, binding, _sender_of(asked))
        shared = reserved.take(charges.of_pool(asked, self.policy))
        opened = replace(opened, uses=(*opened.uses, *paid, *shared))
        self._emit_shadow_rejections(Action.SEND, whom, opened.uses)
        code = self._code(asked)
        tag = self._tag(code, asked.number, pepper, opened.binding)
        if not self.store.arm(phone, token=reserved.token, tag=tag, policy=self.policy):
            # The verification was approved or canceled while this code was hashed.
            raise Unavailable
        message = messages.to(
            asked,
            code=code,
            verification=opened.binding.id,
            life=self.policy.ttl,
            brand=self.brand,
        )
        return message, opened

    def _deliver(
        self, asked: Asked, whom: Whom, reserved: Reservations, ready: _Ready
    ) -> Sent:
        """Hand the message over, and measure what is left of its code's time."""
        message, opened = ready.message, ready.opened
        started, confirmed = self.clock(), True
        try:
            ready.hand_over(message)
        except DeliveryUnconfirmed:
            confirmed = False
        except OTPError as error:
            reserved.release(error)
            self.emit(engine_events.of_rejected_message(asked, whom, error))
            raise
        elapsed = timedelta(seconds=self.clock() - started)
        sent = Sent(
            id=opened.binding.id,
            token=reserved.token,
            expires_in=message.life - elapsed,
            resend_after=opened.resend_after - elapsed,
            uses=opened.uses,
            confirmed=confirmed,
        )
        self.emit(engine_events.of_sent(asked, whom, sent, message.code))
        return sent

    def check(self, guess: Guess) -> Checked:
        """Check a code, and close the verification if it is right.

        A check is counted before the code is compared, so a thousand requests in the
        same millisecond get no more checks than a thousand in a row. A right code is
        approved once: the first request that closes the verification is approved, and
        all later ones find none.

        Returns:
            Whether the code was right.

        Raises:
            VerificationNotFound: No verification of this phone is pending.
            TooManyAttempts: The verification has no checks left.
            RateLimited: The requester, the phone or the pool has no checks left.
            Unavailable: Redis or this instance cannot, at the moment.
        """
        whom = Whom.of(guess.number, self.peppers[0], guess.address)
        reserved = self._reservations()
        try:
            checked = self._check(guess, whom, reserved)
        except OTPError as error:
            reserved.release(error)
            self.emit(engine_events.of_failure(Action.CHECK, whom, error))
            raise
        for event in engine_events.of_checked(whom, checked):
            self.emit(event)
        return checked

    def _check(self, guess: Guess, whom: Whom, reserved: Reservations) -> Checked:
        self.hashing.check_capacity()
        requester = charges.of_requester(guess, self.policy, self.peppers[0], whom)
        paid = reserved.take(requester, until=_NO_CAPACITY)
        pool = charges.of_pool(guess, self.policy)
        pepper, phone = self._phone_key(guess.number, guess.service, guess.bound)
        # Once the code is compared, the check stays counted whatever happens.
        uncompared = Reservations(self.store, self.policy, reserved.token)
        try:
            claim = uncompared.claim(phone)
            if guess.verification not in {None, claim.binding.id}:
                raise VerificationNotFound
            shared = uncompared.take(pool)
            self._emit_shadow_rejections(Action.CHECK, whom, [*paid, *shared])
            tag = self._tag(guess.code, guess.number, pepper, claim.binding)
        except OTPError as error:
            uncompared.release(error)
            raise
        verification = claim.binding.id
        # A sum, so that a match of the first code takes as long as one of the last.
        if not sum(hmac.compare_digest(tag, code_hash) for code_hash in claim.tags):
            return Checked(
                id=verification,
                approved=False,
                attempts_left=claim.attempts_left,
                expires_in=claim.expires_in,
            )
        at = self.store.approve(
            phone, token=reserved.token, id=verification, guessed=True
        )
        # The pool counts failed checks only.
        reserved.refund(pool)
        if at is None:
            raise VerificationNotFound
        return Checked(id=verification, approved=True, approved_at=at)

    def look(
        self,
        number: PhoneNumber,
        service: Service = DEFAULT,
        bound: bytes | None = None,
    ) -> Waiting:
        """Return the pending verification of a phone; no check is counted.

        Raises:
            VerificationNotFound: No verification is pending.
            Unavailable: Redis cannot, at the moment.
        """
        _, phone = self._phone_key(number, service, bound)
        if waiting := self.store.look(phone):
            return waiting
        raise VerificationNotFound

    def approve(
        self,
        number: PhoneNumber,
        service: Service,
        id: bytes,
        bound: bytes | None = None,
    ) -> None:
        """Close the verification *id* as approved, for a client that saw a right code.

        No code was compared here, so the phone's failed checks stay counted.

        Raises:
            VerificationNotFound: It is not pending for this phone.
            Unavailable: Redis cannot, at the moment.
        """
        _, phone = self._phone_key(number, service, bound)
        token = self.entropy(_TOKEN_BYTES)
        if not self.store.approve(phone, token=token, id=id, guessed=False):
            raise VerificationNotFound
        whom = Whom.of(number, self.peppers[0])
        self.emit(Approved(whom=whom, verification=id, channel=Channel.SMS))

    def cancel(
        self,
        number: PhoneNumber,
        service: Service,
        id: bytes,
        bound: bytes | None = None,
    ) -> None:
        """Close the verification *id* without an approval.

        The phone's failed checks stay counted.

        Raises:
            VerificationNotFound: It is not pending for this phone.
            Unavailable: Redis cannot, at the moment.
        """
        _, phone = self._phone_key(number, service, bound)
        if not self.store.cancel(phone, id=id):
            raise VerificationNotFound
        whom = Whom.of(number, self.peppers[0])
        self.emit(Canceled(whom=whom, verification=id))

    def _phone_key(
        self, number: PhoneNumber, service: Service, bound: bytes | None
    ) -> tuple[Pepper, PhoneKey]:
        """Return the key of a phone in the store, and the pepper that it is under."""
        namespace = service.space + self.namespace_suffix
        keys = [
            (
                pepper,
                PhoneKey(pepper.pseudonymize("phone", number.e164), namespace, bound),
            )
            for pepper in self.peppers
        ]
        return homes.find(keys, self.store, self.policy)

    def _reservations(self) -> Reservations:
        return Reservations(self.store, self.policy, self.entropy(_TOKEN_BYTES))

    def _emit_shadow_rejections(
        self, action: Action, whom: Whom, usage: Sequence[Use]
    ) -> None:
        for limit in sorted({use.limit_name for use in usage if use.over}):
            self.emit(
                RequestRefused(whom=whom, action=action, limit=limit, shadow=True)
            )

    def _binding(self) -> Binding:
        return Binding(self.entropy(_ID_BYTES), str(self.cost))

    def _code(self, asked: Asked) -> str:
        """Return the code of a sandbox number, of the client, or a generated one."""
        code = self.fixed_codes.get(asked.number.e164) or asked.code
        length = asked.service.code_length or self.policy.code_length
        return code or codes.make(length, self.entropy)

    def _tag(
        self, code: str, number: PhoneNumber, pepper: Pepper, binding: Binding
    ) -> bytes:
        material = pepper.code_mac(code, verification=binding.id, number=number.e164)
        return self.hashing.hash(
            material, binding.id, Argon2Parameters.parse(binding.cost)
        )


def _sender_of(asked: Asked) -> str:
    """Return what a provider's rejection of a number can depend on."""
    # A recipient can have answered STOP to one sender and not to another.
    sender = asked.service.messaging_service(asked.number.country) or ""
    # Without its guard against fraud, the provider judges a message in another way.
    return f"{sender} unfiltered" if asked.wishes.unfiltered else sender
