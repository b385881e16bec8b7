"""The engine behaves as its model, in any order of events.

Hypothesis draws the orders, and `Model` computes the result that each step must have. A
failure is reduced to the fewest steps, and printed as a program.

By default the same 200 orders of up to 24 steps are drawn. Most of them run on a real
Redis, because a step on the embedded store takes three times as long.
`OTP_MODEL_EXAMPLES=5000` draws as many other orders of up to 60 steps: each night, and
after a change of the scripts.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from otp_engine.crypto.argon2 import PROFILES
from otp_engine.crypto.hash_queue import HashQueue
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.engine import Engine
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.messages.contents import TextDefaults
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import (
    Api,
    Channel,
    CheckRequest,
    CheckResult,
    PendingVerification,
    SendRequest,
    SendResult,
)
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.policy.by_country import ByCountry
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.ports import Accepted, Deliver
from otp_engine.domain.pumping_guard.rules import GuardMode
from otp_engine.domain.services import DEFAULT
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    NumberTypeNotAllowed,
    OTPError,
    Overloaded,
    ProviderUnavailable,
)
from otp_engine.store.redis_store import RedisStore
from tests.support.fakes import (
    HashQueueWithHook,
    by_name,
    different_code,
    extract_code,
    raise_overloaded,
)
from tests.support.model import Model, SentMessage
from tests.support.time_travel import age

# Each step of time is a multiple of 200 s. Each period ends at such a multiple, or 40 s
# or more before the next one. No moment of a run is therefore near the end of a window,
# and the seconds of the run itself change no result on a busy machine. The periods of
# one rejection also end 40 s or more apart, so that one of them is the longest.
STEPS = [timedelta(seconds=10 * n) for n in (20, 20, 40, 40, 60, 100, 120, 320, 640)]
RESEND_STEP = timedelta(seconds=400)
MARGIN = timedelta(seconds=40)
POLICY = Policy(
    ttl=timedelta(seconds=1_040),
    max_checks=3,
    max_sends=3,
    resend_cooldown=timedelta(seconds=280),
    sends_per_phone=Limit.parse("4/3120s, 6/9120s"),
    sends_per_ip=Limit.parse("4/4040s"),
    sends_per_country=LimitByName(Limit.parse("6/5080s")),
    sends_total=Limit.parse("8/7120s"),
    failed_checks_per_phone=Limit.parse("4/6160s, 6/12160s"),
    checks_per_ip=Limit.parse("6/680s"),
    max_consecutive_failures=9,
    guard=ByCountry(GuardMode.OFF),
)
EXAMPLES = {"embedded": 40, "real": 160}

PHONES = {
    "Alice": numbers.parse("+919445012345", "IN"),
    "Bob": numbers.parse("+919445067890", "IN"),
    "Carol": numbers.parse("+12015550123", "IN"),
}
# Most events concern one phone, because most limits are reached by a busy one only.
NAMES = st.sampled_from([*["Alice"] * 4, "Bob", "Carol"])
APIS = st.sampled_from(Api)
CLIENT_IPS = st.sampled_from([*["203.0.113.7"] * 4, "203.0.113.8", None])
STOP_ERROR = DeliveryFailed()
STOP_ERROR.provider_error = 21610  # the recipient has answered STOP
PROVIDER_ERRORS = st.sampled_from(
    [
        None,
        DeliveryFailed(),
        STOP_ERROR,
        NumberTypeNotAllowed(),
        ProviderUnavailable(),
        DeliveryUnconfirmed(),
    ]
)
CONCURRENT_EVENTS = st.sampled_from(
    ["none", "time passes", "failed check", "approval", "cancel", "cancel and send"]
)
INDEXES = st.integers(0, 20)


class CallbackSender:
    """A sender that passes each message to a callback, which raises its result."""

    name = "callback"
    channels = (Channel.SMS,)
    reports_delivery = False

    def __init__(self) -> None:
        self.receive: Callable[[Message], None] = print

    @contextmanager
    def acquire_slot(self) -> Iterator[Deliver]:
        yield self._deliver

    def _deliver(self, message: Message) -> Accepted:
        self.receive(message)
        return Accepted(self.name)

    def ping(self) -> None:
        """Return at once."""


SLOW_HASH_QUEUE = HashQueueWithHook(raise_overloaded)
HASH_QUEUE = HashQueue(1, wait=timedelta(minutes=1))


def outcome_of(action: Callable[[], Any]) -> Any:
    """Return the result of *action*, or the error that it raises."""
    try:
        return action()
    except OTPError as error:
        return error


class EngineAndModel(RuleBasedStateMachine):
    """An engine and its model, with the same requests.

    Attributes:
        client: An empty Redis, which a subclass sets.
        codes: All codes of each phone, oldest first.
        delivered: All messages that the provider did not certainly reject.
    """

    client: Any

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.model, self.sender = Model(POLICY), CallbackSender()
        self.started = time.monotonic()
        self.engine = Engine(
            store=RedisStore(self.client),
            senders=by_name(self.sender),
            hash_queue=HASH_QUEUE,
            peppers=(Pepper(b"p" * 32),),
            policy=POLICY,
            argon2=PROFILES["test"],
            destinations=AllowedDestinations({"IN", "US"}),
            text_defaults=TextDefaults(brand="Acme"),
            random_bytes=secrets.token_bytes,
            clock=lambda: self.model.now / timedelta(seconds=1),
        )
        self.codes: dict[str, list[str]] = {name: [] for name in PHONES}
        self.delivered: list[SentMessage] = []
        self.checks: Counter[int] = Counter()
        self.approvals: Counter[int] = Counter()

    @rule(step=st.sampled_from(STEPS))
    def time_passes(self, step: timedelta) -> None:
        age(self.client, step)
        self.model.now += step

    @rule(name=NAMES, client_ip=CLIENT_IPS, api=APIS)
    def send(self, name: str, client_ip: str | None, api: Api) -> None:
        self._send(name, client_ip, api=api)

    @rule(
        name=NAMES,
        client_ip=CLIENT_IPS,
        error=PROVIDER_ERRORS,
        concurrent=CONCURRENT_EVENTS,
    )
    def send_with_concurrent_event(
        self, name: str, client_ip: str | None, error: OTPError | None, concurrent: str
    ) -> None:
        self._send(name, client_ip, error, concurrent)

    @rule(name=NAMES, client_ip=CLIENT_IPS, times=st.integers(1, 3))
    def resend_after_the_cooldown(
        self, name: str, client_ip: str | None, times: int
    ) -> None:
        self._send(name, client_ip)
        for _ in range(times):
            self.time_passes(RESEND_STEP)
            self._send(name, client_ip)

    @precondition(lambda self: self._pending())
    @rule(index=INDEXES, client_ip=CLIENT_IPS)
    def check_the_newest_code(self, index: int, client_ip: str | None) -> None:
        name = self._pending_name(index)
        self._check(self.model.live_codes(PHONES[name])[-1], name, client_ip)

    @precondition(lambda self: self._pending())
    @rule(index=INDEXES, client_ip=CLIENT_IPS, times=st.integers(1, 5))
    def check_wrong_codes(self, index: int, client_ip: str | None, times: int) -> None:
        name = self._pending_name(index)
        for _ in range(times):
            self._check(self._wrong_code(name), name, client_ip)

    @precondition(lambda self: self._pending())
    @rule(index=INDEXES, client_ip=CLIENT_IPS, code_index=INDEXES)
    def check_an_older_code(
        self, index: int, client_ip: str | None, code_index: int
    ) -> None:
        # The code can be live, used, expired, canceled or never sent.
        name = self._pending_name(index)
        self._check(self._any_code(name, code_index), name, client_ip)

    @rule(name=NAMES, client_ip=CLIENT_IPS, other=NAMES, code_index=INDEXES)
    def check_a_code_of_any_phone(
        self, name: str, client_ip: str | None, other: str, code_index: int
    ) -> None:
        self._check(self._any_code(other, code_index), name, client_ip)

    @rule(name=NAMES, client_ip=CLIENT_IPS)
    def find_the_hash_queue_full(self, name: str, client_ip: str | None) -> None:
        send_request = SendRequest(address=PHONES[name], client_ip=client_ip)
        check_request = CheckRequest(
            address=PHONES[name], code=self._any_code(name, 0), client_ip=client_ip
        )
        full = replace(self.engine, hash_queue=SLOW_HASH_QUEUE)

        send_error = outcome_of(lambda: self.model.request_send(send_request))
        if send_error is None:
            send_error = Overloaded()
            self.model.release_send_request(send_request)
        self._compare(outcome_of(lambda: full.send(send_request)), send_error)
        check_error = outcome_of(lambda: self.model.check(check_request, hashed=False))
        self._compare(outcome_of(lambda: full.check(check_request)), check_error)

    @precondition(lambda self: self._pending())
    @rule(index=INDEXES)
    def cancel_and_send(self, index: int) -> None:
        name = self._pending_name(index)
        self.cancel(name)
        self._send(name, None)

    @rule(name=NAMES)
    def cancel(self, name: str) -> None:
        expected = outcome_of(lambda: self.model.cancel(PHONES[name]))

        outcome = outcome_of(
            lambda: self.engine.cancel(PHONES[name], DEFAULT, self._id_of(name))
        )

        self._compare(outcome, expected)

    @invariant()
    def verification_is_approved_once_after_max_checks_at_most(self) -> None:
        assert max(self.approvals.values(), default=0) <= 1
        assert max(self.checks.values(), default=0) <= POLICY.max_checks

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        # Computed from the messages, because model and engine can have the same error.
        times: defaultdict[tuple[str, object], list[timedelta]] = defaultdict(list)
        for message in self.delivered:
            request, sent_at = message.request, message.sent_at
            times["sends_total", None].append(sent_at)
            times["sends_per_phone", request.address].append(sent_at)
            times["sends_per_country", request.address.country].append(sent_at)
            if request.client_ip:
                times["sends_per_ip", request.client_ip].append(sent_at)
        for (limit_name, _), events in times.items():
            limit = getattr(POLICY, limit_name)
            limit = limit.default if isinstance(limit, LimitByName) else limit
            assert not self.model.is_exceeded(limit, events)

    @invariant()
    def verification_has_max_sends_and_a_cooldown(self) -> None:
        sends: defaultdict[int, list[SentMessage]] = defaultdict(list)
        for message in self.delivered:
            sends[message.verification].append(message)
        for messages in sends.values():
            assert len(messages) <= POLICY.max_sends
            for earlier, later in pairwise(messages):
                passed = later.sent_at - earlier.sent_at
                assert passed >= self.model.cooldown(later.request)

    @invariant()
    def every_key_has_an_expiry(self) -> None:
        pipeline = self.client.pipeline()
        for key in self.client.keys("*"):
            pipeline.pttl(key)
        assert all(ttl > 0 for ttl in pipeline.execute())

    def teardown(self) -> None:
        """Verify that all keys expire with the longest window, or shortly after."""
        # Failed checks end before that.
        age(self.client, timedelta(days=90, minutes=10))
        assert self.client.dbsize() == 0

    def _id_of(self, name: str) -> bytes:
        """Return the id of the pending verification, or an unknown one."""
        pending = outcome_of(lambda: self.engine.get_pending(PHONES[name]))
        return (
            pending.verification_id
            if isinstance(pending, PendingVerification)
            else b"0" * 16
        )

    def _send(
        self,
        name: str,
        client_ip: str | None,
        error: OTPError | None = None,
        concurrent: str = "none",
        api: Api = Api.AUTH,
    ) -> None:
        request = SendRequest(address=PHONES[name], client_ip=client_ip, api=api)
        rejection = outcome_of(lambda: self.model.request_send(request))
        results: list[SendResult] = []

        def receive(message: Message) -> None:
            sent_message, result = self.model.send(request, extract_code(message.body))
            results.append(result)
            self.codes[name].append(sent_message.code)
            self._run_concurrent_event(concurrent, name)
            if error and not isinstance(error, DeliveryUnconfirmed):
                self.model.release_send(sent_message, error)
            else:
                self.delivered.append(sent_message)
            if error:
                raise error

        started, self.sender.receive = self.model.now, receive
        outcome = outcome_of(lambda: self.engine.send(request))

        assert bool(results) == (rejection is None), "the provider got a message"
        if rejection:
            self._compare(outcome, rejection)
        else:
            result = _after(results[0], self.model.now - started)
            self._compare(outcome, _with_provider_error(result, error))

    def _run_concurrent_event(self, event: str, name: str) -> None:
        """Run an event while the provider has a message for a phone."""
        match event:
            case "time passes":
                self.time_passes(min(STEPS))
            case "failed check":
                self._check(self._wrong_code(name), name, None)
            case "approval":
                self._check(self.model.live_codes(PHONES[name])[0], name, None)
            case "cancel":
                self.cancel(name)
            case "cancel and send":
                self.cancel_and_send(self._pending().index(name))

    def _check(self, code: str, name: str, client_ip: str | None) -> None:
        request = CheckRequest(address=PHONES[name], code=code, client_ip=client_ip)
        verification = self.model.verification(PHONES[name])
        expected = outcome_of(lambda: self.model.check(request))

        outcome = outcome_of(lambda: self.engine.check(request))

        if verification and isinstance(outcome, CheckResult):
            self.checks[verification] += 1
            self.approvals[verification] += outcome.approved
        self._compare(outcome, expected)

    def _pending(self) -> list[str]:
        return [name for name in PHONES if self.model.live_codes(PHONES[name])]

    def _pending_name(self, index: int) -> str:
        return self._pending()[index % len(self._pending())]

    def _wrong_code(self, name: str) -> str:
        return different_code(*self.model.live_codes(PHONES[name]) or ["000000"])

    def _any_code(self, name: str, index: int) -> str:
        codes = self.codes[name] or ["000000"]
        return codes[-1 - index % len(codes)]

    def _compare(self, outcome: Any, expected: Any) -> None:
        """Compare two outcomes, with a tolerance of the time of the run."""
        elapsed = timedelta(seconds=time.monotonic() - self.started)
        # A slower run could reach the end of a window; see MARGIN.
        assume(elapsed < MARGIN)
        assert type(outcome) is type(expected), f"{outcome!r}, not {expected!r}"
        for name in ("limit", "approved", "attempts_remaining", "confirmed"):
            assert getattr(outcome, name, None) == getattr(expected, name, None), name
        for name in ("retry_after", "expires_in", "resend_after"):
            actual = getattr(outcome, name, None) or timedelta()
            latest = getattr(expected, name, None) or timedelta()
            assert latest - elapsed <= actual <= latest or actual == latest, name


def _after(result: SendResult, elapsed: timedelta) -> SendResult:
    return replace(
        result,
        expires_in=result.expires_in - elapsed,
        resend_after=result.resend_after - elapsed,
    )


def _with_provider_error(
    result: SendResult, error: OTPError | None
) -> SendResult | OTPError:
    """Return the outcome of a send for which the provider raises *error*."""
    if isinstance(error, DeliveryUnconfirmed):
        return replace(result, confirmed=False)
    return error or result


def test_engine_behaves_as_its_model_in_any_order(redis, store_backend):
    class OnThisRedis(EngineAndModel):
        pass

    OnThisRedis.client = redis
    nightly = int(os.environ.get("OTP_MODEL_EXAMPLES", "0"))

    run_state_machine_as_test(
        OnThisRedis,
        settings=settings(
            max_examples=nightly or EXAMPLES[store_backend],
            stateful_step_count=60 if nightly else 24,
            derandomize=not nightly,
        ),
    )
