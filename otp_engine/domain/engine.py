"""The order of a send and of a check.

    send    requester ─▶ phone ─▶ global limits ─▶ hash ─▶ commit ─▶ provider
    check   requester ─▶ phone ─▶ global limits ─▶ hash ─▶ approve

Hashing and the provider come after every limit. The requester (client IP, API key) is
counted first and stays counted: a refused request costs its requester, and reserves
nothing of the phone. The hits of the requester are released only if this instance or
Redis had no capacity, or the provider had none before the send was committed. The
reservations of the phone and of the global limits (country, total) are released if the
request fails later.

The global limits come after the phone. Together with the requester they would save a
round trip. But each send that a phone limit refuses would then take the place of
another request for a moment.

Each step in the store is one atomic script; Argon2 and the provider run between the
steps. The order makes the gaps harmless: a send is counted before its message is sent,
and a check before its code is compared. The first right code closes the verification
for all other requests.

The slot in the queue of hashes is acquired before anything is counted, and released
with the hash. A send acquires the slot of its sender when it is its turn to hash: a
burst that waits for its hashes would hold all of them, and a send without one needs no
hash.

An event is emitted after each request, with its result or the reason of its failure.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Self

from otp_engine.crypto.argon2 import Argon2Parameters
from otp_engine.crypto.hash_queue import Compute, HashQueue
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import codes, event_factory
from otp_engine.domain.events import Action
from otp_engine.domain.failover import FailoverSender
from otp_engine.domain.limits import hits
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.limits.near_limits import NearLimits
from otp_engine.domain.messages import delivery_ids, segments, templates
from otp_engine.domain.messages.templates import IssuedCode, Message
from otp_engine.domain.models import (
    Api,
    Channel,
    CheckRequest,
    CheckResult,
    DestinationCharge,
    HashParameters,
    SendRequest,
    SendReservation,
    SendResult,
)
from otp_engine.domain.money.prices import Prices
from otp_engine.domain.pending_verifications import (
    IDEMPOTENCY_KEY_BYTES,
    PendingVerifications,
)
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy import switches
from otp_engine.domain.ports import Deliver, Sender
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.reservations import Reservations
from otp_engine.domain.send_facts import SendFacts
from otp_engine.errors import (
    ChannelNotAllowed,
    CountryNotAllowed,
    DeliveryUnconfirmed,
    KeyNotAllowed,
    NetworkNotAllowed,
    OTPError,
    PrefixNotAllowed,
    ProviderUnavailable,
    SendingDisabled,
    Unavailable,
    VerificationNotFound,
)

# At least 128 bits for an id (ASVS 5.0, 11.5.1), and 128 bits for a salt (RFC 9106).
_ID_BYTES = 16
_MILLISECONDS = 1000  # per second


def _is_never_safe(_number: PhoneNumber) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _CountedSend:
    """A send that every limit and the pumping guard have counted.

    Attributes:
        pepper: The pepper of the phone.
        phone: The key of the phone.
        reservation: The reservation, with the usage of all limits.
        message: The message, with the code.
        is_guarded: Whether the pumping guard counted the message.
        started: The time just before the reservation, in seconds of the clock.
    """

    pepper: Pepper
    phone: PhoneKey
    reservation: SendReservation
    message: Message
    is_guarded: bool
    started: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _CommittedSend:
    """A send that the store has committed, and its message.

    Attributes:
        deliver: Passes the message to a provider.
        counted: What was counted.
    """

    deliver: Deliver
    counted: _CountedSend


class _MessageSlot:
    """The slot of a message at the sender, which the block releases.

    Attributes:
        deliver: Passes the message to a provider; set by `acquire`.
    """

    deliver: Deliver

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def acquire(self) -> None:
        """Acquire the slot.

        Raises:
            ProviderUnavailable: There is no free slot.
        """
        self.deliver = self._stack.enter_context(self._sender.acquire_slot())


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine(PendingVerifications):
    """The rules of the service, with the components that they need.

    Attributes:
        senders: Pass messages to providers, by name in order of preference.
        hash_queue: Hashes codes.
        argon2: Argon2 parameters of a new verification.
        destinations: The numbers that messages may be sent to.
        default_brand: The name in a message of a service without its own.
        clock: Returns monotonic seconds, to measure how long the provider took.
        fixed_codes: Codes that are not generated, by the number in E.164.
        near_limits: Selects the windows that events report as nearly full.
        is_safe_number: Returns whether a number is on the safe list.
        prices: What messages cost; None counts no money.
    """

    senders: Mapping[str, Sender]
    hash_queue: HashQueue
    argon2: Argon2Parameters
    destinations: AllowedDestinations
    default_brand: str
    clock: Callable[[], float]
    fixed_codes: Mapping[str, str] = field(default_factory=dict, repr=False)
    near_limits: NearLimits = field(default_factory=NearLimits, repr=False)
    is_safe_number: Callable[[PhoneNumber], bool] = _is_never_safe
    prices: Prices | None = None

    def send(self, request: SendRequest) -> SendResult:
        """Send a new code to a phone.

        If the provider rejects the message, the send of the phone is released.

        Returns:
            The send. It is confirmed if the provider accepted the message. If the
            provider did not answer, the send counts and the code works.

        Raises:
            RequesterNotAllowed, ChannelNotAllowed: The operator has blocked the client
                or turned off the channel; nothing was counted.
            DestinationNotAllowed: The destination is not allowed; nothing was counted.
            RateLimited, TooManyAttempts, DestinationSuspended: A rule refused; the
                requester stays counted.
            VerificationNotFound: The bound verification to resend has ended.
            DeliveryFailed: The provider rejected; the requester stays counted.
            Unavailable: Redis, the provider or this instance is unavailable.
        """
        number, client_ip = request.number, request.client_ip
        recipient = PseudonymousRecipient.from_number(
            number, self.peppers[0], client_ip
        )
        key = self.random_bytes(IDEMPOTENCY_KEY_BYTES)
        policy = self.policy.for_v2 if request.api is Api.V2 else self.policy
        reservations = Reservations(self.store, policy, key)
        request = replace(request, channel=self._channel(request))
        with _MessageSlot(self._sender(request)) as slot:
            try:
                send = self._prepare(request, recipient, reservations, slot)
            except OTPError as error:
                reservations.release(error)
                facts = self._facts(request, reservations, error)
                for event in event_factory.failed_send_events(
                    request, recipient, error, facts
                ):
                    self.emit(event)
                raise
            return self._deliver(request, recipient, reservations, send)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels of the senders, in the order of `Channel`."""
        offered = {name for sender in self.senders.values() for name in sender.channels}
        return tuple(channel for channel in Channel if channel in offered)

    def _channel(self, request: SendRequest) -> Channel:
        """Return the chosen channel of a send, else SMS where it is offered."""
        if request.channel:
            return request.channel
        if Channel.SMS in self.channels:
            return Channel.SMS
        return next(iter(self.senders.values())).channels[0]

    def _sender(self, request: SendRequest) -> Sender:
        """Return the sender of the channel of a send.

        Raises:
            ChannelNotAllowed: No provider has the channel.
        """
        channel = self._channel(request)
        found = [each for each in self.senders.values() if channel in each.channels]
        if not found:
            raise ChannelNotAllowed(channel)
        return found[0] if len(found) == 1 else FailoverSender(found)

    def _prepare(
        self,
        request: SendRequest,
        recipient: PseudonymousRecipient,
        reservations: Reservations,
        slot: _MessageSlot,
    ) -> _CommittedSend:
        """Do every step of a send before the delivery of its message.

        Args:
            request: The send.
            recipient: Its recipient.
            reservations: Gets what is reserved in the store.
            slot: The slot of the message, which is acquired before its hash.
        """
        if self.policy.blocked_networks.names:
            self._check_client_ip(request.client_ip)
        if not self.policy.sending.all_on:
            self._check_switches(request)
        self.destinations.check(request.number, geo_exempt=request.geo_exempt)
        with self._sender(request).acquire_slot():
            # Without a free slot no other step is useful. This one is released again.
            pass
        with self.hash_queue.acquire_slot(
            request.client_name, request.client_ip
        ) as compute:
            counted = self._count_send(request, recipient, reservations)
            parameters = counted.reservation.hash_parameters
            code = counted.message.code
            try:
                compute_with_slot = partial(compute, on_turn=slot.acquire)
                code_hash = _hash_code(
                    compute_with_slot, code, request.number, counted.pepper, parameters
                )
            except ProviderUnavailable:
                reservations.release_requester_hits()
                raise
        self._commit_send(reservations, counted, code_hash)
        return _CommittedSend(deliver=slot.deliver, counted=counted)

    def _check_client_ip(self, client_ip: str | None) -> None:
        """Check that the network of a client is not blocked.

        Raises:
            NetworkNotAllowed: It is.
        """
        if client_ip and self.policy.blocked_networks.includes(client_ip):
            raise NetworkNotAllowed

    def _check_switches(self, request: SendRequest) -> None:
        """Check that sending is on for a request.

        Raises:
            KeyNotAllowed, ChannelNotAllowed: It is off for the client or the channel.
            CountryNotAllowed, PrefixNotAllowed: It is off for the number.
            SendingDisabled: It is off by default.
        """
        number = request.number
        off = self.policy.sending.find_off(
            country=number.country,
            e164=number.e164,
            channel=self._channel(request),
            client_name=request.client_name,
        )
        if off is not None:
            raise _switched_off(off)

    def _count_send(
        self,
        request: SendRequest,
        recipient: PseudonymousRecipient,
        reservations: Reservations,
    ) -> _CountedSend:
        """Count a send of its requester, of its phone and of its destination."""
        requester_usage = reservations.acquire_requester_hits(
            hits.for_requester(request, self.policy, self.peppers[0], recipient)
        )
        if any(window.is_near for window in requester_usage):
            self._report_near(requester_usage)
        exempt = self._is_exempt(request)
        started = self.clock()
        pepper, phone, reservation = self._reserve_send(request, reservations)
        # Built before the message is counted, because the budget counts its segments.
        message = self._message(request, reservation, pepper)
        charge = self._charge(request, message, exempt=exempt, reservation=reservation)
        destination = reservations.acquire_destination(charge)
        if any(window.is_near for window in destination.limit_usage):
            self._report_near(destination.limit_usage)
        usage = (
            *reservation.limit_usage,
            *requester_usage,
            *destination.limit_usage,
        )
        for event in event_factory.shadow_refusals(Action.SEND, recipient, usage):
            self.emit(event)
        if destination.has_reports:
            facts = self._facts(request, reservations)
            for event in event_factory.destination_events(
                request, recipient, destination, facts
            ):
                self.emit(event)
        return _CountedSend(
            pepper=pepper,
            phone=phone,
            reservation=replace(reservation, limit_usage=usage),
            message=message,
            is_guarded=destination.guard.counted,
            started=started,
        )

    def _charge(
        self,
        request: SendRequest,
        message: Message,
        *,
        exempt: bool,
        reservation: SendReservation,
    ) -> DestinationCharge:
        """Return the charge of a *message* at its destination."""
        number, price, budget = request.number, 0, None
        if self.prices:
            each = self.prices.price(number.country, message.channel)
            price = each * segments.count(message.body)
            budget = self.policy.budget_rules(self.prices.currency)
        return DestinationCharge(
            hits=hits.for_destination(number, message.channel, self.policy),
            destination=number.destination,
            guard=self.policy.guard_rules(number.country),
            exempt=exempt,
            vouched=request.vouched,
            proven=reservation.proven,
            price=price,
            budget=budget,
        )

    def _is_exempt(self, request: SendRequest) -> bool:
        """Return whether the pumping guard leaves a send out."""
        number = request.number
        if self.policy.guard_rules(number.country).is_off:
            return False
        return (
            request.options.skip_risk_check
            or self.policy.guard_exempt.includes(number)
            or self.is_safe_number(number)
        )

    def _reserve_send(
        self, request: SendRequest, reservations: Reservations
    ) -> tuple[Pepper, PhoneKey, SendReservation]:
        """Count a send of the phone; return its pepper, its key and the reservation."""
        bound_id, new = request.bound_id, None
        if bound_id is None:
            new = HashParameters(self.random_bytes(_ID_BYTES), self.argon2.text)
            # The key of a bound verification contains its id.
            bound_id = new.verification_id if request.bind else None
        pepper, phone = self._phone_keys.resolve(
            request.number, request.service.namespace, bound_id
        )
        scope = _rejection_scope(request)
        return pepper, phone, reservations.reserve_send(phone, new, scope)

    def _report_near(self, usage: Sequence[WindowUsage]) -> None:
        """Emit an event of each window that the request has nearly filled."""
        for window in self.near_limits.to_report(usage):
            self.emit(event_factory.near_limit(window))

    def _message(
        self, request: SendRequest, reservation: SendReservation, pepper: Pepper
    ) -> Message:
        verification_id = reservation.hash_parameters.verification_id
        return templates.build(
            request,
            IssuedCode(
                code=self._new_code(request),
                verification_id=verification_id,
                ttl=self.policy.ttl,
                expires_at=datetime.fromtimestamp(
                    reservation.code_expires_at / _MILLISECONDS, UTC
                ),
            ),
            channel=self._channel(request),
            delivery_id=delivery_ids.create(pepper, verification_id, self.random_bytes),
            brand=self.default_brand,
        )

    def _new_code(self, request: SendRequest) -> str:
        return (
            self.fixed_codes.get(request.number.e164)
            or request.custom_code
            or codes.generate(
                request.service.code_length or self.policy.code_length,
                self.random_bytes,
            )
        )

    def _commit_send(
        self,
        reservations: Reservations,
        counted: _CountedSend,
        code_hash: bytes,
    ) -> None:
        """Store the hash of the code of a reserved send."""
        if not self.store.commit_send(
            counted.phone,
            idempotency_key=reservations.idempotency_key,
            code_hash=code_hash,
            code_expires_at=counted.reservation.code_expires_at,
            counted=counted.is_guarded,
        ):
            # The verification was approved or canceled while this code was hashed.
            raise Unavailable

    def _deliver(
        self,
        request: SendRequest,
        recipient: PseudonymousRecipient,
        reservations: Reservations,
        send: _CommittedSend,
    ) -> SendResult:
        """Deliver the message, and subtract the time since its reservation."""
        message, counted, confirmed = send.counted.message, send.counted, True
        provider: str | None
        try:
            provider = send.deliver(message).provider
        except DeliveryUnconfirmed as error:
            provider, confirmed = error.provider, False
        except OTPError as error:
            reservations.release(error)
            facts = self._facts(request, reservations, error)
            self.emit(
                event_factory.rejection_event(recipient, error, facts, message.channel)
            )
            raise
        elapsed = timedelta(seconds=self.clock() - counted.started)
        result = SendResult(
            verification_id=message.verification_id,
            send_id=reservations.idempotency_key,
            channel=message.channel,
            code_length=len(message.code),
            expires_in=message.ttl - elapsed,
            resend_after=counted.reservation.resend_after - elapsed,
            limit_usage=counted.reservation.limit_usage,
            confirmed=confirmed,
        )
        event = event_factory.sent_event(request, recipient, result, message, provider)
        self.emit(replace(event, facts=self._facts(request, reservations)))
        return result

    def _facts(
        self,
        request: SendRequest,
        reservations: Reservations,
        error: OTPError | None = None,
    ) -> SendFacts:
        facts = SendFacts.from_request(
            request, self.peppers[0], reservations.times, error
        )
        if charge := reservations.charge:
            return replace(
                facts,
                proven=charge.proven,
                exempt=charge.exempt,
                price=charge.price,
            )
        return facts

    def check(self, request: CheckRequest) -> CheckResult:
        """Check a code, and close the verification if the code is right.

        A check is counted before its code is compared, so a thousand requests in the
        same millisecond get no more checks than a thousand in a row. A right code is
        approved once: the first request that closes the verification is approved, and
        the later ones find no verification.

        Returns:
            Whether the code was right.

        Raises:
            VerificationNotFound: No verification of this phone is pending.
            TooManyAttempts: The verification has no attempts left.
            NetworkNotAllowed: The operator has blocked the network of the client.
            RateLimited: A limit of the requester or of the phone refused, or a global
                limit.
            Unavailable: Redis or this instance is unavailable.
        """
        number, client_ip = request.number, request.client_ip
        recipient = PseudonymousRecipient.from_number(
            number, self.peppers[0], client_ip
        )
        key = self.random_bytes(IDEMPOTENCY_KEY_BYTES)
        reservations = Reservations(self.store, self.policy, key)
        try:
            if self.policy.blocked_networks.names:
                self._check_client_ip(request.client_ip)
            with self.hash_queue.acquire_slot(
                request.client_name, request.client_ip
            ) as compute:
                result = self._check(request, recipient, reservations, compute)
        except OTPError as error:
            reservations.release(error)
            self.emit(event_factory.failed_check_event(recipient, error))
            raise
        for event in event_factory.check_events(recipient, result):
            self.emit(event)
        return result

    def _check(
        self,
        request: CheckRequest,
        recipient: PseudonymousRecipient,
        reservations: Reservations,
        compute: Compute,
    ) -> CheckResult:
        usage = reservations.acquire_requester_hits(
            hits.for_requester(request, self.policy, self.peppers[0], recipient)
        )
        if any(window.is_near for window in usage):
            self._report_near(usage)
        pepper, phone = self._phone_keys.resolve(
            request.number, request.service.namespace, request.bound_id
        )
        reservation = reservations.reserve_check(phone)
        parameters = reservation.hash_parameters
        if request.verification_id not in {None, parameters.verification_id}:
            raise VerificationNotFound
        global_usage = reservations.acquire_global_hits(
            hits.for_failed_checks(self.policy)
        )
        if any(window.is_near for window in global_usage):
            self._report_near(global_usage)
        usage += global_usage
        for event in event_factory.shadow_refusals(Action.CHECK, recipient, usage):
            self.emit(event)
        code_hash = _hash_code(
            compute, request.code, request.number, pepper, parameters
        )
        # Once the code is compared, the check stays counted whatever happens.
        reservations.commit()
        # A sum, so that a match of the first code takes as long as one of the last.
        if sum(
            hmac.compare_digest(code_hash, live) for live in reservation.code_hashes
        ):
            return self._approve_check(
                phone, parameters.verification_id, request.number, reservations
            )
        return CheckResult(
            verification_id=parameters.verification_id,
            approved=False,
            attempts_remaining=reservation.attempts_remaining,
            expires_in=reservation.expires_in,
            retry_after=reservation.retry_after,
        )

    def _approve_check(
        self,
        phone: PhoneKey,
        verification_id: bytes,
        number: PhoneNumber,
        reservations: Reservations,
    ) -> CheckResult:
        """Close the verification of a right code, unless another request has."""
        approval = self.store.approve(
            phone,
            idempotency_key=reservations.idempotency_key,
            verification_id=verification_id,
            mark_proven=self.marks_proven,
        )
        # The global limit counts failed checks only.
        reservations.release_global_hits()
        if approval is None:
            raise VerificationNotFound
        self._credit(number, verification_id, approval)
        return CheckResult(
            verification_id=verification_id, approved=True, approved_at=approval.at
        )


def _hash_code(
    compute: Compute,
    code: str,
    number: PhoneNumber,
    pepper: Pepper,
    parameters: HashParameters,
) -> bytes:
    mac = pepper.code_mac(
        code, verification_id=parameters.verification_id, number=number.e164
    )
    argon2 = Argon2Parameters.parse(parameters.argon2)
    return compute(mac, parameters.verification_id, argon2)


def _switched_off(name: str) -> OTPError:
    """Return the error of a send that the switch *name* refuses."""
    if name == switches.DEFAULT:
        return SendingDisabled()
    if name.startswith(switches.KEY):
        return KeyNotAllowed()
    if name.startswith(switches.CHANNEL):
        return ChannelNotAllowed(name.removeprefix(switches.CHANNEL))
    if name.startswith("+"):
        return PrefixNotAllowed(name)
    return CountryNotAllowed(name, rule="sending")


def _rejection_scope(request: SendRequest) -> str:
    """Return the part of a send that a provider's rejection can depend on."""
    # A recipient can have answered STOP to one sender and not to another.
    sender = request.service.messaging_service(request.number.country) or ""
    # Without its risk check, the provider applies other rules to the message.
    return f"{sender} unfiltered" if request.options.skip_risk_check else sender
