"""The event store, on both backends."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis as redis_py

from otp_engine.domain.events import CodeSent, VerificationApproved
from otp_engine.domain.models import Channel
from otp_engine.domain.phones.numbers import parse
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.store import keys
from otp_engine.store.connection import connect
from otp_engine.store.events import codec
from otp_engine.store.events.event_store import RedisEventStore
from otp_engine.store.redis_client import RedisClient
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

    redis_server.wait_until(lambda: caplog.messages != [])
    assert caplog.messages[-1] == "1 events are dropped: StoreUnavailable"


def test_event_is_dropped_when_the_queue_is_full(caplog):
    hanging: Any = HangingRedis()
    events = RedisEventStore(RedisClient(hanging))

    for _ in range(10_200):
        events.add(SENT)

    assert set(caplog.messages) == {"an event is dropped: the queue is full"}
    HangingRedis.over.set()


class HangingRedis:
    """A Redis that hangs until the test ends it."""

    over = threading.Event()

    def pipeline(self, **_):
        self.over.wait(30)
        raise redis_py.ConnectionError


@pytest.mark.parametrize(
    ("number", "shown"),
    # The last is of Saint Helena, where a number has five digits.
    [("+919445012345", "+91944"), ("+14155552671", "+1415"), ("+29051234", "+290")],
)
def test_prefix_hides_most_of_a_number(number, shown):
    assert parse(number, "ZZ").visible_prefix == shown
