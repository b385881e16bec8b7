"""The stored deliveries, and their status under reports in any order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisConnectionError

from otp_engine.domain.delivery_records import DeliveryRecord
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.store import keys
from otp_engine.store.deliveries import RedisDeliveryStore
from otp_engine.store.redis_client import RedisClient
from otp_engine.store.redis_store import RedisStore
from tests.support import time_travel

TAG = "ab" * 12
DELIVERY = TAG + "01" * 8
OTHER = TAG + "02" * 8
RECORD = DeliveryRecord(
    verification_id=b"v" * 16,
    recipient=PseudonymousRecipient(phone_hash="h", prefix="+91944", country="IN"),
    provider="twilio",
    channel=Channel.SMS,
    message_id="SM1",
)
PLAN = b"ciphertext"
DAY_MS = 86_400_000
# Queued, sent, undelivered and failed, delivered, read.
ORDER = [("queued",), ("sent",), ("undelivered", "failed"), ("delivered",), ("read",)]


def report(status, delivery_id=DELIVERY, message_id="SM1", provider="twilio"):
    return DeliveryReport(
        delivery_id=delivery_id,
        message_id=message_id,
        status=DeliveryStatus(status),
        provider=provider,
        channel=Channel.SMS,
    )


def in_minutes(count):
    return datetime.now(UTC) + timedelta(minutes=count)


@pytest.fixture
def deliveries(store):
    return store.deliveries


@pytest.fixture
def tracked(deliveries):
    deliveries.track(DELIVERY, RECORD, code_expires_at=in_minutes(10), plan=PLAN)
    return deliveries


def test_report_on_stored_delivery_has_its_record(tracked):
    change = tracked.record_status(report("delivered"))

    assert (change.is_new, change.before, change.record) == (True, None, RECORD)
    assert timedelta() <= change.elapsed < timedelta(minutes=1)


def test_repeated_report_is_not_new(tracked):
    tracked.record_status(report("undelivered"))

    change = tracked.record_status(report("undelivered"))

    assert (change.is_new, change.before) == (False, DeliveryStatus.UNDELIVERED)


def test_undelivered_and_failed_are_one_status(tracked):
    tracked.record_status(report("undelivered"))

    assert not tracked.record_status(report("failed")).is_new


def test_delivered_replaces_failed(tracked):
    tracked.record_status(report("failed"))

    change = tracked.record_status(report("delivered"))

    assert (change.is_new, change.before) == (True, DeliveryStatus.FAILED)


@given(st.lists(st.sampled_from(DeliveryStatus), max_size=12))
def test_ranks_agree_with_order_of_statuses(statuses):
    ranks = [
        next(rank for rank, names in enumerate(ORDER) if status in names)
        for status in statuses
    ]

    assert [status.rank for status in statuses] == ranks


@pytest.mark.parametrize("tracked_at", range(4))
def test_status_never_goes_back_in_any_order_of_reports(store, redis, tracked_at):
    @given(st.lists(st.sampled_from(DeliveryStatus), min_size=1, max_size=8))
    def check(statuses):
        redis.delete(keys.deliveries(TAG))
        current, has_plan, seen = None, False, []
        for number, status in enumerate(statuses):
            if number == tracked_at:
                before = store.deliveries.track(
                    DELIVERY, RECORD, code_expires_at=in_minutes(9), plan=PLAN
                )
                assert before == current
                has_plan = current is None or not current.has_arrived
            change = store.deliveries.record_status(report(status))
            is_new = current is None or status.rank > current.rank
            assert (change.is_new, change.before) == (is_new, current)
            after = status if is_new else change.before
            assert after
            has_plan = has_plan and not after.has_arrived
            assert change.has_fallback == has_plan
            assert (change.record == RECORD) == (number >= tracked_at)
            seen.append(after.rank)
            current = after
        assert all(earlier <= later for earlier, later in pairwise(seen))

    check()


def test_deliveries_of_a_verification_have_their_own_status(tracked):
    tracked.track(OTHER, RECORD, code_expires_at=in_minutes(10))
    tracked.record_status(report("failed"))

    assert tracked.record_status(report("sent", OTHER)).is_new


def test_report_without_delivery_id_is_known_by_message_id(deliveries):
    deliveries.record_status(report("delivered", None))

    repeated = deliveries.record_status(report("delivered", None))
    other = deliveries.record_status(report("delivered", None, "SM2"))

    assert (repeated.is_new, other.is_new) == (False, True)


def test_report_on_unknown_delivery_has_no_record(deliveries):
    change = deliveries.record_status(report("delivered"))

    assert (change.is_new, change.record, change.elapsed) == (True, None, None)


@pytest.mark.parametrize("status", ["failed", "read"])
def test_report_of_another_provider_changes_nothing(tracked, redis, status):
    before = redis.hgetall(keys.deliveries(TAG))

    change = tracked.record_status(report(status, provider="gateway"))

    assert (change.is_new, change.record, change.has_fallback) == (False, None, False)
    assert redis.hgetall(keys.deliveries(TAG)) == before


def test_early_report_of_another_provider_is_deleted_with_the_hand_over(deliveries):
    deliveries.record_status(report("read", provider="gateway"))

    status = deliveries.track(
        DELIVERY, RECORD, code_expires_at=in_minutes(10), plan=PLAN
    )

    assert status is None
    assert deliveries.read_plan(DELIVERY) == PLAN
    assert deliveries.record_status(report("sent")).is_new


def test_report_on_unknown_delivery_is_stored_for_ten_minutes(deliveries, redis):
    deliveries.record_status(report("delivered"))

    ttl = redis.pttl(keys.deliveries(TAG))
    assert 9 * 60_000 < ttl <= 10 * 60_000


def test_deliveries_expire_with_the_last_code(tracked, redis):
    tracked.track(OTHER, RECORD, code_expires_at=in_minutes(3))

    ttl = redis.pttl(keys.deliveries(TAG))
    assert 9 * 60_000 < ttl <= 10 * 60_000


def test_new_status_is_stored_for_a_day(tracked, redis):
    tracked.record_status(report("sent"))

    assert DAY_MS - 60_000 < redis.pttl(keys.deliveries(TAG)) <= DAY_MS


def test_delivery_of_expired_code_expires_at_once(deliveries, redis):
    deliveries.track(DELIVERY, RECORD, code_expires_at=in_minutes(-1))

    assert redis.pttl(keys.deliveries(TAG)) <= 1


def test_deliveries_of_a_verification_are_listed_oldest_first(tracked, redis):
    time_travel.age(redis, timedelta(seconds=5))
    second = replace(RECORD, message_id="SM2")
    tracked.track(OTHER, second, code_expires_at=in_minutes(10))
    tracked.record_status(report("sent"))

    first, last = tracked.list_deliveries(TAG)

    assert (first.delivery_id, first.record) == (DELIVERY, RECORD)
    assert (last.delivery_id, last.record) == (OTHER, second)
    assert (first.status, last.status) == (DeliveryStatus.SENT, None)
    assert last.sent_at - first.sent_at >= timedelta(seconds=5)


def test_report_without_delivery_is_not_listed(deliveries):
    deliveries.record_status(report("sent"))

    assert deliveries.list_deliveries(TAG) == []


def test_fallback_is_marked_once(tracked):
    marks = [tracked.mark_fallback(DELIVERY) for _ in range(3)]

    assert marks == [True, False, False]
    assert tracked.read_plan(DELIVERY) is None


def test_fallback_of_message_that_has_arrived_is_not_marked(tracked):
    tracked.record_status(report("read"))

    assert not tracked.mark_fallback(DELIVERY)


def test_repeated_track_restores_no_plan(tracked):
    tracked.mark_fallback(DELIVERY)

    tracked.track(DELIVERY, RECORD, code_expires_at=in_minutes(10), plan=PLAN)

    assert tracked.read_plan(DELIVERY) is None


def test_fallback_is_claimed_when_it_is_due(deliveries, redis):
    deliveries.schedule_fallback(DELIVERY, after=timedelta(seconds=20))
    early = claim(deliveries)

    time_travel.age(redis, timedelta(seconds=21))

    assert (early, claim(deliveries)) == ([], [DELIVERY])


def test_claimed_fallback_is_due_again_after_its_lease(deliveries, redis):
    deliveries.schedule_fallback(DELIVERY, after=timedelta())
    first, second = claim(deliveries), claim(deliveries)

    time_travel.age(redis, timedelta(seconds=31))

    assert (first, second, claim(deliveries)) == ([DELIVERY], [], [DELIVERY])


def test_report_during_the_lease_schedules_no_second_fallback(deliveries):
    deliveries.schedule_fallback(DELIVERY, after=timedelta())
    claim(deliveries)

    deliveries.schedule_fallback(DELIVERY, after=timedelta())

    assert claim(deliveries) == []


def test_report_makes_fallback_due_at_once(deliveries):
    deliveries.schedule_fallback(DELIVERY, after=timedelta(seconds=20))

    deliveries.schedule_fallback(DELIVERY, after=timedelta())

    assert claim(deliveries) == [DELIVERY]


def test_claims_are_limited_and_oldest_first(deliveries):
    for delivery_id in (DELIVERY, OTHER):
        deliveries.schedule_fallback(delivery_id, after=timedelta())

    assert claim(deliveries, 1) + claim(deliveries, 1) == [DELIVERY, OTHER]


@pytest.mark.parametrize("is_claimed", [False, True])
def test_ended_fallback_is_deleted(tracked, is_claimed, redis):
    tracked.schedule_fallback(DELIVERY, after=timedelta())
    if is_claimed:
        claim(tracked)

    tracked.end_fallback(DELIVERY)

    assert tracked.read_plan(DELIVERY) is None
    assert not redis.exists(keys.DUE_FALLBACKS)


def test_index_expires_after_a_day(deliveries, redis):
    deliveries.schedule_fallback(DELIVERY, after=timedelta(seconds=20))

    assert DAY_MS - 60_000 < redis.pttl(keys.DUE_FALLBACKS) <= DAY_MS


def test_deliveries_have_no_part_of_the_number_in_their_keys(redis, connection):
    RedisStore(connection).deliveries.record_status(report("sent"))

    assert redis.keys("*") == [f"otp:{{{TAG}}}:deliveries".encode()]


def claim(deliveries, count=10):
    return deliveries.claim_fallbacks(count, lease=timedelta(seconds=30))


class ReplyLosingClient:
    """A client that executes each command, and loses the reply."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        def execute(*args, **options):
            getattr(self._client, name)(*args, **options)
            raise RedisConnectionError

        return execute


def test_mark_with_a_lost_reply_allows_its_message_and_no_other(tracked, redis):
    losing: Any = ReplyLosingClient(redis)
    worker = RedisDeliveryStore(RedisClient(losing, retry_client=redis))

    marked = worker.mark_fallback(DELIVERY), tracked.mark_fallback(DELIVERY)

    assert marked == (True, False)


def test_later_delivery_ends_the_fallback_of_an_earlier_one(tracked):
    tracked.track(OTHER, RECORD, code_expires_at=in_minutes(10), plan=PLAN)

    plans = tracked.read_plan(DELIVERY), tracked.read_plan(OTHER)

    assert plans == (None, PLAN)


def test_repeated_storage_of_a_delivery_keeps_the_fallback_of_a_later_one(tracked):
    tracked.track(OTHER, RECORD, code_expires_at=in_minutes(10), plan=PLAN)

    tracked.track(DELIVERY, RECORD, code_expires_at=in_minutes(10), plan=PLAN)

    assert (tracked.read_plan(DELIVERY), tracked.read_plan(OTHER)) == (None, PLAN)


def test_silence_does_not_postpone_a_fallback_that_a_report_made_due(tracked):
    tracked.schedule_fallback(DELIVERY, after=timedelta())

    tracked.schedule_fallback(DELIVERY, after=timedelta(minutes=1))

    assert tracked.claim_fallbacks(1, lease=timedelta(seconds=1)) == [DELIVERY]
