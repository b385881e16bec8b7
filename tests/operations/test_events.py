"""The newest events after a cursor, on both backends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from otp_engine import config
from otp_engine.domain.events import Action, CheckNotFound, RequestRefused
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.errors import InvalidRequest
from otp_engine.operations import events
from otp_engine.operations.context import OperatorContext
from otp_engine.store import keys
from otp_engine.store.events import codec
from otp_engine.store.events.event_filter import EventFilter
from tests.support.settings import PRODUCTION

RECIPIENT = PseudonymousRecipient(phone_hash="digest", prefix="+919445", country="IN")


@pytest.fixture
def context(store):
    return OperatorContext.build(config.load(PRODUCTION), store)


@pytest.fixture
def add(store):
    def add(*limits):
        """Store an event of each stream for each limit."""
        for limit in limits:
            store.events.add(
                RequestRefused(recipient=RECIPIENT, action=Action.SEND, limit=limit)
            )
            store.events.add(CheckNotFound(recipient=RECIPIENT))
        assert store.events.flush()

    return add


def limits_of(page):
    return [getattr(recorded.event, "limit", "-") for recorded in page.events]


def test_first_page_has_the_newest_events_oldest_first(context, add):
    add("first", "second")

    page = events.read_events(context, count=3)

    assert limits_of(page) == ["-", "second", "-"]
    assert page.omitted == 1


def test_page_after_a_cursor_has_the_newer_events_of_both_streams(context, add):
    add("first")
    first = events.read_events(context)
    add("second")

    second = events.read_events(context, first.cursor)

    assert limits_of(second) == ["second", "-"]
    assert events.read_events(context, second.cursor).events == ()


def test_cursor_without_events_has_later_ones(context, add):
    first = events.read_events(context)
    add("first")

    assert limits_of(events.read_events(context, first.cursor)) == ["first", "-"]


def test_cursor_continues_after_events_that_the_filter_leaves_out(context, add):
    add("first")
    refused = EventFilter(kinds={"refused"})
    page = events.read_events(context, event_filter=refused)

    assert limits_of(page) == ["first"]
    assert events.read_events(context, page.cursor).events == ()


def test_old_cursor_reaches_back_to_the_period_only(store, add):
    later = datetime.now(UTC) + timedelta(hours=2)
    context = OperatorContext.build(config.load(PRODUCTION), store, lambda: later)
    add("first")

    assert events.read_events(context, "0-0_0-0").events == ()


@pytest.mark.parametrize(
    "cursor", ["x", "1-1", "1-1_1-1_1-1", "1-1_1-" + "9" * 30, "1-1_(-1", "١-1_1-1"]
)
def test_text_that_is_no_cursor_is_rejected(context, cursor):
    with pytest.raises(InvalidRequest):
        events.read_events(context, cursor)


def test_newest_events_of_a_busy_minute_need_no_longer_period(context, add):
    add("first", "second")

    page = events.newest_events(context, count=3, since=timedelta(hours=1))

    assert limits_of(page) == ["-", "second", "-"]


def test_newest_events_are_those_of_the_whole_period_if_there_are_few(context, redis):
    milliseconds = int((datetime.now(UTC) - timedelta(minutes=30)).timestamp() * 1000)
    event = RequestRefused(recipient=RECIPIENT, action=Action.SEND, limit="old")
    redis.xadd(keys.EVENTS, codec.encode(event), id=f"{milliseconds}-0")

    page = events.newest_events(context, count=3, since=timedelta(hours=1))

    assert limits_of(page) == ["old"]
