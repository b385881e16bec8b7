"""The position of the event webhook, on both backends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.event_webhook.followed import follow
from otp_engine.domain.events import Action, CodeSent, RecordedEvent, RequestUnavailable
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.store import keys
from otp_engine.store.events.event_store import RETENTION

RECIPIENT = PseudonymousRecipient(phone_hash="digest", prefix="+919445", country="IN")
ID = b"\x01" * 16
START = datetime(2026, 1, 2, tzinfo=UTC)
SENT = CodeSent(
    recipient=RECIPIENT,
    verification_id=ID,
    send_id=ID[:8],
    service="",
    channel=Channel.WHATSAPP,
    code_length=6,
    locale="pt-BR",
    expires_at=START,
    delivery_id="d" * 40,
)
FOLLOWED = follow(None, RecordedEvent(START, SENT))


@pytest.fixture
def feed(store):
    store.event_feed.read("worker")
    return store.event_feed


def add(store, *events):
    for event in events:
        store.events.add(event)
    store.events.flush()


def test_first_start_is_at_the_end_of_the_stream(store):
    add(store, SENT)

    batch = store.event_feed.read("worker")

    assert batch.is_empty


def test_events_since_the_start_are_read_in_their_order(feed, store):
    add(store, SENT, replace(SENT, send_id=b"\x02" * 8))

    batch = feed.read("worker")

    assert [entry.recorded.event.send_id for entry in batch.entries] == [
        ID[:8],
        b"\x02" * 8,
    ]


def test_events_of_unauthenticated_clients_are_left_out(feed, store):
    add(
        store,
        RequestUnavailable(recipient=RECIPIENT, action=Action.SEND, reason="provider"),
    )

    assert feed.read("worker").is_empty


def test_posted_events_are_not_read_again(feed, store):
    add(store, SENT)
    batch = feed.read("worker")

    moved = feed.move("worker", batch.entries[-1].id, {})

    assert moved
    assert feed.read("worker").is_empty


def test_second_worker_has_no_lead(feed):
    assert feed.read("another") is None


def test_second_worker_cannot_move_the_position(feed, store):
    add(store, SENT)
    [entry] = feed.read("worker").entries

    moved = feed.move("another", entry.id, {})

    assert not moved
    assert not feed.read("worker").is_empty


def test_resigned_lead_goes_to_the_next_worker(feed):
    feed.resign("worker")

    assert feed.read("another") is not None


def test_resignation_of_another_worker_changes_nothing(feed):
    feed.resign("another")

    assert feed.read("another") is None


def test_next_leader_continues_at_the_position(feed, store):
    add(store, SENT, SENT, SENT)
    feed.move("worker", feed.read("worker").entries[1].id, {})
    feed.resign("worker")

    assert len(feed.read("another").entries) == 1


def test_one_of_many_workers_has_the_lead(store):
    with ThreadPoolExecutor(16) as pool:
        batches = list(pool.map(store.event_feed.read, map(str, range(64))))

    assert sum(batch is not None for batch in batches) == 1


def test_followed_verification_is_stored_as_it_was(feed):
    feed.move("worker", "1-0", {ID: (FOLLOWED, START)})

    assert feed.read_followed([ID, bytes(16)]) == {ID: FOLLOWED}


def test_verification_with_a_past_end_is_due(feed):
    later = datetime.now(UTC) + timedelta(hours=1)
    feed.move("worker", "1-0", {ID: (FOLLOWED, START), bytes(16): (FOLLOWED, later)})

    assert feed.read("worker").due == (ID.hex().encode(),)


def test_end_waits_for_events_that_can_still_be_written(feed):
    now = datetime.now(UTC)
    feed.move("worker", "1-0", {ID: (FOLLOWED, now)})

    assert feed.read("worker").due == ()


def test_end_waits_for_all_earlier_events(feed, store):
    feed.move("worker", feed.read("worker").position, {ID: (FOLLOWED, START)})
    add(store, *[SENT] * 150)

    batch = feed.read("worker")

    assert (len(batch.entries), batch.due) == (100, ())


def test_deleted_verification_is_neither_known_nor_due(feed, connection):
    feed.move("worker", "1-0", {ID: (FOLLOWED, START)})

    feed.move("worker", "1-0", {ID: None})

    assert feed.read_followed([ID]) == {}
    assert feed.read("worker").due == ()
    assert not connection.exists(keys.EVENT_WEBHOOK_VERIFICATIONS)


def test_every_key_expires(feed, store, connection):
    feed.move("worker", "1-0", {ID: (FOLLOWED, START)})

    names = (
        keys.EVENT_WEBHOOK,
        keys.EVENT_WEBHOOK_VERIFICATIONS,
        keys.EVENT_WEBHOOK_NEXT_LOOKS,
    )
    assert all(0 < connection.ttl(name) <= RETENTION.total_seconds() for name in names)
    assert 0 < connection.pttl(keys.EVENT_WEBHOOK_LEASE) <= 30_000


def test_position_after_a_restart_of_an_empty_redis_is_its_start(feed, connection):
    connection.flushall()

    batch = feed.read("worker")

    assert (batch.position, batch.oldest) == ("0-0", "")


def test_unreadable_entry_has_no_event(feed, connection):
    connection.xadd(keys.EVENTS, {"kind": "of_a_later_release", "event": "{}"})

    [entry] = feed.read("worker").entries

    assert entry.recorded is None
