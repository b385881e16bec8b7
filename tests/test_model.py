"""Whatever people and carriers do, in whatever order: the engine does what it promises.

Hypothesis draws the orders, and `Model` has the result that each step must have. A
failure is shortened to the fewest steps that show it, and printed as a program.

Without a setting it draws the same 100 orders of up to 24 steps on each store.
`OTP_MODEL_EXAMPLES=5000` draws so many other orders of up to 60 steps on each, for a
nightly run and after a change to the scripts.
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

from otp_engine.crypto.argon2 import PROFILES, Argon2Parameters
from otp_engine.crypto.hash_pool import HashPool
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.engine import Engine
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import (
    CheckRequest,
    CheckResult,
    PendingVerification,
    SendRequest,
    SendResult,
)
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.numbers import AllowedDestinations
from otp_engine.domain.policy.policy import CONSECUTIVE_FAILURES_PERIOD, Policy
from otp_engine.domain.ports import Deliver
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
from tests.support.fakes import different_code, extract_code
from tests.support.model import Model, SentMessage
from tests.support.time_travel import age

# Every step of time is a multiple of 200 s. Each period ends at such a multiple, or
# 40 s or more before the next. So no moment of a run lies near the end of a window, and
# the seconds that the run itself takes on a busy machine decide nothing. The periods
# that one error chooses between also end 40 s or more apart, so one is the longest.
STEPS = [timedelta(seconds=10 * n) for n in (20, 20, 40, 40, 60, 100, 120, 320, 640)]
PATIENCE = timedelta(seconds=400)
MARGIN = timedelta(seconds=40)
POLICY = Policy(
    ttl=timedelta(seconds=1_040),
    max_checks=3,
    max_sends=3,
    resend_cooldown=timedelta(seconds=280),
    sends_per_phone=Limit.parse("4/3120s, 6/9120s"),
    sends_per_ip=Limit.parse("4/4040s"),
    sends_per_country=Limit.parse("6/5080s"),
    sends_total=Limit.parse("8/7120s"),
    failed_checks_per_phone=Limit.parse("4/6160s, 6/12160s"),
    checks_per_ip=Limit.parse("6/680s"),
    max_consecutive_failures=9,
)
LONGEST = CONSECUTIVE_FAILURES_PERIOD

PHONES = {
    "Alice": numbers.parse("+919445012345", "IN"),
    "Bob": numbers.parse("+919445067890", "IN"),
    "Carol": numbers.parse("+12015550123", "IN"),
}
# Most happens to one phone, because most limits are met only by one that is busy.
WHO = st.sampled_from([*["Alice"] * 4, "Bob", "Carol"])
ADDRESSES = st.sampled_from([*["203.0.113.7"] * 4, "203.0.113.8", None])
STOPPED = DeliveryFailed()
STOPPED.provider_error = 21610  # the recipient has answered STOP
ANSWERS = st.sampled_from(
    [
        None,
        DeliveryFailed(),
        STOPPED,
        NumberTypeNotAllowed(),
        ProviderUnavailable(),
        DeliveryUnconfirmed(),
    ]
)
MEANWHILE = st.sampled_from(
    ["nothing", "wait", "guess", "approve", "cancel", "begin anew"]
)
PICKS = st.integers(0, 20)


class Carrier:
    """Hands each message to whoever waits for it, who decides how it ends."""

    name = "carrier"

    def __init__(self) -> None:
        self.receive: Callable[[Message], None] = print

    @contextmanager
    def reserve(self) -> Iterator[Deliver]:
        yield self.receive

    def ping(self) -> None:
        """Always."""


class Full(HashPool):
    """Had a place when it was asked, and has none when it is needed."""

    def hash(self, secret: bytes, salt: bytes, parameters: Argon2Parameters) -> bytes:
        raise Overloaded


FULL, ROOMY = Full(1), HashPool(1, queue_timeout=timedelta(minutes=1))


def outcome_of(action: Callable[[], Any]) -> Any:
    """What *action* returns, or the error that it raises."""
    try:
        return action()
    except OTPError as error:
        return error


class People(RuleBasedStateMachine):
    """People with phones, in front of an engine and of its model.

    Attributes:
        client: An empty Redis; a subclass brings it.
        codes: Every code that was ever made for a phone, oldest first.
        arrived: Every message that the carrier did not clearly refuse.
    """

    client: Any

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.model, self.carrier = Model(POLICY), Carrier()
        self.began = time.monotonic()
        self.engine = Engine(
            store=RedisStore(self.client),
            sender=self.carrier,
            hash_pool=ROOMY,
            peppers=(Pepper(b"p" * 32),),
            policy=POLICY,
            argon2=PROFILES["test"],
            destinations=AllowedDestinations({"IN", "US"}),
            default_brand="Acme",
            random_bytes=secrets.token_bytes,
            clock=lambda: self.model.now / timedelta(seconds=1),
        )
        self.codes: dict[str, list[str]] = {who: [] for who in PHONES}
        self.delivered: list[SentMessage] = []
        self.looked_at: Counter[int] = Counter()
        self.approved: Counter[int] = Counter()

    @rule(by=st.sampled_from(STEPS))
    def time_passes(self, by: timedelta) -> None:
        age(self.client, by)
        self.model.now += by

    @rule(who=WHO, address=ADDRESSES)
    def asks_for_a_code(self, who: str, address: str | None) -> None:
        self._asks(who, address)

    @rule(who=WHO, address=ADDRESSES, answer=ANSWERS, meanwhile=MEANWHILE)
    def asks_and_much_happens(
        self, who: str, address: str | None, answer: OTPError | None, meanwhile: str
    ) -> None:
        self._asks(who, address, answer, meanwhile)

    @rule(who=WHO, address=ADDRESSES, times=st.integers(1, 3))
    def asks_patiently(self, who: str, address: str | None, times: int) -> None:
        self._asks(who, address)
        for _ in range(times):
            self.time_passes(PATIENCE)
            self._asks(who, address)

    @precondition(lambda self: self._waiting())
    @rule(pick=PICKS, address=ADDRESSES)
    def types_the_newest_code(self, pick: int, address: str | None) -> None:
        who = self._one_who_waits(pick)
        self._types(self.model.live_codes(PHONES[who])[-1], who, address)

    @precondition(lambda self: self._waiting())
    @rule(pick=PICKS, address=ADDRESSES, times=st.integers(1, 5))
    def types_wrong_codes(self, pick: int, address: str | None, times: int) -> None:
        who = self._one_who_waits(pick)
        for _ in range(times):
            self._types(self._wrong_code(who), who, address)

    @precondition(lambda self: self._waiting())
    @rule(pick=PICKS, address=ADDRESSES, which=PICKS)
    def types_an_older_code(self, pick: int, address: str | None, which: int) -> None:
        """One that works, or was used, has expired, was cancelled or never sent."""
        who = self._one_who_waits(pick)
        self._types(self._some_code(who, which), who, address)

    @rule(who=WHO, address=ADDRESSES, whose=WHO, which=PICKS)
    def types_whatever_code(
        self, who: str, address: str | None, whose: str, which: int
    ) -> None:
        self._types(self._some_code(whose, which), who, address)

    @rule(who=WHO, address=ADDRESSES)
    def finds_no_place_for_a_hash(self, who: str, address: str | None) -> None:
        asked = SendRequest(number=PHONES[who], client_ip=address)
        code = self._some_code(who, 0)
        guess = CheckRequest(number=PHONES[who], code=code, client_ip=address)
        full = replace(self.engine, hash_pool=FULL)

        no_send = outcome_of(lambda: self.model.request(asked))
        if no_send is None:
            no_send = Overloaded()
            self.model.unrequest(asked)
        self._agree(outcome_of(lambda: full.send(asked)), no_send)
        no_check = outcome_of(lambda: self.model.check(guess, hashed=False))
        self._agree(outcome_of(lambda: full.check(guess)), no_check)

    @precondition(lambda self: self._waiting())
    @rule(pick=PICKS)
    def cancels_and_asks_again(self, pick: int) -> None:
        who = self._one_who_waits(pick)
        self.cancels(who)
        self._asks(who, None)

    @rule(who=WHO)
    def cancels(self, who: str) -> None:
        expected = outcome_of(lambda: self.model.cancel(PHONES[who]))

        outcome = outcome_of(
            lambda: self.engine.cancel(PHONES[who], DEFAULT, self._id_of(who))
        )

        self._agree(outcome, expected)

    @invariant()
    def a_verification_is_approved_once_and_guessed_at_so_often(self) -> None:
        assert max(self.approved.values(), default=0) <= 1
        assert max(self.looked_at.values(), default=0) <= POLICY.max_checks

    @invariant()
    def no_limit_is_overshot(self) -> None:
        """Read off what arrived, for the model could be wrong as the engine is."""
        times: defaultdict[tuple[str, object], list[timedelta]] = defaultdict(list)
        for letter in self.delivered:
            number, address = letter.asked.number, letter.asked.client_ip
            times["sends_total", None].append(letter.at)
            times["sends_per_phone", number].append(letter.at)
            times["sends_per_country", number.country].append(letter.at)
            if address:
                times["sends_per_ip", address].append(letter.at)
        for (name, _), events in times.items():
            assert not self.model.overshot(getattr(POLICY, name), events)

    @invariant()
    def a_verification_sends_so_often_and_not_at_once(self) -> None:
        times: defaultdict[int, list[timedelta]] = defaultdict(list)
        for letter in self.delivered:
            times[letter.verification].append(letter.at)
        for events in times.values():
            assert len(events) <= POLICY.max_sends
            for earlier, later in pairwise(events):
                assert later - earlier >= POLICY.resend_cooldown

    @invariant()
    def every_key_has_an_expiry(self) -> None:
        asked = self.client.pipeline()
        for key in self.client.keys("*"):
            asked.pttl(key)
        assert all(life > 0 for life in asked.execute())

    def teardown(self) -> None:
        """Nothing is kept for longer than the longest window."""
        age(self.client, LONGEST)
        assert self.client.dbsize() == 0

    def _id_of(self, who: str) -> bytes:
        """Return the id of the pending verification, or of none."""
        pending = outcome_of(lambda: self.engine.get_pending(PHONES[who]))
        return (
            pending.verification_id
            if isinstance(pending, PendingVerification)
            else b"0" * 16
        )

    def _asks(
        self,
        who: str,
        address: str | None,
        answer: OTPError | None = None,
        meanwhile: str = "nothing",
    ) -> None:
        asked = SendRequest(number=PHONES[who], client_ip=address)
        refusal = outcome_of(lambda: self.model.request(asked))
        granted: list[SendResult] = []

        def receive(message: Message) -> None:
            letter, sent = self.model.send(asked, extract_code(message.body))
            granted.append(sent)
            self.codes[who].append(letter.code)
            self._happens(meanwhile, who)
            if answer and not isinstance(answer, DeliveryUnconfirmed):
                self.model.give_back(letter, answer)
            else:
                self.delivered.append(letter)
            if answer:
                raise answer

        began, self.carrier.receive = self.model.now, receive
        outcome = outcome_of(lambda: self.engine.send(asked))

        assert bool(granted) == (refusal is None), "handed over against the rules"
        if refusal:
            self._agree(outcome, refusal)
        else:
            sent = _after(granted[0], self.model.now - began)
            self._agree(outcome, _result(answer, sent))

    def _happens(self, meanwhile: str, who: str) -> None:
        """Something else, while the carrier has a message for *who*."""
        match meanwhile:
            case "wait":
                self.time_passes(min(STEPS))
            case "guess":
                self._types(self._wrong_code(who), who, None)
            case "approve":
                self._types(self.model.live_codes(PHONES[who])[0], who, None)
            case "cancel":
                self.cancels(who)
            case "begin anew":
                self.cancels_and_asks_again(self._waiting().index(who))

    def _types(self, code: str, who: str, address: str | None) -> None:
        guess = CheckRequest(number=PHONES[who], code=code, client_ip=address)
        verification = self.model.verification(PHONES[who])
        expected = outcome_of(lambda: self.model.check(guess))

        outcome = outcome_of(lambda: self.engine.check(guess))

        if verification and isinstance(outcome, CheckResult):
            self.looked_at[verification] += 1
            self.approved[verification] += outcome.approved
        self._agree(outcome, expected)

    def _waiting(self) -> list[str]:
        return [who for who in PHONES if self.model.live_codes(PHONES[who])]

    def _one_who_waits(self, pick: int) -> str:
        return self._waiting()[pick % len(self._waiting())]

    def _wrong_code(self, who: str) -> str:
        return different_code(*self.model.live_codes(PHONES[who]) or ["000000"])

    def _some_code(self, whose: str, which: int) -> str:
        codes = self.codes[whose] or ["000000"]
        return codes[-1 - which % len(codes)]

    def _agree(self, outcome: Any, expected: Any) -> None:
        """Expect *expected*, but that the run itself has taken a moment."""
        moment = timedelta(seconds=time.monotonic() - self.began)
        # Of a machine this slow nothing can be said; see MARGIN.
        assume(moment < MARGIN)
        assert type(outcome) is type(expected), f"{outcome!r}, not {expected!r}"
        for name in ("limit", "approved", "attempts_left", "confirmed"):
            assert getattr(outcome, name, None) == getattr(expected, name, None), name
        for name in ("retry_after", "expires_in", "resend_after"):
            told = getattr(outcome, name, None) or timedelta()
            promised = getattr(expected, name, None) or timedelta()
            assert told == promised or promised - moment <= told <= promised, name


def _after(sent: SendResult, took: timedelta) -> SendResult:
    return SendResult(
        verification_id=sent.verification_id,
        send_id=sent.send_id,
        expires_in=sent.expires_in - took,
        resend_after=sent.resend_after - took,
    )


def _result(answer: OTPError | None, sent: SendResult) -> SendResult | OTPError:
    """Return the result of a send that the provider answered with *answer*."""
    if isinstance(answer, DeliveryUnconfirmed):
        return replace(sent, confirmed=False)
    return answer or sent


def test_the_engine_does_what_it_promises_in_whatever_order(redis):
    class OnThisRedis(People):
        pass

    OnThisRedis.client = redis
    nightly = int(os.environ.get("OTP_MODEL_EXAMPLES", "0"))

    run_state_machine_as_test(
        OnThisRedis,
        settings=settings(
            max_examples=nightly or 100,
            stateful_step_count=60 if nightly else 24,
            derandomize=not nightly,
        ),
    )
