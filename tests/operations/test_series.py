"""Counts of events over time, on both backends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, count, repeat

import pytest

from otp_engine import config
from otp_engine.domain.events import (
    Action,
    CheckFailed,
    CodeSent,
    LimitNear,
    MessageDelivered,
    RequestRefused,
    VerificationApproved,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.operations import series, slot_counter
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.series import Funnel
from otp_engine.store import keys
from otp_engine.store.events import codec, funnel
from tests.support.settings import PRODUCTION

NOW = datetime(2026, 11, 27, 12, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
INDIA = PseudonymousRecipient(phone_hash="digest", prefix="+919445", country="IN")
KENYA = replace(INDIA, prefix="+254771", country="KE")
MAIL = replace(INDIA, prefix="", country="")
ID = bytes(16)


def sent(recipient=INDIA, channel=Channel.SMS, locale="en"):
    return CodeSent(
        recipient=recipient,
        verification_id=ID,
        send_id=bytes(8),
        service="",
        channel=channel,
        code_length=6,
        locale=locale,
    )


def delivered(recipient=INDIA, channel=Channel.SMS):
    return MessageDelivered(recipient=recipient, channel=channel)


def approved(recipient=INDIA, channel=Channel.SMS):
    return VerificationApproved(
        recipient=recipient, verification_id=ID, channel=channel
    )


@pytest.fixture
def context(store):
    settings = config.load(PRODUCTION)
    return OperatorContext.build(settings, store, lambda: NOW)


@pytest.fixture
def add(redis):
    numbers = count()

    def add(*events, age=timedelta()):
        """Store events of some age."""
        milliseconds = int((NOW - age).timestamp() * 1000)
        for event in events:
            entry_id = f"{milliseconds}-{next(numbers)}"
            redis.xadd(keys.EVENTS, codec.encode(event), id=entry_id)

    return add


def test_events_are_counted_in_their_bucket(context, add):
    add(sent(), delivered(), age=timedelta(minutes=10))
    add(sent(), approved())

    found = series.counter(context).read(HOUR, 60)

    counted = {
        start: bucket
        for start, bucket in zip(found.starts, found.buckets, strict=True)
        if bucket != Funnel()
    }
    assert counted == {
        datetime(2026, 11, 27, 11, 50, tzinfo=UTC): Funnel(sent=1, delivered=1),
        datetime(2026, 11, 27, 12, 0, tzinfo=UTC): Funnel(sent=1, approved=1),
    }
    assert found.total == Funnel(sent=2, delivered=1, approved=1)
    assert found.bucket == timedelta(minutes=1)


def test_other_events_are_not_counted(context, add):
    add(CheckFailed(recipient=INDIA, verification_id=ID, attempts_remaining=4))
    add(RequestRefused(recipient=INDIA, action=Action.SEND, limit="any"))

    assert series.counter(context).read(HOUR, 60).total == Funnel()


def test_event_before_the_period_is_not_counted(context, add):
    add(sent(), age=timedelta(minutes=61))
    add(sent(), age=timedelta(minutes=59))

    assert series.counter(context).read(HOUR, 60).total == Funnel(sent=1)


def test_counts_are_by_country_and_channel(context, add):
    add(sent(), approved(), sent(KENYA), sent(KENYA, Channel.CALL))
    add(sent(MAIL, Channel.EMAIL))

    found = series.counter(context).read(HOUR, 60)

    assert list(found.countries.items()) == [
        ("KE", Funnel(sent=2)),
        ("", Funnel(sent=1)),
        ("IN", Funnel(sent=1, approved=1)),
    ]
    assert found.channels == {
        "sms": Funnel(sent=2, approved=1),
        "call": Funnel(sent=1),
        "email": Funnel(sent=1),
    }


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"country": "KE"}, 2),
        ({"channel": "sms"}, 2),
        ({"country": "KE", "channel": "call"}, 1),
        ({"country": "FR"}, 0),
        ({"country": ""}, 0),
    ],
    ids=str,
)
def test_filters_select_events(context, add, filters, expected):
    add(sent(), sent(KENYA), sent(KENYA, Channel.CALL))

    found = series.counter(context).read(HOUR, 60, **filters)

    assert found.total.sent == expected


def test_approval_without_a_channel_has_an_empty_one(context, add):
    add(approved(channel=None))

    found = series.counter(context).read(HOUR, 60)

    assert found.channels == {"": Funnel(approved=1)}


def test_text_of_a_value_is_not_a_country(context, add):
    add(sent(KENYA, locale='"country":"FR","channel":"call"'))

    found = series.counter(context).read(HOUR, 60)

    assert found.countries == {"KE": Funnel(sent=1)}
    assert found.channels == {"sms": Funnel(sent=1)}


def test_counter_reads_each_event_once(context, add):
    counter = series.counter(context)
    add(sent())
    counter.read(HOUR, 60)
    add(sent())
    counter.read(HOUR, 60)

    assert counter.read(HOUR, 60).total == Funnel(sent=2)


def test_longer_period_counts_older_events(context, add):
    counter = series.counter(context)
    add(sent(), age=timedelta(hours=20))
    add(*[sent()] * funnel.PAGE_SIZE)

    hour, day = counter.read(HOUR, 60), counter.read(24 * HOUR, 96)

    assert hour.total.sent == funnel.PAGE_SIZE
    assert day.total.sent == funnel.PAGE_SIZE + 1


def test_counts_of_lost_events_are_dropped(context, add, redis):
    counter = series.counter(context)
    add(sent(), age=timedelta(minutes=5))
    counter.read(HOUR, 60)
    redis.flushall()
    add(sent())

    assert counter.read(HOUR, 60).total == Funnel(sent=1)


def test_counts_before_the_longest_period_leave_the_memory(context, add):
    add(sent())
    later = NOW + slot_counter.MAX_PERIOD + timedelta(minutes=2)
    # Only a clock that goes back shows that the counts are gone.
    times = iter([NOW, later, NOW])
    counter = series.SeriesCounter(
        context.store.funnel, lambda: False, lambda: next(times)
    )

    totals = [counter.read(HOUR, 60).total.sent for _ in range(3)]

    assert totals == [1, 0, 0]


def test_counts_without_events_are_complete(context):
    found = series.counter(context).read(HOUR, 60)

    assert found.total == Funnel()
    assert (found.counted_since, found.is_reading) == (None, False)
    assert len(found.buckets) == 60


def test_counts_of_a_stream_that_is_not_full_are_complete(context, add):
    add(sent(), age=timedelta(minutes=5))

    found = series.counter(context).read(HOUR, 60)

    assert (found.counted_since, found.is_reading) == (None, False)


def limit_near(used):
    return LimitNear(
        limit="sends_total", identifier="", used=used, count=100, period="1h"
    )


def test_incidents_of_the_period_are_newest_first(context, add):
    add(limit_near(1), age=timedelta(minutes=70))
    add(limit_near(2), *[sent()] * funnel.PAGE_SIZE, age=timedelta(minutes=9))
    add(limit_near(3), age=timedelta(minutes=5))
    counter = series.counter(context)
    counter.read(HOUR, 60)
    add(limit_near(4))

    found = counter.read(HOUR, 60)

    assert [each.event for each in found.incidents] == [
        limit_near(4),
        limit_near(3),
        limit_near(2),
    ]


def test_counts_of_a_trimmed_stream_name_their_start(context, add):
    add(sent(), age=timedelta(minutes=5))
    counter = series.SeriesCounter(context.store.funnel, lambda: True, context.clock)

    found = counter.read(HOUR, 60)

    assert found.counted_since == NOW - timedelta(minutes=5)
    assert not found.is_reading


def test_read_ends_in_time_and_the_next_one_continues(context, add):
    add(*[sent()] * funnel.PAGE_SIZE, age=timedelta(minutes=9))
    add(*[sent()] * funnel.PAGE_SIZE, age=timedelta(minutes=5))
    # The time is over after the first page of the first read.
    seconds = chain([0.0, 0.4, 0.8], repeat(1.0))
    counter = series.SeriesCounter(
        context.store.funnel, lambda: False, context.clock, lambda: next(seconds)
    )

    first, second = counter.read(HOUR, 60), counter.read(HOUR, 60)

    assert first.total.sent == funnel.PAGE_SIZE
    assert first.counted_since == NOW - timedelta(minutes=5)
    assert first.is_reading
    assert second.total.sent == 2 * funnel.PAGE_SIZE
    assert (second.counted_since, second.is_reading) == (None, False)


def test_conversion_is_the_share_of_messages_with_an_approval():
    assert Funnel(sent=4, approved=3).conversion == 0.75
    assert Funnel(approved=1).conversion is None
