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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from otp_engine.crypto.argon2 import Argon2Parameters
from otp_engine.crypto.hash_queue import HashQueue
from otp_engine.domain import event_factory
from otp_engine.domain.checks import Check
from otp_engine.domain.deliveries import TrackedDelivery, ignore_delivery
from otp_engine.domain.email_addresses import EmailAddress
from otp_engine.domain.fallback_plans import FallbackPlan
from otp_engine.domain.fallback_sends import FallbackSend
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.limits.near_limits import NearLimits
from otp_engine.domain.messages.contents import TextDefaults
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import (
    Channel,
    CheckRequest,
    CheckResult,
    SendRequest,
    SendResult,
)
from otp_engine.domain.money.prices import Prices
from otp_engine.domain.pending_verifications import PendingVerifications
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.ports import Sender
from otp_engine.domain.routing import plan as routing_plan
from otp_engine.domain.routing.steps import Step
from otp_engine.domain.sends import Send
from otp_engine.errors import NetworkNotAllowed

Prefer = Callable[[tuple[Step, ...]], tuple[Step, ...]]
"""Returns steps in the order in which a message tries them."""


def _is_never_safe(_number: PhoneNumber) -> bool:
    return False


def leave_out_address(_message: Message) -> str | None:
    """Return None: the events of sends have no address."""
    return None


def _keep_order(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine(PendingVerifications):
    """The rules of the service, with the components that they need.

    Attributes:
        senders: Pass messages to providers, by name in order of preference.
        hash_queue: Hashes codes.
        argon2: Argon2 parameters of a new verification.
        destinations: The numbers that messages may be sent to.
        text_defaults: What decides the text of a message, besides its request.
        clock: Returns monotonic seconds, to measure how long the provider took.
        fixed_codes: Codes that are not generated, by the number in E.164.
        near_limits: Selects the windows that events report as nearly full.
        is_safe_number: Returns whether a number is on the safe list.
        prices: What messages cost; None counts no money.
        prefer: Orders the steps of a message, such as by the health of providers.
        seal_address: Encrypts the number or the address for the event of a send, or
            returns None.
        track: Receives each message that was handed to a provider.
    """

    senders: Mapping[str, Sender]
    hash_queue: HashQueue
    argon2: Argon2Parameters
    destinations: AllowedDestinations
    text_defaults: TextDefaults
    clock: Callable[[], float]
    fixed_codes: Mapping[str, str] = field(default_factory=dict, repr=False)
    near_limits: NearLimits = field(default_factory=NearLimits, repr=False)
    is_safe_number: Callable[[PhoneNumber], bool] = _is_never_safe
    prices: Prices | None = None
    prefer: Prefer = _keep_order
    seal_address: Callable[[Message], str | None] = leave_out_address
    track: Callable[[TrackedDelivery], None] = ignore_delivery

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
        return Send(self, request).run()

    def fall_back(self, plan: FallbackPlan, mark: Callable[[], bool]) -> SendResult:
        """Send a new code of a verification by the next step of its route.

        Args:
            plan: What to send.
            mark: Marks the fallback as used, just before the hand-over; returns whether
                the message may be handed over.

        Raises:
            VerificationNotFound: The verification has ended, or the fallback was used.
            OTPError: As for `send`.
        """
        return FallbackSend(self, plan, mark).run()

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
        return Check(self, request).run()

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels of the senders, in the order of `Channel`."""
        return routing_plan.channels_of(self.channels_by_provider)

    @property
    def channels_by_provider(self) -> Mapping[str, Sequence[Channel]]:
        """The channels of each provider, in order of preference."""
        return {name: sender.channels for name, sender in self.senders.items()}

    def permitted_steps(self, request: SendRequest) -> tuple[Step, ...]:
        """Return the steps that a message can take, in order; at least one.

        Raises:
            KeyNotAllowed, ChannelNotAllowed, CountryNotAllowed, PrefixNotAllowed,
            SendingDisabled: A rule of the policy excludes every step.
        """
        channels = self.channels_by_provider
        steps = routing_plan.steps_for(
            request.address, request.channel, self.policy.routes, channels
        )
        return self.prefer(routing_plan.permitted(steps, request, self.policy))

    def is_exempt(self, request: SendRequest) -> bool:
        """Return whether the pumping guard leaves a send out."""
        number = request.address
        if isinstance(number, EmailAddress):
            return True
        if self.policy.guard_rules(number.country).is_off:
            return False
        return (
            request.options.skip_risk_check
            or self.policy.guard_exempt.includes(number)
            or self.is_safe_number(number)
        )

    def check_client_ip(self, client_ip: str | None) -> None:
        """Check that the network of a client is not blocked.

        Raises:
            NetworkNotAllowed: It is.
        """
        blocked = self.policy.blocked_networks
        if blocked.names and client_ip and blocked.includes(client_ip):
            raise NetworkNotAllowed

    def report_near(self, usage: Sequence[WindowUsage]) -> None:
        """Emit an event of each window that the request has nearly filled."""
        if any(window.is_near for window in usage):
            for window in self.near_limits.to_report(usage):
                self.emit(event_factory.near_limit(window))
