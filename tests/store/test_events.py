"""The event store, on both backends."""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis as redis_py

from otp_engine.domain.events import (
    Action,
    CodeSent,
    RequestUnavailable,
    VerificationApproved,
)
from otp_engine.domain.models import ApprovalCredit, Channel, DestinationCharge
from otp_engine.domain.phones.numbers import parse
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.errors import StoreUnavailable
from otp_engine.store import keys
from otp_engine.store.connection import connect
from otp_engine.store.events import codec
from otp_engine.store.events.event_store import RedisEventStore
from otp_engine.store.redis_client import RedisClient
from tests.conftest import TIMEOUT
from tests.support import redis_server

RECIPIENT = PseudonymousRecipient(phone_hash="digest", prefix="+919445", country="IN")
SENT = CodeSent(
    verification_id=b"\x00" * 16,
    send_id=b"\xff" * 8,
    service="VA1",
    recipient=RECIPIENT,
    channel=Channel.SMS,
    code_length=6,
    locale="pt-BR",
)
APPROVED = VerificationApproved(
    recipient=RECIPIENT, verification_id=b"\x00" * 16, channel=Channel.SMS
)


def stored(store, start=None):
    return [happened.event for happened in store.events.since(start)]


def test_events_are_returned_newest_first(store):
    other = replace(SENT, locale=None, send_id=b"12345678")
    for event in (SENT, other, APPROVED):
        store.events.add(event)

    assert stored(store) == [APPROVED, other, SENT]


def test_events_of_one_millisecond_have_sequence_numbers(store, redis):
    milliseconds = int(datetime.now(UTC).timestamp() * 1000)
    for number in range(11):
        fields = codec.encode(SENT)
        redis.xadd(keys.EVENTS, fields, id=f"{milliseconds}-{number}")

    newest_first = list(store.events.since(None))

    assert [happened.sequence for happened in newest_first] == list(range(11))[::-1]
    assert len({happened.occurred_at for happened in newest_first}) == 1


def test_event_has_the_time_of_its_entry(store):
    store.events.add(SENT)

    [happened] = store.events.since(None)

    assert abs(datetime.now(UTC) - happened.occurred_at) < timedelta(seconds=5)


def test_events_before_the_start_are_left_out(store):
    store.events.add(SENT)
    assert stored(store) == [SENT]

    later = datetime.now(UTC) + timedelta(seconds=1)

    assert stored(store, later) == []
    assert stored(store, later - timedelta(hours=1)) == [SENT]


def test_events_of_several_pages_are_all_returned(store, redis):
    many = [replace(SENT, send_id=n.to_bytes(8, "big")) for n in range(5_010)]
    for event in many:
        store.events.add(event)

    redis_server.wait_until(lambda: stored(store) == many[::-1])


def test_stream_expires_in_a_month(store, redis):
    store.events.add(SENT)
    assert stored(store)

    assert 0 < redis.pttl(keys.EVENTS) <= timedelta(days=31) / timedelta(milliseconds=1)


def test_entry_older_than_a_month_is_not_returned(store, redis):
    fields = codec.encode(APPROVED)
    long_ago = datetime.now(UTC) - timedelta(days=32)
    redis.xadd(keys.EVENTS, fields, id=f"{int(long_ago.timestamp() * 1000)}-0")

    store.events.add(SENT)

    assert stored(store) == [SENT]


def test_event_without_redis_is_dropped_and_logged(caplog):
    unreachable = connect(
        f"redis://127.0.0.1:{redis_server.free_port()}", timedelta(seconds=1)
    )
    events = RedisEventStore(RedisClient(unreachable))

    events.add(SENT)

    assert events.flush(60)
    assert reports(caplog) == [["1", "StoreUnavailable"]]


def test_one_rejection_of_an_overloaded_worker_is_stored_a_second(
    real_connection, real_redis
):
    now = [0.0]
    events = RedisEventStore(RedisClient(real_connection), clock=lambda: now[0])
    overloaded = RequestUnavailable(
        recipient=RECIPIENT, action=Action.CHECK, reason="overloaded"
    )

    for seconds in (0.0, 0.1, 0.9, 1.0, 1.1):
        now[0] = seconds
        events.add(overloaded)

    assert events.flush(60)
    assert real_redis.xlen(keys.UNAUTHENTICATED_EVENTS) == 2


def test_dropped_events_are_counted_and_logged_once_a_second(caplog):
    hanging: Any = HangingRedis()
    now = [0.0]
    events = RedisEventStore(RedisClient(hanging), clock=lambda: now[0])
    for _ in range(10_300):
        events.add(SENT)
    hanging.over.set()
    assert events.flush(60)
    reports_of_the_first_second = reports(caplog)

    now[0] = 1.0
    events.add(SENT)
    assert events.flush(60)

    counts: Counter[str] = Counter()
    for count, reason in reports(caplog):
        counts[reason] += int(count)
    assert len(reports_of_the_first_second) == 2
    assert counts["the queue is full"] in range(100, 301)
    assert sum(counts.values()) == 10_301


def reports(caplog):
    return [
        message.split(" events are dropped: ")
        for message in caplog.messages
        if " events are dropped: " in message
    ]


class HangingRedis:
    """A Redis that hangs until the test ends it."""

    def __init__(self):
        self.over = threading.Event()

    def evalsha(self, *_):
        self.over.wait(30)
        raise redis_py.DataError


CREDIT = ApprovalCredit(
    destination=parse("+919445012345", "IN").destination,
    verification_id=bytes(16),
    messages=2,
    rules=GuardRules(mode=GuardMode.ON),
)


def test_credits_are_written_with_the_events(real_connection, real_redis):
    credited: list[ApprovalCredit] = []
    events = RedisEventStore(RedisClient(real_connection), credit=credited.append)

    events.add(SENT)
    events.add_credit(CREDIT)

    assert events.flush(60)
    assert credited == [CREDIT]
    assert real_redis.xlen(keys.EVENTS) == 1


def test_credit_of_the_store_forgives_messages(store):
    charge = DestinationCharge(
        hits=[], destination=CREDIT.destination, guard=CREDIT.rules
    )
    for n in range(2):
        store.acquire_destination(charge, idempotency_key=bytes([n] * 8))

    store.events.add_credit(CREDIT)

    assert store.events.flush(60)
    places = {place.prefix: place.place for place in store.guard.list_places()}
    assert places["+91944501"].unproven == 0
    assert places["+91944501"].approvals == pytest.approx(1)


def test_credits_that_fail_are_logged_together_and_events_are_written(
    real_connection, real_redis, caplog
):
    def fail(_credit):
        raise StoreUnavailable

    events = RedisEventStore(
        RedisClient(real_connection), clock=lambda: 0.0, credit=fail
    )
    for _ in range(3):
        events.add_credit(CREDIT)
    events.add(SENT)

    assert events.flush(60)
    assert real_redis.xlen(keys.EVENTS) == 1
    [message] = [text for text in caplog.messages if "credits" in text]
    assert message.endswith("credits of approvals are dropped: StoreUnavailable")


def test_job_runs_before_later_events_are_written(real_connection, real_redis):
    lengths = []
    events = RedisEventStore(RedisClient(real_connection), clock=lambda: 0.0)

    events.add_job("deliveries", lambda: lengths.append(real_redis.xlen(keys.EVENTS)))
    events.add(SENT)

    assert events.flush(60)
    assert lengths == [0]


def test_jobs_that_fail_are_logged_together_and_events_are_written(
    real_connection, real_redis, caplog
):
    def fail():
        raise StoreUnavailable

    events = RedisEventStore(RedisClient(real_connection), clock=lambda: 0.0)
    for _ in range(3):
        events.add_job("deliveries", fail)
    events.add(SENT)

    assert events.flush(60)
    assert real_redis.xlen(keys.EVENTS) == 1
    [message] = [text for text in caplog.messages if "deliveries" in text]
    assert message.endswith("deliveries are dropped: StoreUnavailable")


def test_events_under_load_are_written_together(real_connection, real_redis):
    events = RedisEventStore(RedisClient(real_connection), clock=lambda: 0.0)
    for _ in range(30):
        events.add(SENT)
        assert events.flush()
    real_redis.config_resetstat()

    for _ in range(100):
        events.add(SENT)
    assert events.flush()

    counts = real_redis.info("commandstats")
    assert counts["cmdstat_xadd"]["calls"] == 100
    assert counts["cmdstat_evalsha"]["calls"] < 10


def test_event_after_many_flushes_is_written_soon(real_connection, real_redis):
    events = RedisEventStore(RedisClient(real_connection), clock=lambda: 0.0)
    for _ in range(2_000):
        events.add(SENT)
        assert events.flush(timeout=60)

    events.add(APPROVED)

    redis_server.wait_until(lambda: real_redis.xlen(keys.EVENTS) == 2_001)


def test_end_of_a_process_waits_for_its_events(redis_url, real_redis):
    spawn = multiprocessing.get_context("spawn")
    worker = spawn.Process(target=add_and_end, args=(redis_url, 1_000))

    worker.start()
    worker.join()

    assert real_redis.xlen(keys.EVENTS) == 1_000


def add_and_end(url, count):
    events = RedisEventStore(RedisClient(connect(url, TIMEOUT)))
    for _ in range(count):
        events.add(SENT)


@pytest.mark.parametrize(
    ("number", "shown"),
    # The last is of Saint Helena, where a number has five digits.
    [("+919445012345", "+91944"), ("+14155552671", "+1415"), ("+29051234", "+290")],
)
def test_prefix_hides_most_of_a_number(number, shown):
    assert parse(number, "ZZ").visible_prefix == shown
