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
from otp_engine.domain import codes, engine_events
from otp_engine.domain.events import (
    Action,
    EventListener,
    RequestRefused,
    VerificationApproved,
    VerificationCanceled,
    ignore_event,
)
from otp_engine.domain.limits import hits
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.messages import templates
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import (
    Channel,
    CheckRequest,
    CheckResult,
    HashParameters,
    PendingVerification,
    SendRequest,
    SendReservation,
    SendResult,
)
from otp_engine.domain.phones import phone_keys
from otp_engine.domain.phones.numbers import AllowedDestinations, PhoneNumber
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.ports import Deliver, Sender, VerificationStore
from otp_engine.domain.recipients import Recipient
from otp_engine.domain.reservations import Reservations
from otp_engine.domain.services import DEFAULT, Service
from otp_engine.errors import (
    DeliveryUnconfirmed,
    OTPError,
    Overloaded,
    ProviderUnavailable,
    SendingDisabled,
    StoreUnavailable,
    Unavailable,
    VerificationNotFound,
)

# At least 128 bits for an id (ASVS 5.0, 11.5.1), and just that for a salt (RFC 9106).
_ID_BYTES = 16
_IDEMPOTENCY_KEY_BYTES = 8
_NO_CAPACITY = (Overloaded, StoreUnavailable)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CommittedSend:
    """A send that is committed, and a message to hand over."""

    message: Message
    deliver: Deliver
    reservation: SendReservation


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

    store: VerificationStore
    sender: Sender
    hash_pool: HashPool
    peppers: tuple[Pepper, ...]
    policy: Policy
    argon2: Argon2Parameters
    destinations: AllowedDestinations
    default_brand: str
    random_bytes: Callable[[int], bytes]
    clock: Callable[[], float]
    emit: EventListener = ignore_event
    fixed_codes: Mapping[str, str] = field(default_factory=dict, repr=False)
    namespace_suffix: str = ""

    def send(self, asked: SendRequest) -> SendResult:
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
        whom = Recipient.from_number(asked.number, self.peppers[0], asked.client_ip)
        reserved = self._reservations()
        with ExitStack() as place:
            try:
                ready = self._prepare(asked, whom, reserved, place)
            except OTPError as error:
                reserved.release(error)
                self.emit(engine_events.failure_event(Action.SEND, whom, error))
                raise
            return self._deliver(asked, whom, reserved, ready)

    def _prepare(
        self,
        asked: SendRequest,
        whom: Recipient,
        reserved: Reservations,
        place: ExitStack,
    ) -> _CommittedSend:
        """Do everything for a send but hand its message over.

        Args:
            asked: The send.
            whom: Its recipient.
            reserved: Gets what is reserved in the store.
            place: Gets the place of the message at the sender.
        """
        if not self.policy.sending:
            raise SendingDisabled
        self.destinations.check(asked.number, geo_exempt=asked.geo_exempt)
        with self.sender.reserve():
            # Without a place nothing else is tried. It is not kept: requests that their
            # requester's limit rejects would hold every place during a call to Redis.
            self.hash_pool.check_capacity()
        requester = hits.for_requester(asked, self.policy, self.peppers[0], whom)
        paid = reserved.acquire_limits(requester, until=_NO_CAPACITY)
        try:
            hand_over = place.enter_context(self.sender.reserve())
        except ProviderUnavailable:
            reserved.release_limits(requester)
            raise
        message, opened = self._commit_send(asked, whom, reserved, paid)
        return _CommittedSend(message=message, deliver=hand_over, reservation=opened)

    def _commit_send(
        self,
        asked: SendRequest,
        whom: Recipient,
        reserved: Reservations,
        paid: Sequence[WindowUsage],
    ) -> tuple[Message, SendReservation]:
        """Reserve a send, and store the hash of its code.

        Returns:
            The message with the code, and the reservation with the usage of all limits.
        """
        # The key of a bound verification contains its id.
        binding = None if asked.bound_id else self._new_hash_parameters()
        bound = binding.salt if binding and asked.bind else asked.bound_id
        pepper, phone = self._phone_key(asked.number, asked.service, bound)
        opened = reserved.reserve_send(phone, binding, _sender_of(asked))
        shared = reserved.acquire_limits(hits.for_global_limits(asked, self.policy))
        opened = replace(opened, limit_usage=(*opened.limit_usage, *paid, *shared))
        self._emit_shadow_rejections(Action.SEND, whom, opened.limit_usage)
        code = self._choose_code(asked)
        tag = self._hash_code(code, asked.number, pepper, opened.hash_parameters)
        if not self.store.commit_send(
            phone,
            idempotency_key=reserved.idempotency_key,
            code_hash=tag,
            policy=self.policy,
        ):
            # The verification was approved or canceled while this code was hashed.
            raise Unavailable
        message = templates.build(
            asked,
            code=code,
            verification_id=opened.hash_parameters.salt,
            ttl=self.policy.ttl,
            brand=self.default_brand,
        )
        return message, opened

    def _deliver(
        self,
        asked: SendRequest,
        whom: Recipient,
        reserved: Reservations,
        ready: _CommittedSend,
    ) -> SendResult:
        """Hand the message over, and measure what is left of its code's time."""
        message, opened = ready.message, ready.reservation
        started, confirmed = self.clock(), True
        try:
            ready.deliver(message)
        except DeliveryUnconfirmed:
            confirmed = False
        except OTPError as error:
            reserved.release(error)
            self.emit(engine_events.rejected_message_event(asked, whom, error))
            raise
        elapsed = timedelta(seconds=self.clock() - started)
        sent = SendResult(
            verification_id=opened.hash_parameters.salt,
            send_id=reserved.idempotency_key,
            expires_in=message.ttl - elapsed,
            resend_after=opened.resend_after - elapsed,
            limit_usage=opened.limit_usage,
            confirmed=confirmed,
        )
        self.emit(engine_events.sent_event(asked, whom, sent, message.code))
        return sent

    def check(self, guess: CheckRequest) -> CheckResult:
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
        whom = Recipient.from_number(guess.number, self.peppers[0], guess.client_ip)
        reserved = self._reservations()
        try:
            checked = self._check(guess, whom, reserved)
        except OTPError as error:
            reserved.release(error)
            self.emit(engine_events.failure_event(Action.CHECK, whom, error))
            raise
        for event in engine_events.check_events(whom, checked):
            self.emit(event)
        return checked

    def _check(
        self, guess: CheckRequest, whom: Recipient, reserved: Reservations
    ) -> CheckResult:
        self.hash_pool.check_capacity()
        requester = hits.for_requester(guess, self.policy, self.peppers[0], whom)
        paid = reserved.acquire_limits(requester, until=_NO_CAPACITY)
        pool = hits.for_global_limits(guess, self.policy)
        pepper, phone = self._phone_key(guess.number, guess.service, guess.bound_id)
        # Once the code is compared, the check stays counted whatever happens.
        uncompared = Reservations(self.store, self.policy, reserved.idempotency_key)
        try:
            claim = uncompared.reserve_check(phone)
            if guess.verification_id not in {None, claim.hash_parameters.salt}:
                raise VerificationNotFound
            shared = uncompared.acquire_limits(pool)
            self._emit_shadow_rejections(Action.CHECK, whom, [*paid, *shared])
            tag = self._hash_code(
                guess.code, guess.number, pepper, claim.hash_parameters
            )
        except OTPError as error:
            uncompared.release(error)
            raise
        verification = claim.hash_parameters.salt
        # A sum, so that a match of the first code takes as long as one of the last.
        if not sum(
            hmac.compare_digest(tag, code_hash) for code_hash in claim.code_hashes
        ):
            return CheckResult(
                verification_id=verification,
                approved=False,
                attempts_remaining=claim.attempts_remaining,
                expires_in=claim.expires_in,
            )
        at = self.store.approve(
            phone,
            idempotency_key=reserved.idempotency_key,
            verification_id=verification,
            code_matched=True,
        )
        # The pool counts failed checks only.
        reserved.release_limits(pool)
        if at is None:
            raise VerificationNotFound
        return CheckResult(verification_id=verification, approved=True, approved_at=at)

    def get_pending(
        self,
        number: PhoneNumber,
        service: Service = DEFAULT,
        bound: bytes | None = None,
    ) -> PendingVerification:
        """Return the pending verification of a phone; no check is counted.

        Raises:
            VerificationNotFound: No verification is pending.
            Unavailable: Redis cannot, at the moment.
        """
        _, phone = self._phone_key(number, service, bound)
        if waiting := self.store.get_pending(phone):
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
        token = self.random_bytes(_IDEMPOTENCY_KEY_BYTES)
        if not self.store.approve(
            phone, idempotency_key=token, verification_id=id, code_matched=False
        ):
            raise VerificationNotFound
        whom = Recipient.from_number(number, self.peppers[0])
        self.emit(
            VerificationApproved(
                recipient=whom, verification_id=id, channel=Channel.SMS
            )
        )

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
        if not self.store.cancel(phone, verification_id=id):
            raise VerificationNotFound
        whom = Recipient.from_number(number, self.peppers[0])
        self.emit(VerificationCanceled(recipient=whom, verification_id=id))

    def _phone_key(
        self, number: PhoneNumber, service: Service, bound: bytes | None
    ) -> tuple[Pepper, PhoneKey]:
        """Return the key of a phone in the store, and the pepper that it is under."""
        namespace = service.namespace + self.namespace_suffix
        keys = [
            (
                pepper,
                PhoneKey(pepper.pseudonymize("phone", number.e164), namespace, bound),
            )
            for pepper in self.peppers
        ]
        return phone_keys.resolve(keys, self.store, self.policy)

    def _reservations(self) -> Reservations:
        return Reservations(
            self.store, self.policy, self.random_bytes(_IDEMPOTENCY_KEY_BYTES)
        )

    def _emit_shadow_rejections(
        self, action: Action, whom: Recipient, usage: Sequence[WindowUsage]
    ) -> None:
        for limit in sorted({use.limit_name for use in usage if use.would_refuse}):
            self.emit(
                RequestRefused(recipient=whom, action=action, limit=limit, shadow=True)
            )

    def _new_hash_parameters(self) -> HashParameters:
        return HashParameters(self.random_bytes(_ID_BYTES), str(self.argon2))

    def _choose_code(self, asked: SendRequest) -> str:
        """Return the code of a sandbox number, of the client, or a generated one."""
        code = self.fixed_codes.get(asked.number.e164) or asked.custom_code
        length = asked.service.code_length or self.policy.code_length
        return code or codes.generate(length, self.random_bytes)

    def _hash_code(
        self, code: str, number: PhoneNumber, pepper: Pepper, binding: HashParameters
    ) -> bytes:
        material = pepper.code_mac(code, verification=binding.salt, number=number.e164)
        return self.hash_pool.hash(
            material, binding.salt, Argon2Parameters.parse(binding.argon2)
        )


def _sender_of(asked: SendRequest) -> str:
    """Return what a provider's rejection of a number can depend on."""
    # A recipient can have answered STOP to one sender and not to another.
    sender = asked.service.messaging_service(asked.number.country) or ""
    # Without its guard against fraud, the provider judges a message in another way.
    return f"{sender} unfiltered" if asked.options.skip_risk_check else sender
