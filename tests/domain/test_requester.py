"""The requester pays before the phone is looked up; on both stores."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.crypto.hash_pool import HashPool
from otp_engine.domain.limits.limits import KeyedLimit, Limit, LimitHit
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.models import SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.services import MessagingConfiguration, Service
from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    InvalidPhone,
    LimitExceeded,
    NumberTypeNotAllowed,
    OTPError,
    Overloaded,
    ProviderUnavailable,
    RateLimited,
)
from tests.support.fakes import FakeSender, different_code
from tests.support.time_travel import age
from tests.support.tuning import with_policy

BOB = SendRequest(number=numbers.parse("+919445067890", "IN"))
NOW = datetime(2026, 11, 26, tzinfo=UTC)
HERE, THERE = "203.0.113.7", "203.0.113.8"


def stopped():
    """A provider's refusal of a number that gives its reason."""
    refusal = DeliveryFailed()
    refusal.provider_error = 21610
    return refusal


class Recorder:
    """A store that records the steps that it is asked for."""

    def __init__(self, store, on_step=lambda: None):
        self._store, self._on_step = store, on_step
        self.steps: list[str] = []

    def __getattr__(self, name):
        self.steps.append(name)
        self._on_step()
        return getattr(self._store, name)


class TakenAtOnce(FakeSender):
    """A sender with a place for the first request that looks, and none for others."""

    def __init__(self, refusal):
        super().__init__()
        self._refusals = [None, refusal]

    @contextmanager
    def reserve(self):
        if refusal := self._refusals.pop(0):
            raise refusal
        yield self.send


class Full(HashPool):
    """A pool whose last place is taken between the look and the hash."""

    def hash(self, secret, salt, parameters):
        raise Overloaded


class NoHash(HashPool):
    """A pool that must not hash."""

    def hash(self, secret, salt, parameters):
        raise AssertionError(parameters)


@pytest.fixture
def limited(engine):
    return with_policy(engine, sends_per_ip=Limit.parse("1/10m"))


def test_a_requester_over_its_limit_touches_no_phone(limited, alice):
    limited.send(replace(BOB, client_ip=HERE))
    store = Recorder(limited.store)

    with pytest.raises(RateLimited) as refusal:
        replace(limited, store=store).send(replace(alice, client_ip=HERE))

    assert refusal.value.limit == "sends_per_ip"
    assert store.steps == ["acquire_limits"]


def test_a_requester_over_its_limit_holds_no_place_with_the_provider(limited, alice):
    limited.send(replace(BOB, client_ip=HERE))
    held: list[bool] = []

    class Places(FakeSender):
        @contextmanager
        def reserve(self):
            held.append(True)
            yield self.send
            held.pop()

    sender = Places()
    store = Recorder(limited.store, on_step=lambda: seen.append(len(held)))
    seen: list[int] = []

    with pytest.raises(RateLimited):
        replace(limited, store=store, sender=sender).send(
            replace(alice, client_ip=HERE)
        )

    assert seen == [0]


@pytest.mark.parametrize("full", [ProviderUnavailable(), Overloaded()])
def test_a_send_without_a_place_gives_the_requester_its_charge_back(
    limited, outbox, alice, full
):
    """The place was there when it was looked at, and taken a moment later."""
    sender = TakenAtOnce(full)
    with pytest.raises(type(full)):
        replace(limited, sender=sender).send(replace(alice, client_ip=HERE))

    limited.send(replace(BOB, client_ip=HERE))

    assert len(outbox.messages) == 1


def test_a_check_without_a_place_to_hash_gives_the_requester_its_charge_back(
    engine, outbox, alice, guess
):
    engine = with_policy(engine, checks_per_ip=Limit.parse("1/1h"))
    engine.send(alice)
    with pytest.raises(Overloaded):
        replace(engine, hash_pool=Full(1)).check(guess(outbox.code, HERE))

    assert engine.check(guess(outbox.code, HERE)).approved


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_refused_requester_learns_nothing_about_the_phone(
    limited, alice, outbox, guess, asked_before
):
    """The same answer, whether the phone waits, was checked to its end, or neither."""
    limited = with_policy(limited, max_checks=1, sends_per_ip=Limit.parse("1/10m"))
    limited.send(replace(BOB, client_ip=HERE))
    if asked_before:
        limited.send(replace(alice, client_ip=THERE))
        limited.check(guess(different_code(outbox.code)))

    with pytest.raises(RateLimited) as refusal:
        limited.send(replace(alice, client_ip=HERE))

    assert refusal.value.limit == "sends_per_ip"
    assert 595 < refusal.value.retry_after.total_seconds() <= 600


@pytest.mark.parametrize(
    "refusal",
    [
        DeliveryFailed(),
        DeliveryFailed(retry_elsewhere=True),
        ProviderUnavailable(),
        NumberTypeNotAllowed(),
        CountryNotAllowed(),
        InvalidPhone(),
    ],
)
def test_a_provider_refusal_counts_against_the_requester(
    limited, outbox, alice, refusal
):
    outbox.error = refusal
    with pytest.raises(type(refusal)):
        limited.send(replace(alice, client_ip=HERE))
    outbox.error = None

    with pytest.raises(RateLimited) as refused:
        limited.send(replace(BOB, client_ip=HERE))

    assert refused.value.limit == "sends_per_ip"


def test_a_refusal_by_the_phone_counts_against_the_requester(limited, alice):
    limited = with_policy(limited, max_sends=1)
    limited.send(replace(alice, client_ip=THERE))
    with pytest.raises(RateLimited) as refusal:
        limited.send(replace(alice, client_ip=HERE))
    assert refusal.value.limit == "max_sends"

    with pytest.raises(RateLimited) as refusal:
        limited.send(replace(BOB, client_ip=HERE))

    assert refusal.value.limit == "sends_per_ip"


def test_a_refusal_by_the_total_counts_against_the_requester_and_not_the_phone(
    engine, alice
):
    open_again = with_policy(
        engine,
        sends_per_ip=Limit.parse("1/10m"),
        sends_per_phone=Limit.parse("1/10m"),
    )
    closed = with_policy(open_again, sends_total=Limit.parse("1/10m"))
    closed.send(BOB)
    with pytest.raises(RateLimited) as refusal:
        closed.send(replace(alice, client_ip=HERE))
    assert refusal.value.limit == "sends_total"

    with pytest.raises(RateLimited) as refusal:
        open_again.send(replace(alice, client_ip=HERE))

    assert refusal.value.limit == "sends_per_ip"
    open_again.send(replace(alice, client_ip=THERE))


def test_limits_of_the_client_count_against_the_requester(engine, outbox, alice):
    own = (LimitHit("own", "x", Limit.parse("1/1h")),)
    outbox.error = DeliveryFailed(retry_elsewhere=True)
    with pytest.raises(DeliveryFailed):
        engine.send(replace(alice, extra_hits=own))
    outbox.error = None

    with pytest.raises(RateLimited) as refusal:
        engine.send(replace(BOB, extra_hits=own))

    assert refusal.value.limit == "own"


@pytest.mark.parametrize(
    "error",
    [DeliveryFailed(), InvalidPhone(), CountryNotAllowed(), NumberTypeNotAllowed()],
)
def test_a_number_that_a_provider_refused_is_refused_without_the_provider(
    engine, outbox, alice, error
):
    error.provider_error = 21610
    outbox.error = error
    with pytest.raises(type(error)):
        engine.send(alice)
    outbox.error = None

    with pytest.raises(type(error)) as again:
        replace(engine, hash_pool=NoHash(1)).send(alice)

    assert outbox.messages == []
    assert again.value.error_code == error.error_code
    assert again.value.provider_error == 21610
    assert again.value.is_stored_rejection
    engine.send(BOB)


def test_a_provider_refusal_holds_for_its_sender_only(engine, outbox, alice):
    """A recipient who answered STOP to one Messaging Service."""
    shop = Service(
        sid="VA1",
        namespace="VA1",
        messaging=(
            MessagingConfiguration(
                country="IN", messaging_service="MG1", created_at=NOW, updated_at=NOW
            ),
        ),
    )
    outbox.error = stopped()
    with pytest.raises(DeliveryFailed):
        engine.send(replace(alice, service=shop))
    outbox.error = None

    engine.send(alice)

    with pytest.raises(DeliveryFailed):
        engine.send(replace(alice, service=shop))
    assert len(outbox.messages) == 1


def test_a_provider_refusal_does_not_hold_without_its_guard(engine, outbox, alice):
    """`RiskCheck=disable` is the way around a guard against fraud."""
    outbox.error = stopped()
    with pytest.raises(DeliveryFailed):
        engine.send(alice)
    outbox.error = None

    engine.send(replace(alice, options=MessageOptions(skip_risk_check=True)))

    assert len(outbox.messages) == 1


def test_a_provider_refusal_is_forgotten_after_ten_minutes(
    engine, outbox, alice, redis
):
    outbox.error = stopped()
    with pytest.raises(DeliveryFailed):
        engine.send(alice)
    outbox.error = None
    age(redis, timedelta(minutes=10))

    engine.send(alice)

    assert len(outbox.messages) == 1


@pytest.mark.parametrize(
    "error",
    [DeliveryFailed(retry_elsewhere=True), DeliveryFailed(), ProviderUnavailable()],
    ids=["the sender", "no reason", "the provider"],
)
def test_a_refusal_that_is_not_about_the_number_is_not_remembered(
    engine, outbox, alice, error
):
    outbox.error = error
    with pytest.raises(OTPError):
        engine.send(alice)
    outbox.error = None

    engine.send(alice)

    assert len(outbox.messages) == 1


def test_a_remembered_refusal_counts_against_the_requester_and_not_the_phone(
    engine, outbox, alice
):
    engine = with_policy(
        engine,
        sends_per_ip=Limit.parse("2/10m"),
        sends_total=Limit.parse("1/10m"),
    )
    outbox.error = stopped()
    for _ in range(2):
        with pytest.raises(DeliveryFailed):
            engine.send(replace(alice, client_ip=HERE))
    outbox.error = None

    with pytest.raises(RateLimited) as refusal:
        engine.send(replace(BOB, client_ip=HERE))

    assert refusal.value.limit == "sends_per_ip"
    engine.send(BOB)


@pytest.fixture
def budgeted(engine):
    limit = KeyedLimit.parse("2/1h; shop=1/1h; free=off")
    return with_policy(engine, sends_per_key=limit, checks_per_key=limit)


@pytest.mark.parametrize(("client_name", "sends"), [("shop", 1), ("other", 2)])
def test_an_api_key_has_a_budget_of_sends(budgeted, alice, client_name, sends):
    asked = replace(alice, client=client_name)
    for _ in range(sends):
        budgeted.send(asked)

    with pytest.raises(RateLimited) as refusal:
        budgeted.send(replace(BOB, client=client_name))

    assert refusal.value.limit == "sends_per_key"
    budgeted.send(replace(BOB, client="another"))


@pytest.mark.parametrize(("client_name", "checks"), [("shop", 1), ("other", 2)])
def test_an_api_key_has_a_budget_of_checks(
    budgeted, alice, guess, outbox, client_name, checks
):
    budgeted.send(replace(alice, client="free"))
    asked = replace(guess(different_code(outbox.code)), client=client_name)
    for _ in range(checks):
        budgeted.check(asked)

    with pytest.raises(RateLimited) as refusal:
        budgeted.check(asked)

    assert refusal.value.limit == "checks_per_key"


@pytest.mark.parametrize("client_name", [None, "free"])
def test_a_client_without_a_budget_is_not_limited_by_one(budgeted, alice, client_name):
    for _ in range(4):
        budgeted.send(replace(alice, client=client_name))


def test_failed_checks_have_a_total(engine, alice, guess, outbox):
    engine = with_policy(engine, failed_checks_total=Limit.parse("1/1h"))
    engine.send(alice)
    engine.send(BOB)
    engine.check(guess(different_code(*outbox.codes)))

    with pytest.raises(RateLimited) as refusal:
        engine.check(replace(guess(outbox.codes[1]), number=BOB.number))

    assert refusal.value.limit == "failed_checks_total"


def test_a_right_check_does_not_count_as_a_failed_one(engine, alice, guess, outbox):
    engine = with_policy(engine, failed_checks_total=Limit.parse("1/1h"))
    for _ in range(3):
        engine.send(alice)
        assert engine.check(guess(outbox.code)).approved


def test_a_check_refused_by_the_total_spends_no_guess(engine, alice, guess, outbox):
    engine = with_policy(engine, failed_checks_total=Limit.parse("1/1h"))
    engine.send(alice)
    engine.check(guess(different_code(outbox.code)))
    with pytest.raises(LimitExceeded):
        engine.check(guess(outbox.code))

    waiting = engine.get_pending(alice.number)

    assert waiting.attempts_used == 1


IPV6 = [f"2001:db8:0:{n:x}::/64" for n in range(400)]


def test_ipv6_networks_share_limits_of_four_and_sixteen_times_the_count(engine):
    engine = with_policy(engine, sends_per_ip=Limit.parse("1/10m"))
    sent: list[str] = []
    # From one /48: a /64 twice, then others of its /56, then other /56s.
    for n, address in enumerate([IPV6[0], *IPV6]):
        number = numbers.parse(f"+9194450{n:05}", "IN")
        try:
            engine.send(SendRequest(number=number, client_ip=address))
        except RateLimited:
            continue
        sent.append(address)

    assert sent == [*IPV6[:4], *IPV6[256:260]]


def test_a_48_sends_sixteen_times_as_much_as_one_address(engine):
    engine = with_policy(engine, sends_per_ip=Limit.parse("1/10m"))
    sent = 0
    for n in range(20):
        number = numbers.parse(f"+9194450{n:05}", "IN")
        asked = SendRequest(number=number, client_ip=f"2001:db8:0:{n:x}00::/64")
        try:
            engine.send(asked)
        except RateLimited:
            continue
        sent += 1

    assert sent == 16


@pytest.mark.parametrize("address", [IPV6[0], IPV6[1]])
def test_checks_of_one_56_share_a_limit(engine, alice, guess, outbox, address):
    engine = with_policy(engine, checks_per_ip=Limit.parse("1/10m"), max_checks=100)
    engine.send(alice)
    wrong = guess(different_code(outbox.code))
    for other in IPV6[2:6]:
        engine.check(replace(wrong, client_ip=other))

    with pytest.raises(RateLimited) as refusal:
        engine.check(replace(wrong, client_ip=address))

    assert refusal.value.limit == "checks_per_ip"
