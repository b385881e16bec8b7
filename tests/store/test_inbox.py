"""The inbox of dev mode, on both backends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.events import (
    CheckFailed,
    CodeSent,
    MaxAttemptsReached,
    VerificationApproved,
    VerificationCanceled,
)
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.messages.inbox import CodeStatus, SimulatedOutcome, StatusTime
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.store import keys
from otp_engine.store.connection import connect
from otp_engine.store.inbox import RedisInbox
from otp_engine.store.redis_client import RedisClient
from tests.support import redis_server
from tests.support.fakes import MESSAGE

RECIPIENT = PseudonymousRecipient(phone_hash="digest", prefix="+91944", country="IN")
NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)


@pytest.fixture
def inbox(store, redis):
    return RedisInbox(RedisClient(redis), now=lambda: NOW)


def test_stored_message_is_returned_unchanged(inbox):
    inbox.add(MESSAGE)

    [stored] = inbox.list_messages()
    assert (stored.to, stored.body, stored.code) == (
        MESSAGE.to,
        MESSAGE.body,
        MESSAGE.code,
    )
    assert (stored.channel, stored.locale, stored.sent_at) == (Channel.SMS, "en", NOW)
    assert stored.expires_at == NOW + timedelta(minutes=10)


def test_last_hundred_messages_are_listed_newest_first(inbox):
    for n in range(105):
        inbox.add(replace(MESSAGE, code=str(n)))

    codes = [stored.code for stored in inbox.list_messages()]

    assert codes == [str(n) for n in range(104, 4, -1)]


def test_cleared_inbox_is_empty_and_accepts_messages(inbox):
    inbox.add(MESSAGE)

    inbox.clear()
    assert inbox.list_messages() == []

    inbox.add(MESSAGE)
    assert len(inbox.list_messages()) == 1


def test_simulated_outcome_is_stored_for_an_hour(inbox, redis):
    before = inbox.simulated_outcomes()

    inbox.simulate(SimulatedOutcome.REJECTED)

    assert before == dict.fromkeys(Channel, SimulatedOutcome.ACCEPTED)
    assert inbox.simulated_outcomes() == dict.fromkeys(
        Channel, SimulatedOutcome.REJECTED
    )
    assert 3_590 < redis.ttl(keys.INBOX_SIMULATIONS) <= 3_600


def test_simulated_outcome_of_one_channel_leaves_the_others(inbox):
    inbox.simulate(SimulatedOutcome.SLOW)

    inbox.simulate(SimulatedOutcome.ACCEPTED, Channel.CALL)

    outcomes = inbox.simulated_outcomes()
    assert outcomes[Channel.CALL] == SimulatedOutcome.ACCEPTED
    assert outcomes[Channel.SMS] == SimulatedOutcome.SLOW


def report(status, delivery_id=MESSAGE.delivery_id):
    return DeliveryReport(
        delivery_id=delivery_id,
        message_id="",
        status=status,
        provider="console",
        channel=Channel.SMS,
    )


def test_new_message_is_queued(inbox):
    inbox.add(MESSAGE)

    [stored] = inbox.list_messages()

    assert stored.statuses == (StatusTime(DeliveryStatus.QUEUED, NOW),)
    assert stored.delivery_status == DeliveryStatus.QUEUED


def test_undelivered_message_has_that_status(inbox):
    inbox.add(MESSAGE)
    inbox.add(replace(MESSAGE, delivery_id="f" * 40))

    inbox.add_status(report(DeliveryStatus.UNDELIVERED))

    other, stored = inbox.list_messages()
    assert stored.status(NOW) == CodeStatus.UNDELIVERED
    assert other.status(NOW) == CodeStatus.PENDING


def test_delivered_message_was_not_undelivered(inbox):
    inbox.add(MESSAGE)
    inbox.add_status(report(DeliveryStatus.UNDELIVERED))

    inbox.add_status(report(DeliveryStatus.DELIVERED))

    [stored] = inbox.list_messages()
    assert stored.status(NOW) == CodeStatus.PENDING
    assert [each.status for each in stored.statuses] == [
        *("queued", "undelivered", "delivered")
    ]


def test_status_that_is_reported_twice_keeps_its_time(store, redis):
    times = iter([NOW, NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)])
    inbox = RedisInbox(RedisClient(redis), now=lambda: next(times))
    inbox.add(MESSAGE)

    inbox.add_status(report(DeliveryStatus.SENT))
    inbox.add_status(report(DeliveryStatus.SENT))

    [stored] = inbox.list_messages()
    assert stored.statuses[-1] == StatusTime(
        DeliveryStatus.SENT, NOW + timedelta(seconds=1)
    )


@pytest.mark.parametrize("is_fallback", [True, False])
def test_event_marks_a_fallback(inbox, is_fallback):
    inbox.add(MESSAGE)

    inbox.on_event(
        CodeSent(
            recipient=RECIPIENT,
            verification_id=MESSAGE.verification_id,
            send_id=b"0" * 8,
            service="",
            channel=Channel.SMS,
            code_length=6,
            locale="en",
            delivery_id=MESSAGE.delivery_id,
            is_fallback=is_fallback,
        )
    )

    [stored] = inbox.list_messages()
    assert stored.is_fallback == is_fallback
    assert [each.status for each in stored.statuses] == ["queued"]


def test_known_message_is_one_that_was_stored(inbox, redis):
    inbox.add(MESSAGE)

    assert inbox.has_message(MESSAGE.delivery_id)
    assert not inbox.has_message("f" * 40)
    redis.flushdb()
    assert not inbox.has_message(MESSAGE.delivery_id)


def test_code_is_pending_until_it_expires(inbox):
    inbox.add(MESSAGE)

    [stored] = inbox.list_messages()

    assert stored.status(NOW) == CodeStatus.PENDING
    assert stored.status(NOW + timedelta(minutes=10)) == CodeStatus.EXPIRED


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (
            VerificationApproved(
                recipient=RECIPIENT,
                verification_id=MESSAGE.verification_id,
                channel=Channel.SMS,
            ),
            CodeStatus.APPROVED,
        ),
        (
            VerificationCanceled(
                recipient=RECIPIENT, verification_id=MESSAGE.verification_id
            ),
            CodeStatus.CANCELED,
        ),
        (
            MaxAttemptsReached(
                recipient=RECIPIENT, verification_id=MESSAGE.verification_id
            ),
            CodeStatus.MAX_ATTEMPTS_REACHED,
        ),
    ],
)
def test_closing_event_sets_the_status_of_its_message_only(inbox, event, state):
    inbox.add(MESSAGE)
    inbox.add(replace(MESSAGE, verification_id=b"1" * 16))

    inbox.on_event(event)

    other, stored = inbox.list_messages()
    assert stored.status(NOW) == state
    assert other.status(NOW) == CodeStatus.PENDING


def test_failed_check_stores_nothing(inbox, redis):
    inbox.on_event(
        CheckFailed(
            recipient=RECIPIENT, verification_id=b"0" * 16, attempts_remaining=3
        )
    )

    assert redis.dbsize() == 0


def test_every_key_of_the_inbox_expires_in_a_day(inbox, redis):
    inbox.add(MESSAGE)
    inbox.on_event(
        VerificationCanceled(
            recipient=RECIPIENT, verification_id=MESSAGE.verification_id
        )
    )

    day = timedelta(days=1) / timedelta(milliseconds=1)
    assert 0 < redis.pttl(keys.INBOX) <= day
    assert all(0 < redis.pttl(key) <= day for key in redis.keys("*"))
    assert redis.dbsize() == 3


def test_event_without_redis_raises_nothing():
    unreachable = connect(
        f"redis://127.0.0.1:{redis_server.free_port()}", timedelta(seconds=1)
    )

    RedisInbox(RedisClient(unreachable)).on_event(
        VerificationCanceled(recipient=RECIPIENT, verification_id=b"0" * 16)
    )
