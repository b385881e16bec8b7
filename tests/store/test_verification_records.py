"""The store of verification records, on both backends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from otp_engine.domain.models import Channel
from otp_engine.domain.verification_records import VerificationRecord
from otp_engine.store import keys

ID, TTL = b"i" * 16, timedelta(minutes=10)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
RECORD = VerificationRecord(
    id=ID, service="VA1", encrypted_address=b"\x00\xff", channel=Channel.SMS
)


def test_record_contains_every_send(store):
    first = store.records.add_send(RECORD, send_id=b"1" * 8, ttl=TTL)
    second = store.records.add_send(RECORD, send_id=b"2" * 8, ttl=TTL)

    assert [attempt.send_id for attempt in first.sends] == [b"1" * 8]
    assert [attempt.send_id for attempt in second.sends] == [b"1" * 8, b"2" * 8]
    assert first.created_at == second.created_at <= second.updated_at
    assert store.records.get(ID) == second


def test_repeated_send_is_recorded_once(store):
    records = [
        store.records.add_send(RECORD, send_id=b"1" * 8, ttl=TTL) for _ in range(2)
    ]

    assert records[0] == records[1]


def test_record_lives_as_long_as_the_last_code(store, redis):
    store.records.add_send(RECORD, send_id=b"1" * 8, ttl=timedelta(seconds=20))
    store.records.add_send(RECORD, send_id=b"2" * 8, ttl=timedelta(seconds=60))
    store.records.add_send(RECORD, send_id=b"3" * 8, ttl=timedelta(seconds=20))

    [key] = redis.keys("*")
    assert 55_000 < redis.pttl(key) <= 60_000


def test_canceled_verification_without_a_send_has_no_record(store):
    store.records.mark_canceled(ID, at=LATER, ttl=TTL)

    assert store.records.get(ID) is None


def test_canceled_verification_is_marked_and_expires(store, redis):
    store.records.add_send(RECORD, send_id=b"1" * 8, ttl=TTL)

    store.records.mark_canceled(ID, at=LATER, ttl=TTL)

    record = store.records.get(ID)
    assert record
    assert record.canceled_at == record.updated_at == LATER
    assert record.created_at < LATER
    assert redis.pttl(redis.keys("*")[0]) > 0


def test_mark_of_an_earlier_release_has_the_time_of_the_last_send(store, redis):
    sent = store.records.add_send(RECORD, send_id=b"1" * 8, ttl=TTL)
    redis.hset(redis.keys("*")[0], "is_canceled", 1)

    record = store.records.get(ID)

    assert record
    assert record.canceled_at
    assert record.updated_at == sent.updated_at


def test_deleted_record_leaves_no_key(store, redis):
    store.records.add_send(RECORD, send_id=b"1" * 8, ttl=TTL)

    store.records.delete(ID)

    assert redis.dbsize() == 0


def test_record_has_the_channel_of_each_send_and_of_the_last(store):
    first = replace(RECORD, channel=Channel.WHATSAPP)
    store.records.add_send(first, send_id=b"1" * 8, ttl=TTL)

    record = store.records.add_send(
        replace(RECORD, channel=Channel.CALL), send_id=b"2" * 8, ttl=TTL
    )

    assert record.channel is Channel.CALL
    channels = {send.send_id: send.channel for send in record.sends}
    assert channels == {b"1" * 8: Channel.WHATSAPP, b"2" * 8: Channel.CALL}
    assert store.records.get(ID) == record


def test_earlier_release_reads_a_record_of_another_channel_as_sms(store, redis):
    other = replace(RECORD, channel=Channel.WHATSAPP)
    store.records.add_send(other, send_id=b"1" * 8, ttl=TTL)

    fields = redis.hgetall(keys.record(ID))

    assert fields[b"channel"] == b"sms"
    sends = {name: value for name, value in fields.items() if len(name) == 8}
    assert [value.split()[1] for value in sends.values()] == [b"sms"]


def test_record_of_an_earlier_release_was_sent_by_sms(store, redis):
    store.records.add_send(RECORD, send_id=b"1" * 8, ttl=TTL)
    redis.hdel(keys.record(ID), "last_channel")

    record = store.records.get(ID)

    assert record.channel is Channel.SMS
    assert [send.channel for send in record.sends] == [Channel.SMS]
