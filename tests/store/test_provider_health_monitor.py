"""The weights of a worker: counted, changed and cached without a round trip."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from otp_engine.domain.channels import Channel
from otp_engine.domain.events import Event, ProviderWeightChanged
from otp_engine.domain.routing.health import (
    AT_REST,
    Counts,
    Reason,
    Weight,
)
from otp_engine.domain.routing.steps import Step
from otp_engine.errors import StoreUnavailable
from otp_engine.store.provider_health import CountedMessages, RedisProviderHealth
from otp_engine.store.provider_health_monitor import ProviderHealthMonitor
from otp_engine.store.redis_client import RedisClient
from otp_engine.store.redis_store import RedisStore
from tests.support import redis_server
from tests.support.clock import Clock

TWILIO = Step(Channel.SMS, "twilio")
AWS = Step(Channel.SMS, "aws")
CALL = Step(Channel.CALL, "twilio")
STEPS = (TWILIO, AWS, CALL)
SLOW_AFTER = timedelta(seconds=60)


def _late(number: int, minutes: float = 5) -> CountedMessages:
    counts = Counts(messages=number, awaited=number, late=number)
    return CountedMessages(step=TWILIO, age=timedelta(minutes=minutes), counts=counts)


@pytest.fixture
def emitted() -> list[Event]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def build(store, emitted, clock):
    """Return a function that builds the monitor of a worker, without its thread."""

    def build(store=store, **options):
        return ProviderHealthMonitor(
            store.provider_health,
            STEPS,
            **{
                "emit": emitted.append,
                "clock": clock,
                "random_percent": lambda: 99.0,
                "interval": None,
            }
            | options,
        )

    return build


def test_slow_provider_loses_its_place_to_the_next(build, store, emitted):
    store.provider_health.add([_late(20)])
    monitor = build()

    monitor.refresh()

    assert monitor.prefer((TWILIO, CALL, AWS)) == (AWS, TWILIO, CALL)
    assert emitted == [
        ProviderWeightChanged(
            provider="twilio",
            channel=Channel.SMS,
            weight=90,
            previous=100,
            reason="slow",
            messages=20,
            slow_share=1.0,
        )
    ]


def test_errors_lower_the_weight(build, emitted):
    monitor = build()
    for _ in range(60):
        monitor.count_error(TWILIO)

    monitor.refresh()

    [event] = emitted
    assert (event.weight, event.reason) == (90, "errors")


@pytest.mark.parametrize(
    ("delay", "arrived", "share"),
    [(60, True, 0.0), (61, True, 1.0), (5, False, 0.0), (200, False, 0.0)],
)
def test_report_counts_by_its_delay(build, clock, store, delay, arrived, share):
    monitor = build()
    for _ in range(20):
        monitor.count_accepted(TWILIO, reports_delivery=True)
    clock.now += delay
    for _ in range(20):
        delayed = timedelta(seconds=delay)
        monitor.count_report(TWILIO, delay=delayed, arrived=arrived)
    clock.now += 300 - delay
    monitor.refresh()

    reading = store.provider_health.read()

    assert reading.of(TWILIO).slow_share(reading.at, SLOW_AFTER) == share


def test_call_in_time_is_reported_a_minute_later(build, clock, store):
    monitor = build()
    monitor.count_accepted(CALL, reports_delivery=True)
    clock.now += 110
    monitor.count_report(CALL, delay=timedelta(seconds=110), arrived=True)
    monitor.refresh()

    reading = store.provider_health.read()

    assert reading.of(CALL).recent(reading.at).fast == 1


def test_message_without_expected_report_is_never_late(build, clock, emitted):
    monitor = build()
    for _ in range(100):
        monitor.count_accepted(TWILIO, reports_delivery=False)
    clock.now += 300

    monitor.refresh()

    assert emitted == []


def test_operator_sets_a_provider_to_rest(build, store):
    health = store.provider_health
    low = Weight(40, 1_800_000_000_000, Reason.SLOW)
    for step in (TWILIO, CALL, AWS):
        health.compare_and_set(step, AT_REST, low)

    changed = health.rest("twilio")

    weights = {step: health.read().of(step).weight for step in STEPS}
    assert [(event.channel, event.previous) for event in changed] == [
        (Channel.CALL, 40),
        (Channel.SMS, 40),
    ]
    assert {step: weight.value for step, weight in weights.items()} == {
        TWILIO: 100,
        CALL: 100,
        AWS: 40,
    }
    assert weights[TWILIO].reason is Reason.OPERATOR


def test_weight_at_rest_by_an_operator_drops_for_no_old_messages(build, store):
    health = store.provider_health
    health.add([_late(20)])
    health.compare_and_set(TWILIO, AT_REST, Weight(40, 1, Reason.SLOW))
    health.rest("twilio")

    build().refresh()

    assert health.read().of(TWILIO).weight.value == 100


def test_one_of_many_workers_makes_each_change(build, real_redis, emitted):
    stores = [RedisStore(real_redis) for _ in range(16)]
    stores[0].provider_health.add([_late(20)])
    monitors = [build(store) for store in stores]

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ProviderHealthMonitor.refresh, monitors))

    assert [(event.previous, event.weight) for event in emitted] == [(100, 90)]
    assert all(monitor.prefer((TWILIO, AWS))[0] == AWS for monitor in monitors)


def test_order_needs_no_round_trip(build):
    class NoStore:
        def __getattr__(self, name):
            raise AssertionError(name)

    monitor = build()
    monitor.refresh()
    monitor._store = NoStore()  # noqa: SLF001 - proves that no method calls it

    assert monitor.prefer((TWILIO, AWS)) == (TWILIO, AWS)


def test_thread_writes_counts_and_reads_weights(store):
    read = threading.Event()

    def emit(_: Event) -> None:
        read.set()

    monitor = ProviderHealthMonitor(
        store.provider_health,
        STEPS,
        emit=emit,
        random_percent=lambda: 99.0,
        interval=0.01,
    )
    for _ in range(60):
        monitor.count_error(TWILIO)

    assert read.wait(30)
    redis_server.wait_until(lambda: monitor.prefer((TWILIO, AWS))[0] == AWS)
    monitor.stop()


def test_thread_continues_after_an_error_of_redis(redis, caplog):
    caplog.set_level(logging.WARNING)
    failed = threading.Event()

    class FailsOnce(RedisProviderHealth):
        calls = 0

        def add(self, counted):
            self.calls += 1
            if self.calls == 1:
                failed.set()
                raise StoreUnavailable
            return super().add(counted)

    unreliable = FailsOnce(RedisClient(redis))
    monitor = ProviderHealthMonitor(unreliable, STEPS, interval=0.01)
    monitor.count_error(TWILIO)
    assert failed.wait(30)

    monitor.count_error(TWILIO)

    redis_server.wait_until(lambda: unreliable.calls > 1)
    monitor.stop()
    assert "the health of providers is not stored" in caplog.text


def test_counts_are_written_at_the_end_of_the_process(store):
    monitor = ProviderHealthMonitor(store.provider_health, STEPS, interval=3600)
    monitor.count_error(TWILIO)
    redis_server.wait_until(lambda: store.provider_health.read().healths)
    monitor.count_error(TWILIO)

    monitor.stop()

    reading = store.provider_health.read()
    assert reading.of(TWILIO).recent(reading.at).errors == 2


def test_stop_without_new_counts_needs_no_redis(redis, caplog):
    class Counting(RedisProviderHealth):
        calls = 0

        def add(self, counted):
            self.calls += 1
            if self.calls > 1:
                raise StoreUnavailable
            return super().add(counted)

    stopping = Counting(RedisClient(redis))
    monitor = ProviderHealthMonitor(stopping, STEPS, interval=3600)
    monitor.prefer((TWILIO, AWS))
    redis_server.wait_until(lambda: stopping.calls == 1)
    monitor.prefer((TWILIO, AWS))

    monitor.stop()

    assert (stopping.calls, caplog.text) == (1, "")
