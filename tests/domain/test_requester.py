"""The requester is counted before the phone is read, on both stores."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest

from otp_engine.crypto.hash_queue import HashQueue
from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.models import SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    InvalidPhone,
    NumberTypeNotAllowed,
    Overloaded,
    ProviderUnavailable,
    RateLimited,
)
from otp_engine.resilience.dependency_metrics import NullMetrics
from tests.support.fakes import (
    FakeSender,
    HashQueueWithHook,
    by_name,
    different_code,
    raise_overloaded,
)
from tests.support.tuning import with_policy

BOB = SendRequest(address=numbers.parse("+919445067890", "IN"))
CLIENT_IP, OTHER_IP = "203.0.113.7", "203.0.113.8"


class RecordingStore:
    """A store that records the names of the called methods."""

    def __init__(self, store, on_step=lambda: None):
        self._store, self._on_step = store, on_step
        self.steps: list[str] = []

    def __getattr__(self, name):
        self.steps.append(name)
        self._on_step()
        return getattr(self._store, name)


class SenderWithOneReservation(FakeSender):
    """A sender that accepts the first reservation and raises *error* for the next."""

    def __init__(self, error):
        super().__init__()
        self._errors = [None, error]

    @contextmanager
    def acquire_slot(self):
        if error := self._errors.pop(0):
            raise error
        yield self.deliver


@pytest.fixture
def limited(engine):
    return with_policy(engine, sends_per_ip=Limit.parse("1/10m"))


def test_requester_over_its_limit_reads_no_phone(limited, alice):
    limited.send(replace(BOB, client_ip=CLIENT_IP))
    store = RecordingStore(limited.store)

    with pytest.raises(RateLimited) as raised:
        replace(limited, store=store).send(replace(alice, client_ip=CLIENT_IP))

    assert raised.value.limit == "sends_per_ip"
    assert store.steps == ["acquire_hits"]


def test_requester_over_its_limit_holds_no_slot_at_the_sender(limited, alice):
    limited.send(replace(BOB, client_ip=CLIENT_IP))
    held: list[bool] = []
    held_during_steps: list[int] = []

    class CountingSender(FakeSender):
        @contextmanager
        def acquire_slot(self):
            held.append(True)
            yield self.deliver
            held.pop()

    store = RecordingStore(
        limited.store, on_step=lambda: held_during_steps.append(len(held))
    )
    engine = replace(limited, store=store, senders=by_name(CountingSender()))

    with pytest.raises(RateLimited):
        engine.send(replace(alice, client_ip=CLIENT_IP))

    assert held_during_steps == [0]


def test_send_without_a_slot_at_its_turn_is_not_hashed(engine, alice):
    hashes: list[float] = []

    class CountingMetrics(NullMetrics):
        def observe_hash(self, *, waited: float, took: float) -> None:
            hashes.append(took)

    queue = HashQueue(1, metrics=CountingMetrics())
    sender = SenderWithOneReservation(ProviderUnavailable())

    with pytest.raises(ProviderUnavailable):
        replace(engine, senders=by_name(sender), hash_queue=queue).send(alice)

    assert hashes == []


@pytest.mark.parametrize("error", [ProviderUnavailable(), Overloaded()])
def test_send_without_a_slot_is_released_for_the_requester(
    limited, outbox, alice, error
):
    sender = SenderWithOneReservation(error)
    with pytest.raises(type(error)):
        replace(limited, senders=by_name(sender)).send(
            replace(alice, client_ip=CLIENT_IP)
        )

    limited.send(replace(BOB, client_ip=CLIENT_IP))

    assert len(outbox.messages) == 1


def test_check_with_a_full_hash_queue_is_released_for_the_requester(
    engine, outbox, alice, check_request
):
    engine = with_policy(engine, checks_per_ip=Limit.parse("1/1h"))
    engine.send(alice)
    with pytest.raises(Overloaded):
        replace(engine, hash_queue=HashQueueWithHook(raise_overloaded)).check(
            check_request(outbox.code, CLIENT_IP)
        )

    assert engine.check(check_request(outbox.code, CLIENT_IP)).approved


@pytest.mark.parametrize("max_attempts_reached", [False, True])
def test_refusal_of_a_requester_is_independent_of_the_phone(
    limited, alice, outbox, check_request, max_attempts_reached
):
    limited = with_policy(limited, max_checks=1, sends_per_ip=Limit.parse("1/10m"))
    limited.send(replace(BOB, client_ip=CLIENT_IP))
    if max_attempts_reached:
        limited.send(replace(alice, client_ip=OTHER_IP))
        limited.check(check_request(different_code(outbox.code)))

    with pytest.raises(RateLimited) as raised:
        limited.send(replace(alice, client_ip=CLIENT_IP))

    assert raised.value.limit == "sends_per_ip"
    assert 595 < raised.value.retry_after.total_seconds() <= 600


@pytest.mark.parametrize(
    "error",
    [
        DeliveryFailed(),
        DeliveryFailed(retry_elsewhere=True),
        ProviderUnavailable(),
        NumberTypeNotAllowed(),
        CountryNotAllowed(),
        InvalidPhone(),
    ],
)
def test_send_rejected_by_the_provider_counts_for_the_requester(
    limited, outbox, alice, error
):
    outbox.error = error
    with pytest.raises(type(error)):
        limited.send(replace(alice, client_ip=CLIENT_IP))
    outbox.error = None

    with pytest.raises(RateLimited) as raised:
        limited.send(replace(BOB, client_ip=CLIENT_IP))

    assert raised.value.limit == "sends_per_ip"


def test_send_refused_by_the_phone_counts_for_the_requester(limited, alice):
    limited = with_policy(limited, max_sends=1)
    limited.send(replace(alice, client_ip=OTHER_IP))
    with pytest.raises(RateLimited):
        limited.send(replace(alice, client_ip=CLIENT_IP))

    with pytest.raises(RateLimited) as raised:
        limited.send(replace(BOB, client_ip=CLIENT_IP))

    assert raised.value.limit == "sends_per_ip"


def test_send_refused_by_the_total_counts_for_the_requester_only(engine, alice):
    without_total = with_policy(
        engine,
        sends_per_ip=Limit.parse("1/10m"),
        sends_per_phone=Limit.parse("1/10m"),
    )
    with_total = with_policy(without_total, sends_total=Limit.parse("1/10m"))
    with_total.send(BOB)
    with pytest.raises(RateLimited):
        with_total.send(replace(alice, client_ip=CLIENT_IP))

    with pytest.raises(RateLimited) as raised:
        without_total.send(replace(alice, client_ip=CLIENT_IP))

    assert raised.value.limit == "sends_per_ip"
    without_total.send(replace(alice, client_ip=OTHER_IP))


def test_refused_send_counts_for_the_limits_of_the_client(engine, outbox, alice):
    hits = (LimitHit("own", "x", Limit.parse("1/1h")),)
    outbox.error = DeliveryFailed(retry_elsewhere=True)
    with pytest.raises(DeliveryFailed):
        engine.send(replace(alice, extra_hits=hits))
    outbox.error = None

    with pytest.raises(RateLimited) as raised:
        engine.send(replace(BOB, extra_hits=hits))

    assert raised.value.limit == "own"
