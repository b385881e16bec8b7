from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import current_thread

import pytest
from flask import Flask

from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.domain.routing.health_recorder import NullHealthRecorder
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    NumberTypeNotAllowed,
    Overloaded,
    ProviderUnavailable,
)
from otp_engine.ops import request_log
from otp_engine.ops.request_log import RequestIdFilter
from otp_engine.resilience.circuit_breaker import CircuitBreaker
from otp_engine.resilience.dependency_metrics import NullMetrics
from otp_engine.senders.guarded import GuardedSender
from tests.support import redis_server
from tests.support.clock import Clock
from tests.support.fakes import MESSAGE, FakeSender, deliver

RESET_TIMEOUT = timedelta(seconds=10)
SHORT = timedelta(milliseconds=20)


class SlowProvider:
    name = "slow"
    channels = (Channel.SMS,)
    reports_delivery = False
    has_deadline = False

    def __init__(self):
        self.started, self.released = threading.Semaphore(0), threading.Event()

    def send(self, message):
        self.started.release()
        self.released.wait(10)

    def ping(self):
        return None


class RecordedMetrics(NullMetrics):
    def __init__(self):
        self.deliveries = []

    def observe_delivery(self, sender, took, outcome, error):
        self.deliveries.append((sender, outcome, error))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def provider():
    return FakeSender(name="provider")


@pytest.fixture
def metrics():
    return RecordedMetrics()


@pytest.fixture
def guard(clock, metrics):
    def build(provider, *, max_concurrent=1, **options):
        return GuardedSender(
            provider,
            CircuitBreaker(2, RESET_TIMEOUT, clock),
            max_concurrent=max_concurrent,
            metrics=metrics,
            **options,
        )

    return build


@pytest.fixture
def sender(guard, provider):
    return guard(provider)


def fail(sender, provider, error, times=2):
    provider.error = error
    for _ in range(times):
        with pytest.raises(type(error)):
            deliver(sender)
    provider.error = None


@pytest.mark.parametrize("failure", [DeliveryUnconfirmed(), ProviderUnavailable()])
def test_consecutive_failures_open_breaker(sender, provider, failure):
    fail(sender, provider, failure)

    with pytest.raises(ProviderUnavailable) as rejection:
        deliver(sender)

    assert provider.messages == []
    assert rejection.value.retry_after == RESET_TIMEOUT


@pytest.mark.parametrize(
    "rejection", [DeliveryFailed(retry_elsewhere=True), NumberTypeNotAllowed()]
)
def test_rejected_messages_keep_breaker_closed(sender, provider, rejection):
    fail(sender, provider, rejection, times=9)

    deliver(sender)

    assert provider.messages == [MESSAGE]


def test_missing_slots_keep_breaker_closed(sender, provider):
    with sender.acquire_slot():
        for _ in range(9):
            with pytest.raises(Overloaded):
                deliver(sender)

    deliver(sender)

    assert provider.messages == [MESSAGE]


def test_rejection_between_failures_restarts_count(sender, provider):
    fail(sender, provider, DeliveryUnconfirmed(), times=1)
    fail(sender, provider, DeliveryFailed(), times=1)
    fail(sender, provider, DeliveryUnconfirmed(), times=1)

    deliver(sender)

    assert provider.messages == [MESSAGE]


def test_accepted_message_between_failures_restarts_count(sender, provider):
    fail(sender, provider, DeliveryUnconfirmed(), times=1)
    deliver(sender)
    fail(sender, provider, DeliveryUnconfirmed(), times=1)

    deliver(sender)

    assert provider.messages == [MESSAGE] * 2


def test_unexpected_error_neither_counts_as_failure_nor_restarts_count(
    sender, provider
):
    fail(sender, provider, DeliveryUnconfirmed(), times=1)
    fail(sender, provider, ZeroDivisionError(), times=1)
    fail(sender, provider, DeliveryUnconfirmed(), times=1)

    with pytest.raises(ProviderUnavailable):
        deliver(sender)


def test_failed_probe_keeps_breaker_open(sender, provider, clock):
    fail(sender, provider, DeliveryUnconfirmed())
    clock.now += 10
    fail(sender, provider, DeliveryUnconfirmed(), times=1)

    with pytest.raises(ProviderUnavailable):
        deliver(sender)


def test_accepted_probe_closes_breaker(sender, provider, clock):
    fail(sender, provider, DeliveryUnconfirmed())
    clock.now += 10
    deliver(sender)

    deliver(sender)

    assert provider.messages == [MESSAGE] * 2


def test_open_breaker_rejects_reservation(sender, provider):
    fail(sender, provider, DeliveryUnconfirmed())

    with pytest.raises(ProviderUnavailable) as rejection, sender.acquire_slot():
        pass

    assert rejection.value.retry_after == RESET_TIMEOUT


def test_reservation_uses_no_probe(sender, provider, clock):
    fail(sender, provider, DeliveryUnconfirmed())
    clock.now += 10
    with sender.acquire_slot():
        pass

    deliver(sender)

    assert provider.messages == [MESSAGE]


def test_breaker_that_opens_after_reservation_rejects_message(guard, provider):
    sender = guard(provider, max_concurrent=2)
    with sender.acquire_slot() as send:
        fail(sender, provider, DeliveryUnconfirmed())

        with pytest.raises(ProviderUnavailable):
            send(MESSAGE)

    assert provider.messages == []


def test_opening_breaker_logs_provider_once(sender, provider, caplog):
    fail(sender, provider, DeliveryUnconfirmed())

    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["provider: the circuit breaker is open"]


class LoggingProvider(FakeSender):
    def send(self, message):
        super().send(message)
        logging.getLogger("tests.guarded").warning("accepted")


def test_log_line_of_a_sending_thread_has_the_request_id(guard, caplog):
    app = Flask(__name__)
    request_log.init_app(app, lambda *_: None, lambda _: None)
    sender = guard(LoggingProvider(name="provider"))

    @app.post("/send")
    def send():
        deliver(sender)
        return ""

    with caplog.filtering(RequestIdFilter()):
        response = app.test_client().post("/send")

    record = next(each for each in caplog.records if each.name == "tests.guarded")
    assert record.request_id == response.headers["X-Request-Id"]
    assert record.threadName.startswith("sending")


def test_provider_with_a_deadline_is_called_in_the_thread_of_the_request(guard):
    threads = []
    provider = FakeSender(has_deadline=True)
    sender = guard(provider, on_accepted=lambda _: threads.append(current_thread()))

    deliver(sender)

    assert threads == [current_thread()]


@pytest.mark.parametrize("error", [None, DeliveryUnconfirmed(), ZeroDivisionError()])
def test_message_of_a_provider_with_a_deadline_releases_its_slot(guard, error):
    provider = FakeSender(has_deadline=True)
    sender = guard(provider)
    provider.error = error
    with suppress(DeliveryUnconfirmed, ZeroDivisionError):
        deliver(sender)
    provider.error = None

    deliver(sender)

    assert provider.messages[-1] == MESSAGE


@pytest.fixture
def no_more_threads():
    # The kernel has no address space for such a stack, so no thread can start.
    before = threading.stack_size(1 << 47)
    yield
    threading.stack_size(before)


def test_message_without_a_thread_is_overloaded(sender, provider, no_more_threads):
    with pytest.raises(Overloaded):
        deliver(sender)

    assert provider.messages == []


def test_message_without_a_thread_releases_its_slot(sender, no_more_threads):
    with pytest.raises(Overloaded):
        deliver(sender)

    assert has_slot(sender)


def test_message_without_a_thread_neither_opens_nor_closes_breaker(
    guard, sender, provider, clock
):
    fail(sender, provider, DeliveryUnconfirmed(), times=1)
    before = threading.stack_size(1 << 47)
    with pytest.raises(Overloaded):
        deliver(sender)
    threading.stack_size(before)
    fail(sender, provider, DeliveryUnconfirmed(), times=1)

    with pytest.raises(ProviderUnavailable):
        deliver(sender)


def test_ping_raises_error_of_provider(sender, provider):
    provider.error = ProviderUnavailable()

    with pytest.raises(ProviderUnavailable):
        sender.ping()


def test_message_without_slot_is_rejected_while_provider_hangs(guard):
    slow = SlowProvider()
    sender = guard(slow, max_concurrent=2)
    with ThreadPoolExecutor(2) as threads:
        for _ in range(2):
            threads.submit(deliver, sender)
        for _ in range(2):
            slow.started.acquire()

        with pytest.raises(Overloaded):
            deliver(sender)

        slow.released.set()


def test_message_that_times_out_keeps_slot_until_provider_responds(guard):
    slow = SlowProvider()
    sender = guard(slow, timeout=SHORT)
    with pytest.raises(DeliveryUnconfirmed):
        deliver(sender)

    with pytest.raises(Overloaded):
        deliver(sender)

    slow.released.set()
    redis_server.wait_until(lambda: has_slot(sender))


def has_slot(sender):
    try:
        with sender.acquire_slot():
            return True
    except Overloaded:
        return False


def test_messages_that_time_out_open_breaker(guard):
    slow = SlowProvider()
    sender = guard(slow, max_concurrent=3, timeout=SHORT)
    for _ in range(2):
        with pytest.raises(DeliveryUnconfirmed):
            deliver(sender)

    with pytest.raises(ProviderUnavailable):
        deliver(sender)

    slow.released.set()


def test_reservation_holds_slot_before_send(sender):
    with sender.acquire_slot(), pytest.raises(Overloaded):
        deliver(sender)


def test_unused_reservation_releases_slot(sender, provider):
    with sender.acquire_slot():
        pass

    deliver(sender)

    assert provider.messages == [MESSAGE]


def test_rejected_message_releases_slot(sender, provider):
    fail(sender, provider, DeliveryFailed(), times=3)

    deliver(sender)

    assert provider.messages == [MESSAGE]


def test_accepted_message_returns_name_of_provider(guard, provider):
    assert deliver(guard(provider)) == provider.name


@pytest.mark.parametrize("error", [DeliveryFailed(), DeliveryUnconfirmed()])
def test_error_has_name_of_provider(guard, error):
    class FailingProvider(SlowProvider):
        def send(self, message):
            raise error

    with pytest.raises(type(error)) as raised:
        deliver(guard(FailingProvider()))

    assert raised.value.provider == "slow"


def test_timeout_has_name_of_provider(guard):
    provider = SlowProvider()

    with pytest.raises(DeliveryUnconfirmed) as raised:
        deliver(guard(provider, timeout=SHORT))
    provider.released.set()

    assert raised.value.provider == "slow"


def test_accepted_message_is_passed_to_callback(guard, provider):
    accepted: list[Message] = []

    deliver(guard(provider, on_accepted=accepted.append))

    assert accepted == [MESSAGE]


def test_rejected_message_is_not_passed_to_callback(guard, provider):
    accepted: list[Message] = []

    fail(guard(provider, on_accepted=accepted.append), provider, DeliveryFailed(), 1)

    assert accepted == []


def test_accepted_message_is_measured(sender, metrics):
    deliver(sender)

    assert metrics.deliveries == [("provider", "accepted", None)]


@pytest.mark.parametrize(
    ("error", "provider_code", "labels"),
    [
        (DeliveryFailed(), 21610, ("delivery_failed", "21610")),
        (ProviderUnavailable(), None, ("unavailable", "unavailable")),
        (ZeroDivisionError(), None, ("unexpected", "unexpected")),
    ],
)
def test_failed_message_is_measured_by_error(
    sender, provider, metrics, error, provider_code, labels
):
    error.provider_error = provider_code

    fail(sender, provider, error, times=1)

    assert metrics.deliveries == [("provider", *labels)]


def test_message_that_times_out_is_measured_once_provider_responds(guard, metrics):
    slow = SlowProvider()
    with pytest.raises(DeliveryUnconfirmed):
        deliver(guard(slow, timeout=SHORT))
    measured_at_timeout = list(metrics.deliveries)

    slow.released.set()

    redis_server.wait_until(lambda: metrics.deliveries)
    assert measured_at_timeout == []
    assert metrics.deliveries == [("slow", "accepted", None)]


def test_rejected_reservation_is_not_measured(sender, metrics):
    with sender.acquire_slot(), pytest.raises(Overloaded):
        deliver(sender)

    assert metrics.deliveries == []


class ConfirmingProvider(FakeSender):
    def __init__(self, failure=None):
        super().__init__(name="provider")
        self.failure = failure
        self.confirmed = []

    def confirm(self, message_id):
        self.confirmed.append(message_id)
        if self.failure:
            raise self.failure


def test_entered_code_is_reported_to_its_provider(guard):
    provider = ConfirmingProvider()
    sender = guard(provider)

    sender.confirm("SM1")

    assert (sender.confirms, provider.confirmed) == (True, ["SM1"])


def test_failed_confirmation_is_logged_without_its_text(guard, caplog):
    sender = guard(ConfirmingProvider(OSError("secret")))

    sender.confirm("SM1")

    assert "provider: not confirmed: OSError" in caplog.text
    assert "secret" not in caplog.text


def test_provider_without_feedback_is_not_called(guard, provider):
    sender = guard(provider)

    sender.confirm("SM1")

    assert not sender.confirms


class RecordedHealth(NullHealthRecorder):
    def __init__(self):
        self.counted = []

    def count_accepted(self, step, *, reports_delivery):
        self.counted.append((str(step), "accepted", reports_delivery))

    def count_error(self, step):
        self.counted.append((str(step), "error"))


def test_accepted_message_counts_for_the_health_of_its_step(guard, provider):
    health = RecordedHealth()
    provider.reports_delivery = True

    deliver(guard(provider, health=health))

    assert health.counted == [("sms:provider", "accepted", True)]


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (DeliveryUnconfirmed(), [("sms:provider", "error")]),
        (ProviderUnavailable(), [("sms:provider", "error")]),
        (ValueError(), [("sms:provider", "error")]),
        (NumberTypeNotAllowed(), []),
        (DeliveryFailed(retry_elsewhere=True), []),
    ],
    ids=["unconfirmed", "unavailable", "unexpected", "number", "rejected"],
)
def test_errors_of_the_provider_count_for_its_health(guard, provider, error, counted):
    health = RecordedHealth()
    provider.error = error

    with suppress(type(error)):
        deliver(guard(provider, health=health))

    assert health.counted == counted


def test_message_that_times_out_is_an_error_of_the_provider(guard):
    health = RecordedHealth()
    provider = SlowProvider()

    with suppress(DeliveryUnconfirmed):
        deliver(guard(provider, health=health, timeout=SHORT))
    provider.released.set()

    assert health.counted == [("sms:slow", "error")]


def test_message_that_an_open_breaker_rejects_is_no_error(guard, provider):
    health = RecordedHealth()
    sender = guard(provider, health=health)
    fail(sender, provider, ProviderUnavailable())

    with suppress(ProviderUnavailable):
        deliver(sender)

    assert len(health.counted) == 2
