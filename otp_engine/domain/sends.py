"""One send of a code.

    requester ─▶ phone ─▶ global limits ─▶ hash ─▶ commit ─▶ provider

A provider that certainly did not send, for a reason that is not the recipient's number,
passes the message to the next step of the route. Its charge is released before, and the
new step is charged by its own channel and price. A rule that refuses the new step ends
the send with the error of the provider. The code is the same, and the store gets the
channel of the new step with it.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import codes, event_factory
from otp_engine.domain.code_hashes import hash_code
from otp_engine.domain.deliveries import TrackedDelivery
from otp_engine.domain.email_addresses import EmailAddress
from otp_engine.domain.events import Action
from otp_engine.domain.limits import hits
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.message_charges import charge_of
from otp_engine.domain.messages import delivery_ids, templates
from otp_engine.domain.messages.templates import IssuedCode
from otp_engine.domain.models import (
    Api,
    Channel,
    HashParameters,
    SendRequest,
    SendReservation,
    SendResult,
)
from otp_engine.domain.pending_verifications import IDEMPOTENCY_KEY_BYTES
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.ports import Accepted
from otp_engine.domain.provider_rejections import ProviderRejection
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.reservations import Reservations
from otp_engine.domain.routing import plan as routing_plan
from otp_engine.domain.routing.step_walk import StepWalk
from otp_engine.domain.routing.steps import Step
from otp_engine.domain.send_facts import SendFacts
from otp_engine.domain.send_states import ChargedMessage, CountedSend, rejection_scope
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    OTPError,
    ProviderUnavailable,
    RateLimited,
    RecipientNotOnChannel,
    StoreUnavailable,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otp_engine.domain.engine import Engine

log = logging.getLogger(__name__)

# At least 128 bits for an id (ASVS 5.0, 11.5.1), and 128 bits for a salt (RFC 9106).
_ID_BYTES = 16
_MILLISECONDS = 1000  # per second


class Send:
    """A send in progress.

    Attributes:
        is_fallback: Whether the send is the fallback of an earlier one.
    """

    is_fallback = False

    def __init__(self, engine: Engine, request: SendRequest) -> None:
        """Start a send; `run` does the rest.

        Args:
            engine: The engine, with the components that the send needs.
            request: The send.
        """
        self._engine = engine
        self._request = request
        self._recipient = PseudonymousRecipient.from_address(
            request.address, engine.peppers[0], request.client_ip
        )
        key = engine.random_bytes(IDEMPOTENCY_KEY_BYTES)
        policy = engine.policy.for_v2 if request.api is Api.V2 else engine.policy
        self._reservations = Reservations(engine.store, policy, key)
        # The channel of the step, once there is one.
        self._channel = request.channel
        # Set by the steps of `_prepare`, in this order.
        self._walk: StepWalk
        self._counted: CountedSend
        self._charged: ChargedMessage
        self._code_hash: bytes

    def run(self) -> SendResult:
        """Send the code; see `Engine.send`."""
        try:
            self._walk = self._plan()
        except OTPError as error:
            self._refuse(error)
            raise
        self._channel = self._walk.step.channel
        with self._walk:
            try:
                self._prepare()
            except OTPError as error:
                self._reservations.release(error)
                self._refuse(error)
                raise
            accepted, confirmed = self._deliver()
        return self._finish(accepted, confirmed=confirmed)

    def _refuse(self, error: OTPError) -> None:
        """Emit the events of a send that failed before its message was delivered."""
        for event in event_factory.failed_send_events(
            replace(self._request, channel=self._channel),
            self._recipient,
            error,
            self._facts(error),
        ):
            self._engine.emit(event)

    def _plan(self) -> StepWalk:
        """Check the rules that need no count, and return the steps that they allow."""
        engine, request = self._engine, self._request
        engine.check_client_ip(request.client_ip)
        return self._start_walk(engine.permitted_steps(request))

    def _start_walk(self, steps: Sequence[Step]) -> StepWalk:
        """Return the walk over the steps that can reach the destination."""
        engine, request = self._engine, self._request
        engine.destinations.check(request.address, geo_exempt=request.geo_exempt)
        return StepWalk(routing_plan.receivable(steps, request.address), engine.senders)

    def _prepare(self) -> None:
        """Do every step of a send before the delivery of its message."""
        engine, request = self._engine, self._request
        # Without a free slot no other step is useful.
        self._walk.probe()
        with engine.hash_queue.acquire_slot(
            request.client_name, request.client_ip
        ) as compute:
            counted = self._counted = self._count()
            self._charged = self._charge(self._reservations.idempotency_key)
            try:
                self._code_hash = hash_code(
                    partial(compute, on_turn=self._walk.acquire),
                    counted.issued.code,
                    request.address,
                    counted.pepper,
                    counted.reservation.hash_parameters,
                )
            except ProviderUnavailable:
                self._reservations.release_requester_hits()
                raise
        if self._walk.step != self._charged.step:
            self._charge_next()
        self._commit()

    def _count(self) -> CountedSend:
        """Count the send of its requester and of its phone."""
        engine, request = self._engine, self._request
        usage = self._count_requester()
        engine.report_near(usage)
        exempt = engine.is_exempt(request)
        started = engine.clock()
        pepper, phone, reservation = self._reserve()
        issued = IssuedCode(
            code=self._new_code(),
            verification_id=reservation.hash_parameters.verification_id,
            ttl=engine.policy.ttl,
            expires_at=datetime.fromtimestamp(
                reservation.code_expires_at / _MILLISECONDS, UTC
            ),
        )
        return CountedSend(
            pepper=pepper,
            phone=phone,
            reservation=reservation,
            issued=issued,
            usage=[*reservation.limit_usage, *usage],
            started=started,
            exempt=exempt,
        )

    def _count_requester(self) -> list[WindowUsage]:
        """Count the send of its requester; return the usage of the limits."""
        engine, request = self._engine, self._request
        return self._reservations.acquire_requester_hits(
            hits.for_requester(
                request, engine.policy, engine.peppers[0], self._recipient.ip_hash
            )
        )

    def _reserve(self) -> tuple[Pepper, PhoneKey, SendReservation]:
        """Count a send of the phone; return its pepper, its key and the reservation."""
        engine, request = self._engine, self._request
        bound_id, new = request.bound_id, self._new_parameters()
        if new and request.bind:
            # The key of a bound verification contains its id.
            bound_id = new.verification_id
        pepper, phone = engine.phone_keys.resolve(
            request.address, request.service.namespace, bound_id
        )
        scopes = {
            channel: rejection_scope(request, channel)
            for channel in self._walk.channels
        }
        reservation = self._reservations.reserve_send(phone, new, scopes)
        self._walk.skip(reservation.unreachable)
        return pepper, phone, reservation

    def _new_parameters(self) -> HashParameters | None:
        """Return the parameters of a new verification; None needs a live one."""
        if self._request.bound_id is not None:
            return None
        engine = self._engine
        return HashParameters(engine.random_bytes(_ID_BYTES), engine.argon2.text)

    def _new_code(self) -> str:
        engine, request = self._engine, self._request
        return (
            engine.fixed_codes.get(request.address.canonical)
            or request.custom_code
            or codes.generate(
                request.service.code_length or engine.policy.code_length,
                engine.random_bytes,
            )
        )

    def _charge(self, key: bytes) -> ChargedMessage:
        """Count the message at its destination, by the first step with room for it.

        A limit of one channel leaves the steps of the others, unless the client chose
        the channel.

        Args:
            key: The idempotency key of the step, 8 bytes.
        """
        while True:
            try:
                return self._charge_step(key)
            except RateLimited as error:
                if error.limit not in hits.LIMITS_OF_ONE_CHANNEL:
                    raise
                if self._request.channel or not self._walk.skip_full():
                    raise
            self._reservations.discard_refused_destination()
            key = self._engine.random_bytes(IDEMPOTENCY_KEY_BYTES)

    def _charge_step(self, key: bytes) -> ChargedMessage:
        """Count the message of the current step at its destination."""
        engine, request, counted = self._engine, self._request, self._counted
        step = self._walk.step
        self._channel = step.channel
        self._reservations.rejection_scope = rejection_scope(request, step.channel)
        # Built before the message is counted, because the budget counts its segments.
        message = templates.build(
            request,
            counted.issued,
            channel=step.channel,
            delivery_id=delivery_ids.create(
                counted.pepper, counted.issued.verification_id, engine.random_bytes
            ),
            defaults=engine.text_defaults,
        )
        destination = self._reservations.acquire_destination(
            charge_of(message, engine, request, counted), key
        )
        engine.report_near(destination.limit_usage)
        usage = [*counted.usage, *destination.limit_usage]
        for event in event_factory.shadow_refusals(Action.SEND, self._recipient, usage):
            engine.emit(event)
        if destination.has_reports:
            for event in event_factory.destination_events(
                replace(request, channel=step.channel),
                self._recipient,
                destination,
                self._facts(),
            ):
                engine.emit(event)
        return ChargedMessage(
            step=step,
            message=message,
            usage=destination.limit_usage,
            is_guarded=destination.guard.counted,
        )

    def _charge_next(self) -> None:
        """Release the charge of the last step, and charge the current one."""
        self._reservations.release_destination()
        key = self._engine.random_bytes(IDEMPOTENCY_KEY_BYTES)
        self._charged = self._charge(key)

    def _commit(self, *, is_later_step: bool = False) -> None:
        """Store the hash of the code, and the channel of its message."""
        counted = self._counted
        if not self._engine.store.commit_send(
            counted.phone,
            idempotency_key=self._reservations.idempotency_key,
            code_hash=self._code_hash,
            code_expires_at=counted.reservation.code_expires_at,
            counted=self._charged.is_guarded,
            channel=self._charged.step.channel,
            is_later_step=is_later_step,
        ):
            # The verification was approved or canceled while this code was hashed.
            raise Unavailable

    def _deliver(self) -> tuple[Accepted | None, bool]:
        """Deliver the message by the first step that can.

        Returns:
            What the provider accepted, and whether it confirmed that.
        """
        while True:
            try:
                return self._walk.deliver(self._charged.message), True
            except DeliveryUnconfirmed as error:
                provider = error.provider
                return (Accepted(provider) if provider else None), False
            except OTPError as error:
                facts, channel = self._facts(error), self._charged.step.channel
                if _may_fail_over(error) and self._fail_over(error):
                    continue
                self._reservations.release(error)
                self._engine.emit(
                    event_factory.rejection_event(
                        self._recipient, error, facts, channel
                    )
                )
                raise

    def _fail_over(self, error: OTPError) -> bool:
        """Prepare the next step; return whether its message can be delivered."""
        failed = self._walk.step
        if isinstance(error, RecipientNotOnChannel):
            self._mark_unreachable(failed.channel, error)
            if not self._walk.skip({failed.channel}):
                return False
        elif not self._walk.drop():
            return False
        try:
            self._walk.acquire()
            self._charge_next()
            self._commit(is_later_step=True)
        except OTPError as refusal:
            if isinstance(refusal, StoreUnavailable):
                # The store can have counted the message without a reply.
                self._reservations.release_destination()
            log.warning(
                "%s: %s; no other step: %s",
                *(failed, error.error_code, refusal.error_code),
            )
            return False
        log.warning(
            "%s: %s; %s gets the message", failed, error.error_code, self._walk.step
        )
        return True

    def _mark_unreachable(self, channel: Channel, error: OTPError) -> None:
        """Store that a channel does not reach the phone, if Redis replies."""
        rejection = ProviderRejection.not_on_channel(error.provider_error)
        with suppress(StoreUnavailable):
            self._engine.store.mark_channel_unreachable(
                self._counted.phone, channel, rejection
            )

    def _finish(self, accepted: Accepted | None, *, confirmed: bool) -> SendResult:
        """Return the result, and emit the event of the message."""
        engine, request, counted = self._engine, self._request, self._counted
        message = self._charged.message
        provider = accepted.provider if accepted else None
        # The store counted the code from its reservation on.
        elapsed = timedelta(seconds=engine.clock() - counted.started)
        result = SendResult(
            verification_id=message.verification_id,
            send_id=self._reservations.idempotency_key,
            channel=message.channel,
            code_length=len(message.code),
            expires_in=message.ttl - elapsed,
            resend_after=counted.reservation.resend_after - elapsed,
            limit_usage=(*counted.usage, *self._charged.usage),
            confirmed=confirmed,
        )
        delivery = TrackedDelivery(
            delivery_id=message.delivery_id,
            verification_id=message.verification_id,
            phone=counted.phone,
            recipient=self._recipient,
            channel=message.channel,
            provider=provider,
            message_id=accepted.message_id if accepted else None,
            confirmed=confirmed,
            reports_delivery=self._walk.sender.reports_delivery,
            fallback_after=engine.policy.fallback_after,
            later_steps=self._fallback_steps(),
            request=request,
            expires_at=message.expires_at,
            is_fallback=self.is_fallback,
        )
        event = event_factory.sent_event(
            request, result, message, delivery, self._facts()
        )
        if sealed := engine.seal_address(message):
            event = replace(event, sealed_address=sealed)
        engine.emit(event)
        engine.track(delivery)
        return result

    def _fallback_steps(self) -> tuple[Step, ...]:
        """Return the steps of a fallback.

        A client that chose the channel gets no other one, and an e-mail address has
        one. A code that the client or the operator chose is not stored, and a fallback
        needs a fresh one. A second message costs money, so the operator has to write a
        route: the order of `OTP_SENDER` is one for failover only.
        """
        request, engine = self._request, self._engine
        number = request.address
        if isinstance(number, EmailAddress):
            return ()
        is_chosen = (
            request.channel
            or request.custom_code
            or number.canonical in engine.fixed_codes
        )
        if is_chosen or engine.policy.routes.destination_of(number) is None:
            return ()
        return self._walk.later

    def _facts(self, error: OTPError | None = None) -> SendFacts:
        reservations = self._reservations
        return SendFacts.from_request(
            self._request,
            self._engine.peppers[0],
            reservations.times,
            charge=reservations.charge,
            error=error,
        )


def _may_fail_over(error: OTPError) -> bool:
    """Return whether another step can deliver a message that certainly was not sent."""
    if isinstance(error, DeliveryFailed):
        return error.retry_elsewhere
    return isinstance(error, ProviderUnavailable)
