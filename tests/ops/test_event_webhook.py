"""The event webhook, with a feed and a receiver in memory."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from otp_engine.domain.event_webhook.cloud_events import Account
from otp_engine.domain.event_webhook.feed import Batch, Entry
from otp_engine.domain.event_webhook.posts import ACCEPTED, PostResult
from otp_engine.domain.events import (
    CheckFailed,
    CodeSent,
    LimitNear,
    RecordedEvent,
    VerificationApproved,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.errors import StoreUnavailable
from otp_engine.ops.event_webhook import EventWebhook
from tests.support.clock import Clock

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RECIPIENT = PseudonymousRecipient(phone_hash="digest", prefix="+919445", country="IN")
ID = b"\x01" * 16
SENT = CodeSent(
    recipient=RECIPIENT,
    verification_id=ID,
    send_id=ID[:8],
    service="",
    channel=Channel.SMS,
    code_length=6,
    locale=None,
    expires_at=START + timedelta(minutes=10),
)
WRONG = CheckFailed(recipient=RECIPIENT, verification_id=ID, attempts_remaining=4)
APPROVED = VerificationApproved(
    recipient=RECIPIENT, verification_id=ID, channel=Channel.SMS
)
ACCOUNT = Account(
    sid="AC1",
    default_service="VA1",
    service_name=lambda _: "Acme",
    open_address=lambda _: None,
)


class MemoryFeed:
    """A stream in memory, with the lead of one worker."""

    def __init__(self, *events):
        self.entries = [
            Entry(f"{1000 + number}-0", RecordedEvent(START, event))
            for number, event in enumerate(events)
        ]
        self.position = "0-0"
        self.followed = {}
        self.next_looks = {}
        self.leader = None
        self.now = START
        self.oldest = "1000-0"
        self.resigned = []

    def read(self, token):
        if self.leader not in {None, token}:
            return None
        self.leader = token
        posted = [entry.id for entry in self.entries]
        start = posted.index(self.position) + 1 if self.position in posted else 0
        return Batch(
            read_at=self.now,
            position=self.position,
            oldest=self.oldest,
            entries=self.entries[start:],
            due=[
                known.hex().encode()
                for known, at in self.next_looks.items()
                if at < self.now
            ],
        )

    def read_followed(self, ids):
        return {known: self.followed[known] for known in ids if known in self.followed}

    def move(self, token, position, followed):
        self.position = position
        for verification, known in followed.items():
            if known is None:
                del self.followed[verification], self.next_looks[verification]
            else:
                self.followed[verification], self.next_looks[verification] = known
        return True

    def resign(self, token):
        self.resigned.append(token)


class Receiver:
    """Collects events, and answers with the given results, the last one for ever."""

    def __init__(self, *results):
        self.results = list(results) or [PostResult(outcome=ACCEPTED)]
        self.posts = []

    def __call__(self, events):
        self.posts.append(list(events))
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]

    @property
    def types(self):
        return [
            event["type"].removeprefix("com.twilio.accountsecurity.verify.")
            for post in self.posts
            for event in post
        ]


class Metrics:
    def __init__(self):
        self.outcomes = []
        self.delays = []

    def count_post(self, outcome):
        self.outcomes.append(outcome)

    def set_delay(self, delay):
        self.delays.append(delay)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def build(clock):
    def build_webhook(feed, receiver, metrics=None):
        return EventWebhook(
            feed,
            receiver,
            ACCOUNT,
            metrics or Metrics(),
            token="worker",
            clock=clock,
        )

    return build_webhook


def test_events_of_a_verification_are_posted_once_in_their_order(build):
    feed, receiver = MemoryFeed(SENT, WRONG, APPROVED), Receiver()
    webhook = build(feed, receiver)

    waits = [webhook.step(), webhook.step()]

    assert receiver.types == [
        "verification.pending",
        "message.sent",
        "verification.approved",
    ]
    assert waits == [0, 1]


def test_batch_without_published_events_is_not_posted(build):
    near = LimitNear(limit="sends_total", identifier="", used=8, count=10, period="1h")
    feed, receiver = MemoryFeed(near), Receiver()

    build(feed, receiver).step()

    assert (receiver.posts, feed.position) == ([], "1000-0")


def test_entry_that_cannot_be_read_is_left_out(build):
    feed, receiver = MemoryFeed(SENT), Receiver()
    feed.entries.append(Entry("2000-0", None))

    build(feed, receiver).step()

    assert feed.position == "2000-0"


def test_rejected_batch_is_posted_again_after_an_interval(build, clock):
    feed = MemoryFeed(SENT)
    receiver = Receiver(PostResult(outcome="status 500"), PostResult(outcome=ACCEPTED))
    webhook = build(feed, receiver)

    wait = webhook.step()
    early = webhook.step()
    clock.now += 2
    webhook.step()

    assert (wait, early) == (2, 2)
    assert receiver.posts[0] == receiver.posts[1]
    assert len(receiver.posts) == 2
    assert feed.position == "1000-0"


def test_intervals_grow_to_five_minutes(build, clock):
    times = []

    def reject(_):
        times.append(clock.now)
        return PostResult(outcome="status 400")

    webhook = build(MemoryFeed(SENT), reject)
    while len(times) < 8:
        clock.now += webhook.step()

    intervals = [later - earlier for earlier, later in pairwise(times)]
    assert intervals == [2, 5, 15, 60, 300, 300, 300]


@pytest.mark.parametrize(
    ("requested", "interval"),
    [(timedelta(seconds=1), 2), (timedelta(seconds=90), 90), (timedelta(days=1), 3600)],
)
def test_retry_after_of_the_receiver_is_respected(build, clock, requested, interval):
    result = PostResult(outcome="status 429", retry_after=requested)
    receiver = Receiver(result)
    webhook = build(MemoryFeed(SENT), receiver)
    webhook.step()

    clock.now += interval - 0.5
    webhook.step()
    assert len(receiver.posts) == 1
    clock.now += 0.5
    webhook.step()

    assert len(receiver.posts) == 2


def test_worker_without_the_lead_posts_nothing(build):
    feed, receiver = MemoryFeed(SENT), Receiver()
    feed.leader = "another"

    wait = build(feed, receiver).step()

    assert (receiver.posts, wait) == ([], 10)


def test_verification_without_an_end_expires(build):
    feed, receiver = MemoryFeed(SENT), Receiver()
    webhook = build(feed, receiver)
    webhook.step()
    feed.now = START + timedelta(minutes=11)

    webhook.step()

    expired = receiver.posts[-1][0]
    assert receiver.types[-1] == "verification.expired"
    assert expired["data"]["verification_status"] == "EXPIRED"
    assert expired["time"] == "2026-01-02T03:14:05.000Z"


def test_verification_is_deleted_an_hour_after_its_end(build):
    feed, receiver = MemoryFeed(SENT, APPROVED), Receiver()
    webhook = build(feed, receiver)
    webhook.step()
    feed.now = START + timedelta(minutes=70, seconds=1)

    webhook.step()

    assert feed.followed == {}
    assert "verification.expired" not in receiver.types


def test_age_of_the_oldest_event_is_measured(build):
    feed, metrics = MemoryFeed(SENT), Metrics()
    feed.now = datetime.fromtimestamp(4, UTC)

    build(feed, Receiver(PostResult(outcome="status 500")), metrics).step()

    assert metrics.delays == [timedelta(seconds=3)]
    assert metrics.outcomes == ["status 500"]


def test_age_is_zero_once_another_worker_has_the_lead(build):
    feed, metrics = MemoryFeed(), Metrics()
    webhook = build(feed, Receiver(), metrics)
    webhook.step()
    feed.leader = "another"

    webhook.step()
    webhook.step()

    assert metrics.delays == [timedelta(), timedelta()]


def test_lost_events_are_reported_once(build, caplog):
    feed = MemoryFeed(SENT)
    feed.position = "999-7"
    webhook = build(feed, Receiver(PostResult(outcome="status 500")))

    webhook.step()
    webhook.step()

    lost = [record for record in caplog.records if "may be lost" in record.message]
    assert len(lost) == 1


def test_log_names_no_recipient(build, caplog):
    webhook = build(MemoryFeed(SENT), Receiver(PostResult(outcome="status 500")))

    webhook.step()

    assert "the next attempt is in 2 s: status 500" in caplog.text
    assert "+91" not in caplog.text


class BrokenFeed(MemoryFeed):
    def read(self, token):
        raise StoreUnavailable

    def resign(self, token):
        raise StoreUnavailable


@pytest.mark.parametrize("feed_type", [MemoryFeed, BrokenFeed])
def test_stopped_webhook_ends_its_thread(build, feed_type):
    feed, receiver = feed_type(SENT), Receiver()
    webhook = build(feed, receiver)
    webhook.start()

    webhook.stop()

    assert "event webhook" not in {thread.name for thread in threading.enumerate()}
