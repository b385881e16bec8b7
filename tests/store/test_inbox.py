"""Messages that never left; on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.events import Approved, Canceled, Exhausted, WrongCode
from otp_engine.domain.inbox import State
from otp_engine.domain.verification import Channel
from otp_engine.domain.whom import Whom
from otp_engine.store import keys
from otp_engine.store.connection import connect
from otp_engine.store.inbox import RedisInbox
from otp_engine.store.redis_client import RedisClient
from tests import servers
from tests.fakes import MESSAGE

WHOM = Whom(phone="digest", prefix="+91944", country="IN")
NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)


@pytest.fixture
def inbox(store, client):
    return RedisInbox(RedisClient(client), now=lambda: NOW)


def test_a_message_is_kept_as_it_would_have_arrived(inbox):
    inbox.add(MESSAGE)

    [letter] = inbox.list_messages()
    assert (letter.to, letter.body, letter.code) == (
        MESSAGE.to,
        MESSAGE.body,
        MESSAGE.code,
    )
    assert (letter.channel, letter.locale, letter.at) == (Channel.SMS, None, NOW)
    assert letter.expires == NOW + timedelta(minutes=10)


def test_the_newest_comes_first_and_a_hundred_are_kept(inbox):
    for n in range(105):
        inbox.add(replace(MESSAGE, code=str(n)))

    codes = [letter.code for letter in inbox.list_messages()]

    assert codes == [str(n) for n in range(104, 4, -1)]


def test_a_code_is_pending_until_its_time_is_over(inbox):
    inbox.add(MESSAGE)

    [letter] = inbox.list_messages()

    assert letter.state(NOW) == State.PENDING
    assert letter.state(NOW + timedelta(minutes=10)) == State.EXPIRED


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (
            Approved(whom=WHOM, verification=MESSAGE.verification, channel=Channel.SMS),
            State.APPROVED,
        ),
        (Canceled(whom=WHOM, verification=MESSAGE.verification), State.CANCELED),
        (Exhausted(whom=WHOM, verification=MESSAGE.verification), State.EXHAUSTED),
    ],
)
def test_how_its_verification_ended_is_learnt(inbox, event, state):
    inbox.add(MESSAGE)
    inbox.add(replace(MESSAGE, verification=b"1" * 16))

    inbox.on_event(event)

    other, letter = inbox.list_messages()
    assert letter.state(NOW) == state
    assert other.state(NOW) == State.PENDING


def test_what_ends_nothing_changes_nothing(inbox, client):
    inbox.on_event(WrongCode(whom=WHOM, verification=b"0" * 16, attempts_left=3))

    assert client.dbsize() == 0


def test_all_of_it_is_forgotten_in_a_day(inbox, client):
    inbox.add(MESSAGE)
    inbox.on_event(Canceled(whom=WHOM, verification=MESSAGE.verification))

    day = timedelta(days=1) / timedelta(milliseconds=1)
    assert 0 < client.pttl(keys.INBOX) <= day
    assert all(0 < client.pttl(key) <= day for key in client.keys("*"))
    assert client.dbsize() == 2


def test_a_redis_that_is_away_fails_nothing_that_has_happened():
    away = connect(f"redis://127.0.0.1:{servers.free_port()}", timedelta(seconds=1))

    RedisInbox(RedisClient(away)).on_event(Canceled(whom=WHOM, verification=b"0" * 16))
