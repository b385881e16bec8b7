"""Runs of the same requests through an engine, and the replays of their events."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from otp_engine.crypto.argon2 import PROFILES
from otp_engine.crypto.hash_queue import HashQueue
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.engine import Engine
from otp_engine.domain.events import Action, Event, RecordedEvent, RequestRefused
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.messages.contents import TextDefaults
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import ApprovalCredit, Channel, CheckRequest, SendRequest
from otp_engine.domain.money.prices import Prices
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.policy.policy import PARSERS, Policy, format_value
from otp_engine.domain.ports import Accepted, Deliver
from otp_engine.domain.replay.proposal import Proposal
from otp_engine.domain.replay.replay import Replay
from otp_engine.domain.replay.sends import RecordedSend
from otp_engine.errors import OTPError, Unavailable, VerificationNotFound
from otp_engine.store.redis_store import RedisStore
from tests.support.clocked_redis import MillisecondClock, clocked_redis
from tests.support.fakes import (
    by_name,
    extract_code,
)

PEPPER = Pepper(b"p" * 32)
HASH_QUEUE = HashQueue(1, wait=timedelta(minutes=1))
UNLIMITED = Policy(
    max_sends=100,
    max_checks=100,
    resend_cooldown=timedelta(),
    sends_per_phone=Limit(),
    sends_per_ip=Limit(),
    sends_total=Limit(),
    failed_checks_per_phone=Limit.parse("1000/1h"),
    checks_per_ip=Limit(),
    allowed_countries=frozenset({"*"}),
    guard=PARSERS["guard"]("off"),
)
"""A policy that refuses nothing; a test adds the rules that it is about."""

PRICES = Prices(
    currency="USD",
    by_country={("IN", "sms"): 1_000_000, ("US", "sms"): 2_000_000},
    source="test",
)


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes.

    Attributes:
        milliseconds: How much; a multiple of 125.
    """

    milliseconds: int


@dataclass(frozen=True, slots=True)
class Send:
    """A client requests a code.

    Attributes:
        number: The number in E.164.
        client_ip: The client IP.
        client_name: The name of the API key.
        error: What the provider answers; None for an accepted message.
    """

    number: str
    client_ip: str | None = None
    client_name: str | None = None
    error: OTPError | None = None


@dataclass(frozen=True, slots=True)
class Approve:
    """The recipient enters the code of the last send, if a message arrived."""

    number: str


Request = Wait | Send | Approve


@dataclass
class Run:
    """A run of requests.

    Attributes:
        events: The events with their times.
        refusals: For each send, the rule that refused it.
        shadow_refusals: For each send, the rules that would have refused it.
    """

    events: list[RecordedEvent] = field(default_factory=list)
    refusals: list[str | None] = field(default_factory=list)
    shadow_refusals: list[set[str]] = field(default_factory=list)


class _Provider:
    name = "provider"
    channels = (Channel.SMS,)
    reports_delivery = False

    def __init__(self) -> None:
        self.error: OTPError | None = None
        self.codes: dict[str, str] = {}

    @contextmanager
    def acquire_slot(self) -> Iterator[Deliver]:
        yield self._deliver

    def _deliver(self, message: Message) -> Accepted:
        if self.error:
            raise self.error
        self.codes[message.to] = extract_code(message.body)
        return Accepted(self.name)

    def ping(self) -> None:
        """Return at once."""


def run(policy: Policy, requests: Sequence[Request]) -> Run:
    """Run requests through an engine with an empty store."""
    clock, provider, result = MillisecondClock(), _Provider(), Run()

    def record(event: Event) -> None:
        at = datetime.fromtimestamp(clock.now / 1000, tz=UTC)
        result.events.append(RecordedEvent(at, event))
        if isinstance(event, RequestRefused) and event.action is Action.SEND:
            if event.shadow:
                result.shadow_refusals[-1].add(event.limit)
            else:
                result.refusals[-1] = event.limit

    store = RedisStore(clocked_redis(clock))

    def credit(approval: ApprovalCredit) -> None:
        store.credit_approval(
            approval.destination,
            verification_id=approval.verification_id,
            messages=approval.messages,
            rules=approval.rules,
        )

    engine = Engine(
        store=store,
        senders=by_name(provider),
        hash_queue=HASH_QUEUE,
        peppers=(PEPPER,),
        policy=policy,
        argon2=PROFILES["test"],
        destinations=AllowedDestinations(policy.allowed_countries),
        text_defaults=TextDefaults(brand="Acme"),
        random_bytes=secrets.token_bytes,
        clock=lambda: clock.seconds,
        emit=record,
        credit=credit,
        prices=PRICES,
    )
    for request in requests:
        match request:
            case Wait():
                clock.now += request.milliseconds
            case Send():
                result.refusals.append(None)
                result.shadow_refusals.append(set())
                provider.error = request.error
                _send(engine, provider, request)
            case Approve() if code := provider.codes.pop(request.number, None):
                number = numbers.parse(request.number, "IN")
                with suppress(VerificationNotFound):
                    engine.check(CheckRequest(address=number, code=code))
    return result


def _send(engine: Engine, provider: _Provider, request: Send) -> None:
    # People enter the newest code only.
    provider.codes.pop(request.number, None)
    try:
        engine.send(
            SendRequest(
                address=numbers.parse(request.number, "IN"),
                client_ip=request.client_ip,
                client_name=request.client_name,
            )
        )
    except OTPError as error:
        if isinstance(error, Unavailable) and error is not request.error:
            raise


@dataclass
class Decisions:
    """The decisions of a replay.

    Attributes:
        refusals: For each send that reached a rule, the rule that refuses it.
    """

    refusals: list[tuple[RecordedSend, str | None]] = field(default_factory=list)

    def decided(self, send: RecordedSend, refused_by: str | None) -> None:
        self.refusals.append((send, refused_by))

    def approved(self, verification_id: bytes) -> None:
        """Do nothing."""


def decisions(
    events: Sequence[RecordedEvent], names: Sequence[str], policy: Policy
) -> list[tuple[RecordedSend, str | None]]:
    """Replay events against values of a policy.

    Returns:
        The sends that reached one of the rules, each with the rule that refuses it.
    """
    outcomes = Decisions()
    texts = {name: format_value(getattr(policy, name)) for name in names}
    proposal = Proposal.of(texts, policy, [PEPPER])
    Replay(proposal.rules, proposal.ttl_ms, outcomes).run(events)
    return outcomes.refusals


def replay(
    events: Sequence[RecordedEvent], names: Sequence[str], policy: Policy
) -> list[str | None]:
    """Replay events; return for each send the rule that refuses it."""
    return [rule for _, rule in decisions(events, names, policy)]
