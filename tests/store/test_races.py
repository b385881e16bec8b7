"""Simultaneous calls of the engine: many threads, on a real Redis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest

from otp_engine.domain import email_addresses
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.models import Api, Channel, CheckRequest, SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.services import DEFAULT
from otp_engine.errors import (
    OTPError,
    RateLimited,
    TooManyAttempts,
    VerificationNotFound,
)
from otp_engine.store.redis_store import RedisStore
from tests.support.fakes import FakeSender, by_name, different_code
from tests.support.tuning import with_policy

THREADS = 32
ROUNDS = 20


@pytest.fixture
def redis(real_redis):
    return real_redis


@pytest.fixture
def store(redis):
    return RedisStore(redis)


def all_at_once(*calls: Callable[[], object]) -> list[object]:
    """Run each of *calls* in its own thread, all at the same time.

    Returns:
        The result of each call, or the type of its error.
    """
    barrier = Barrier(len(calls))

    def run_call(call: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return call()
        except OTPError as error:
            return type(error)

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run_call, calls))


def phones(count):
    return [numbers.parse(f"+9194450{n:05}", "IN") for n in range(count)]


@pytest.mark.parametrize("number", phones(ROUNDS), ids=lambda number: number.e164[-2:])
def test_simultaneous_right_codes_are_approved_once(engine, outbox, number):
    engine.send(SendRequest(address=number))
    correct = CheckRequest(address=number, code=outbox.code)

    results = all_at_once(*[lambda: engine.check(correct).approved] * THREADS)

    assert results.count(True) == 1
    assert set(results) <= {True, VerificationNotFound, TooManyAttempts}


@pytest.mark.parametrize("_batch", range(4))
def test_refused_sends_of_one_requester_do_not_limit_other_requesters(
    engine, outbox, _batch
):
    # As many requests as the store runs at once: others could have to wait too long.
    others_count = THREADS // 5
    engine = with_policy(
        engine,
        sends_per_ip=Limit.parse("1/10m"),
        sends_per_phone=Limit.parse("1/10m"),
        sends_total=Limit.parse(f"{others_count + 1}/10m"),
        resend_cooldown=timedelta(seconds=30),
    )
    first = phones(others_count + 1)[-1]
    engine.send(SendRequest(address=first, client_ip="203.0.113.7"))
    over_limit, others = [], []
    for n, number in enumerate(phones(others_count)):
        send_request = SendRequest(address=number, client_ip="203.0.113.7")
        over_limit += [partial(engine.send, send_request)] * 4
        others.append(
            partial(engine.send, replace(send_request, client_ip=f"198.51.100.{n}"))
        )

    results = all_at_once(*over_limit, *others)

    assert results[: len(over_limit)] == [RateLimited] * len(over_limit)
    assert RateLimited not in results[len(over_limit) :]
    assert len(outbox.messages) == others_count + 1


@pytest.mark.parametrize("number", phones(ROUNDS), ids=lambda number: number.e164[-2:])
def test_simultaneous_checks_and_cancellations_end_verification_once(
    engine, outbox, number
):
    sent = engine.send(SendRequest(address=number))
    correct = CheckRequest(address=number, code=outbox.code)
    # Fewer checks than attempts, so that the verification stays pending.
    checks = [lambda: engine.check(correct).approved] * 4
    cancels = [lambda: engine.cancel(number, DEFAULT, sent.verification_id)] * 4

    results = all_at_once(*checks, *cancels)

    assert results.count(True) + results.count(None) == 1
    assert results.count(VerificationNotFound) == 7


@pytest.mark.parametrize("number", phones(ROUNDS), ids=lambda number: number.e164[-2:])
def test_simultaneous_wrong_codes_use_exactly_the_attempts(engine, outbox, number):
    # `store/lua/reserve_check.lua` counts each check before its code is compared.
    engine.send(SendRequest(address=number))
    wrong = CheckRequest(address=number, code=different_code(outbox.code))

    results = all_at_once(*[lambda: engine.check(wrong).attempts_remaining] * THREADS)

    counted = Counter(results)
    assert counted.pop(TooManyAttempts) == THREADS - 5
    assert counted == {4: 1, 3: 1, 2: 1, 1: 1, 0: 1}


def test_simultaneous_resends_add_no_attempts(engine, outbox, alice):
    engine.send(alice)
    wrong = CheckRequest(address=alice.address, code="000000")
    checks = [lambda: engine.check(wrong).approved] * 24
    sends = [lambda: engine.send(alice)] * 8

    results = all_at_once(*checks, *sends)

    compared = results.count(False) + results.count(True)
    assert compared <= 5
    assert len(outbox.messages) <= engine.policy.max_sends


@pytest.mark.parametrize(
    "limits",
    [
        {"sends_per_phone": Limit.parse("5/10m"), "max_sends": 100},
        {"max_sends": 5},
        {"sends_total": Limit.parse("5/10m"), "max_sends": 100},
        {"sends_per_ip": Limit.parse("5/10m"), "max_sends": 100},
    ],
    ids=lambda limits: next(iter(limits)),
)
def test_simultaneous_sends_stay_within_limit(engine, outbox, alice, limits):
    engine = with_policy(engine, **limits)
    send_request = replace(alice, client_ip="203.0.113.7")

    all_at_once(*[lambda: engine.send(send_request)] * 100)

    assert len(outbox.messages) == 5


def test_simultaneous_sends_during_cooldown_send_one_message(engine, outbox, alice):
    engine = with_policy(engine, resend_cooldown=timedelta(seconds=30))

    all_at_once(*[lambda: engine.send(alice)] * 100)

    assert len(outbox.messages) == 1


def test_simultaneous_sends_through_v2_stay_within_max_sends(engine, outbox, alice):
    engine = with_policy(engine, resend_cooldown=timedelta(seconds=30))
    through_v2 = replace(alice, api=Api.V2)

    results = all_at_once(*[lambda: engine.send(through_v2)] * 100)

    assert len(outbox.messages) == engine.policy.max_sends
    assert results.count(RateLimited) == 100 - engine.policy.max_sends
    check = CheckRequest(address=alice.address, code=outbox.code)
    assert engine.check(check).approved


def test_simultaneous_sends_through_both_apis_keep_the_cooldown_of_auth(
    engine, outbox, alice
):
    engine = with_policy(
        engine,
        resend_cooldown=timedelta(seconds=30),
        sends_per_phone=Limit.parse("5/10m"),
        max_sends=100,
    )

    results = all_at_once(
        *[lambda: (Api.AUTH, engine.send(alice).confirmed)] * 50,
        *[lambda: (Api.V2, engine.send(replace(alice, api=Api.V2)).confirmed)] * 50,
    )

    assert results.count((Api.AUTH, True)) <= 1
    assert len(outbox.messages) == 5


def test_simultaneous_sends_to_many_phones_stay_within_global_limit(engine, outbox):
    engine = with_policy(engine, sends_per_country=LimitByName(Limit.parse("7/10m")))
    sends = [
        lambda number=number: engine.send(SendRequest(address=number))
        for number in phones(64)
    ]

    all_at_once(*sends)

    assert len(outbox.messages) == 7


def test_simultaneous_wrong_codes_stay_within_limit_of_phone(engine, outbox, alice):
    engine = with_policy(engine, failed_checks_per_phone=Limit.parse("3/1h"))
    engine.send(alice)
    wrong = CheckRequest(address=alice.address, code=different_code(outbox.code))

    results = all_at_once(*[lambda: engine.check(wrong).approved] * THREADS)

    assert results.count(False) == 3


@pytest.mark.parametrize("_batch", range(4))
def test_simultaneous_spellings_of_an_address_stay_within_its_limit(engine, _batch):
    mails = FakeSender(name="smtp", channels=(Channel.EMAIL,))
    engine = with_policy(
        replace(engine, senders=by_name(mails)), sends_per_phone=Limit.parse("5/10m")
    )
    texts = ["person@example.com", "Person@Example.com", "PERSON@EXAMPLE.COM"]
    addresses = [email_addresses.parse(text) for text in texts] * 10
    sends = [partial(engine.send, SendRequest(address=each)) for each in addresses]

    results = all_at_once(*sends)

    assert results.count(RateLimited) == len(sends) - 5
    assert len(mails.messages) == 5


@pytest.mark.parametrize("_batch", range(4))
def test_simultaneous_addresses_of_a_mailbox_stay_within_one_limit(engine, _batch):
    mails = FakeSender(name="smtp", channels=(Channel.EMAIL,))
    engine = with_policy(
        replace(engine, senders=by_name(mails)), sends_per_phone=Limit.parse("5/10m")
    )
    texts = [f"per.son+{number}@gmail.com" for number in range(THREADS)]
    sends = [
        partial(engine.send, SendRequest(address=email_addresses.parse(text)))
        for text in texts
    ]

    results = all_at_once(*sends)

    assert results.count(RateLimited) == len(sends) - 5
    assert len(mails.messages) == 5


@pytest.mark.parametrize("id", ["0f" * 16, "1e" * 16, "2d" * 16])
def test_simultaneous_requests_open_a_page_link_once(store, id):
    ttl = timedelta(minutes=10)

    def open_link(number: int) -> bool:
        key = number.to_bytes(8, "big")
        return store.page_links.open(id, idempotency_key=key, ttl=ttl)

    opened = all_at_once(*[partial(open_link, number) for number in range(THREADS)])

    assert opened.count(True) == 1
    assert opened.count(False) == THREADS - 1
