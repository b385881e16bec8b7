"""The inbox of dev mode, on both backends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.events import (
    CheckFailed,
    MaxAttemptsReached,
    VerificationApproved,
    VerificationCanceled,
)
from otp_engine.domain.messages.inbox import CodeStatus, SimulatedOutcome
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
    before = inbox.simulated_outcome()

    inbox.simulate(SimulatedOutcome.REJECTED)

    assert before == SimulatedOutcome.ACCEPTED
    assert inbox.simulated_outcome() == SimulatedOutcome.REJECTED
    assert 3_590 < redis.ttl(keys.INBOX_SIMULATION) <= 3_600


def test_undelivered_message_has_that_status(inbox):
    inbox.add(MESSAGE)

    inbox.mark_undelivered(MESSAGE.verification_id)

    [stored] = inbox.list_messages()
    assert stored.status(NOW) == CodeStatus.UNDELIVERED


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
    assert redis.dbsize() == 2


def test_event_without_redis_raises_nothing():
    unreachable = connect(
        f"redis://127.0.0.1:{redis_server.free_port()}", timedelta(seconds=1)
    )

    RedisInbox(RedisClient(unreachable)).on_event(
        VerificationCanceled(recipient=RECIPIENT, verification_id=b"0" * 16)
    )
