"""What is remembered for callers of `/v2`, on both stores."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.record import Record
from otp_engine.domain.service import (
    Bucket,
    MessagingConfiguration,
    RateLimit,
    Service,
)
from otp_engine.domain.verification import Channel
from otp_engine.store import keys

ID, LIFE = b"i" * 16, timedelta(minutes=10)
NOW = datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)
RECORD = Record(id=ID, service="VA1", encrypted_number=b"\x00\xff", channel=Channel.SMS)
SERVICE = Service(
    sid="VA1",
    space="VA1",
    brand="Büro",
    code_length=8,
    custom_code=True,
    warned=False,
    template="HJ1",
    kept={"totp.skew": 2, "tts_name": None},
    rate_limits=(
        RateLimit(
            sid="RK1",
            name="ip",
            description=None,
            created=NOW,
            updated=NOW,
            buckets=(
                Bucket(
                    sid="BL1",
                    most=3,
                    interval=timedelta(seconds=60),
                    created=NOW,
                    updated=NOW,
                ),
            ),
        ),
    ),
    messaging=(
        MessagingConfiguration(
            country="IN", messaging_service="MG1", created=NOW, updated=NOW
        ),
    ),
    created=NOW,
    updated=NOW,
)


def test_a_record_gathers_the_sends_of_a_verification(store):
    first = store.records.note(RECORD, token=b"1" * 8, life=LIFE)
    second = store.records.note(RECORD, token=b"2" * 8, life=LIFE)

    assert [attempt.token for attempt in first.attempts] == [b"1" * 8]
    assert [attempt.token for attempt in second.attempts] == [b"1" * 8, b"2" * 8]
    assert first.began == second.began <= second.updated
    assert store.records.find(ID) == second


def test_a_send_that_is_noted_twice_is_one(store):
    noted = [store.records.note(RECORD, token=b"1" * 8, life=LIFE) for _ in range(2)]

    assert noted[0] == noted[1]


def test_a_record_lives_as_long_as_the_last_code(store, client):
    store.records.note(RECORD, token=b"1" * 8, life=timedelta(seconds=20))
    store.records.note(RECORD, token=b"2" * 8, life=timedelta(seconds=60))
    store.records.note(RECORD, token=b"3" * 8, life=timedelta(seconds=20))

    [key] = client.keys("*")
    assert 55_000 < client.pttl(key) <= 60_000


def test_of_what_was_never_noted_nothing_is_known(store):
    store.records.cancelled(ID, life=LIFE)

    assert store.records.find(ID) is None


def test_a_cancelled_verification_is_remembered_as_such_for_a_while(store, client):
    store.records.note(RECORD, token=b"1" * 8, life=LIFE)

    store.records.cancelled(ID, life=LIFE)

    found = store.records.find(ID)
    assert found
    assert found.cancelled
    assert client.pttl(client.keys("*")[0]) > 0


def test_of_an_approved_verification_nothing_is_kept(store, client):
    store.records.note(RECORD, token=b"1" * 8, life=LIFE)

    store.records.forget(ID)

    assert client.dbsize() == 0


def test_a_service_comes_back_as_it_was_kept(store):
    store.services.swap(None, SERVICE)

    assert store.services.find("VA1") == SERVICE
    assert store.services.find("VA2") is None


def test_services_are_listed_from_the_newest(store):
    later = replace(SERVICE, sid="VA2", created=NOW + timedelta(seconds=1))
    store.services.swap(None, SERVICE)
    store.services.swap(None, later)

    assert store.services.all() == [later, SERVICE]


def test_of_two_who_change_a_service_at_once_the_second_finds_out(store):
    store.services.swap(None, SERVICE)
    found = store.services.find("VA1")
    mine, yours = replace(found, brand="Mine"), replace(found, brand="Yours")

    assert store.services.swap(found, mine)
    assert not store.services.swap(found, yours)

    assert store.services.find("VA1") == mine


def test_a_change_that_is_asked_for_twice_is_done_once(store):
    store.services.swap(None, SERVICE)
    found = store.services.find("VA1")
    mine = replace(found, brand="Mine")

    assert store.services.swap(found, mine)
    assert store.services.swap(found, mine)
    assert store.services.find("VA1").version == 2


def test_what_another_release_has_written_can_be_read_changed_and_deleted(
    store, client
):
    store.services.swap(None, SERVICE)
    written = json.loads(client.hget(keys.SERVICES, "VA1"))
    del written["template"]
    client.hset(keys.SERVICES, "VA1", json.dumps(written | {"colour": "blue"}))
    found = store.services.find("VA1")

    assert found == replace(SERVICE, template=None)
    assert store.services.swap(found, replace(found, brand="New"))
    assert store.services.swap(store.services.find("VA1"), None)


def test_a_deleted_service_is_gone(store, client):
    store.services.swap(None, SERVICE)

    assert store.services.swap(store.services.find("VA1"), None)

    assert client.dbsize() == 0


def test_services_and_safe_phones_have_no_expiry(store, client):
    store.services.swap(None, SERVICE)
    store.safe_list.add("a-digest")

    assert {client.pttl(key) for key in client.keys("*")} == {-1}


@pytest.mark.parametrize("times", [1, 2])
def test_a_safe_phone_is_added_once(store, times):
    added = [store.safe_list.add("a-digest") for _ in range(times)]

    assert added == [True, False][:times]
    assert store.safe_list.has("a-digest")
