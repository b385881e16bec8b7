"""The end of the event streams, on both backends."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from otp_engine.domain.events import (
    Action,
    BudgetReached,
    ChallengeApproved,
    CheckFailed,
    CheckNotFound,
    CodeSent,
    Event,
    FactorApproved,
    FactorCheckFailed,
    FactorCheckRefused,
    FactorCheckUnavailable,
    FactorCreated,
    FactorDeleted,
    FactorVerified,
    LimitNear,
    MaxAttemptsReached,
    MessageDelivered,
    MessageRead,
    MessageUndelivered,
    OperatorSignedIn,
    PhoneDataDeleted,
    PhoneInspected,
    PlaceSuspended,
    PolicyChanged,
    ProviderWeightChanged,
    RequestRefused,
    RequestUnavailable,
    SendRejected,
    VerificationApproved,
    VerificationCanceled,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.pumping_guard.places import Level
from otp_engine.domain.pumping_guard.rules import Pressure
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.store import keys
from otp_engine.store.events import codec
from otp_engine.store.events.event_filter import EventFilter

RECIPIENT = PseudonymousRecipient(phone_hash="digest", prefix="+919445", country="IN")
ID = b"\x00\xff" * 8
REFUSED = RequestRefused(recipient=RECIPIENT, action=Action.SEND, limit="sends_per_ip")
FACTOR: dict[str, Any] = {
    "identity_hash": "digest",
    "service": "VA1",
    "factor_sid": "YF1",
}
EVENTS: list[Event] = [
    CodeSent(
        recipient=RECIPIENT,
        verification_id=ID,
        send_id=ID[:8],
        service="VA1",
        channel=Channel.SMS,
        code_length=6,
        locale="pt-BR",
        confirmed=False,
        provider="twilio",
    ),
    MessageDelivered(recipient=RECIPIENT, channel=Channel.SMS),
    MessageRead(recipient=RECIPIENT, channel=Channel.SMS, provider="twilio"),
    MessageUndelivered(
        recipient=RECIPIENT,
        channel=Channel.SMS,
        provider_error="not_on_channel",
        verification_id=b"v" * 16,
        delivery_id="ab" * 20,
    ),
    MessageUndelivered(recipient=RECIPIENT, channel=Channel.SMS, provider_error=30003),
    SendRejected(
        recipient=RECIPIENT,
        channel=Channel.SMS,
        error="delivery_failed",
        provider_error=21610,
    ),
    SendRejected(
        recipient=RECIPIENT,
        channel=Channel.SMS,
        error="delivery_failed",
        provider_error=None,
    ),
    CheckFailed(recipient=RECIPIENT, verification_id=ID, attempts_remaining=3),
    MaxAttemptsReached(recipient=RECIPIENT, verification_id=ID),
    VerificationCanceled(recipient=RECIPIENT, verification_id=ID),
    CheckNotFound(recipient=RECIPIENT),
    REFUSED,
    RequestRefused(
        recipient=replace(RECIPIENT, ip_hash="digest"),
        action=Action.CHECK,
        limit="any",
        shadow=True,
    ),
    VerificationApproved(recipient=RECIPIENT, verification_id=ID, channel=Channel.SMS),
    RequestUnavailable(recipient=RECIPIENT, action=Action.SEND, reason="provider"),
    PolicyChanged(version=3, author="alice@ops", change="ttl = 5m", reason=None),
    LimitNear(
        limit="sends_per_country", identifier="FR", used=8, count=10, period="10m"
    ),
    BudgetReached(level=80, spent=4, amount=5, currency="USD", country="KE"),
    PlaceSuspended(
        level=Level.BLOCK,
        prefix="+25477123",
        country="KE",
        unproven=10.5,
        until=datetime(2026, 11, 28, tzinfo=UTC),
        trips=2,
    ),
    Pressure(level=Level.NETWORK, prefix="+254771", country="KE", unproven=10.5),
    FactorCreated(**FACTOR),
    FactorVerified(**FACTOR, client_name="shop"),
    FactorDeleted(**FACTOR),
    FactorCheckFailed(**FACTOR, attempts_remaining=4),
    FactorApproved(**FACTOR, method="recovery_code"),
    ChallengeApproved(**FACTOR, challenge_sid="YC1"),
    FactorCheckRefused(identity_hash="digest", service="VA1", limit="any", shadow=True),
    FactorCheckUnavailable(identity_hash="digest", service="VA1", reason="overloaded"),
    OperatorSignedIn(operator="alice", method="key"),
    PhoneDataDeleted(recipient=RECIPIENT, operator="alice", source="command"),
    PhoneInspected(recipient=RECIPIENT, operator="alice", source="console"),
    ProviderWeightChanged(
        provider="twilio",
        channel=Channel.CALL,
        weight=30,
        previous=100,
        reason="slow",
        messages=40,
        slow_share=0.5,
        errors=2,
    ),
]
SOON = timedelta(minutes=1)


@pytest.fixture
def tail(store):
    return store.events.tail(datetime.now(UTC) - SOON)


def add_all(store, *events):
    for event in events:
        store.events.add(event)
    store.events.flush()


def read(tail):
    return [happened.event for happened in tail.read_next()]


@pytest.mark.parametrize("event", EVENTS)
def test_stored_event_is_returned_unchanged(store, tail, event):
    add_all(store, event)

    assert read(tail) == [event]


def test_events_of_this_module_cover_every_type():
    assert {type(event) for event in EVENTS} == set(codec.EVENT_KINDS.values())


def test_events_are_read_oldest_first(store, tail):
    for event in EVENTS:
        add_all(store, event)

    happened = tail.read_next()

    assert [each.occurred_at for each in happened] == sorted(
        each.occurred_at for each in happened
    )
    assert len(happened) == len(EVENTS)


def test_next_read_returns_new_events_only(store, tail):
    add_all(store, EVENTS[0])
    assert read(tail) == [EVENTS[0]]

    add_all(store, EVENTS[1], REFUSED)

    assert set(read(tail)) == {EVENTS[1], REFUSED}
    assert read(tail) == []


def test_events_before_the_start_are_not_read(store, tail):
    add_all(store, *EVENTS)

    assert read(store.events.tail(datetime.now(UTC) + SOON)) == []


def test_events_of_several_pages_are_read_in_order(redis, store, tail):
    # A page of rejections ends before the only approval, which must wait.
    fields, later = codec.encode(REFUSED), codec.encode(EVENTS[-2])
    start = int(datetime.now(UTC).timestamp() * 1000)
    for n in range(1_500):
        redis.xadd(keys.UNAUTHENTICATED_EVENTS, fields, id=f"{start + n}-1")
    redis.xadd(keys.EVENTS, later, id=f"{start + 1_200}-1")

    pages = [read(tail) for _ in range(4)]

    assert [len(page) for page in pages] == [1_000, 202, 299, 0]
    assert pages[1].index(EVENTS[-2]) in {200, 201}


def test_entries_of_a_newer_release_are_skipped(redis, store, tail):
    redis.xadd(keys.EVENTS, {"kind": "newer", "event": "{}"})
    redis.xadd(keys.EVENTS, {"kind": "sent", "event": '{"phone": {}}'})
    redis.xadd(keys.EVENTS, {"kind": "sent", "event": "[1]"})
    add_all(store, EVENTS[0])

    assert read(tail) == [EVENTS[0]]


def test_missing_field_of_an_older_release_has_its_default(redis, store, tail):
    entry = codec.encode(EVENTS[0])
    written = json.loads(entry["event"])
    del written["confirmed"]
    redis.xadd(keys.EVENTS, entry | {"event": json.dumps(written | {"newer": 1})})

    [event] = read(tail)

    assert isinstance(event, CodeSent)
    assert event.confirmed


def test_entry_has_neither_spaces_nor_defaults():
    assert codec.encode(REFUSED) == {
        "kind": "refused",
        "event": '{"recipient":{"phone_hash":"digest","prefix":"+919445",'
        '"country":"IN"},"action":"send","limit":"sends_per_ip"}',
    }


def test_page_of_unknown_entries_is_not_the_end(redis, store, tail):
    for _ in range(1_200):
        redis.xadd(keys.EVENTS, {"kind": "newer"})
    add_all(store, EVENTS[0])

    assert read(tail) == [EVENTS[0]]


def test_event_of_an_unavailable_store_is_not_stored(store, redis):
    add_all(
        store,
        RequestUnavailable(recipient=RECIPIENT, action=Action.SEND, reason="store"),
    )

    assert redis.dbsize() == 0


def test_events_of_unauthenticated_clients_have_their_own_stream(redis, store):
    add_all(store, *EVENTS)

    refused = [
        fields[b"kind"] for _, fields in redis.xrange(keys.UNAUTHENTICATED_EVENTS)
    ]
    others = {fields[b"kind"] for _, fields in redis.xrange(keys.EVENTS)}

    assert refused == [b"not_found", b"refused", b"refused", b"unavailable"]
    assert not others & set(refused)


def test_every_stream_expires_in_a_month(store, redis):
    add_all(store, *EVENTS)

    month = timedelta(days=31) / timedelta(milliseconds=1)
    assert {keys.EVENTS, keys.UNAUTHENTICATED_EVENTS} == {
        key.decode() for key in redis.keys("*")
    }
    assert all(0 < redis.pttl(key) <= month for key in redis.keys("*"))


SENEGAL = replace(RECIPIENT, phone_hash="other", country="SN")


def read_filtered(store, **conditions):
    tail = store.events.tail(
        datetime.now(UTC) - SOON, event_filter=EventFilter(**conditions)
    )
    return read(tail)


def test_filter_of_kinds_selects_events(store):
    add_all(store, *EVENTS)

    selected = read_filtered(store, kinds={"refused", "policy"})

    assert {type(event) for event in selected} == {RequestRefused, PolicyChanged}


def test_filter_of_countries_selects_recipients(store):
    add_all(store, *EVENTS, replace(REFUSED, recipient=SENEGAL))

    assert read_filtered(store, countries={"SN", "US"}) == [
        replace(REFUSED, recipient=SENEGAL)
    ]


def test_filter_of_countries_selects_limits_of_countries(store):
    add_all(store, *EVENTS)

    [event] = read_filtered(store, countries={"FR"})

    assert event.identifier == "FR"


def test_filter_of_phones_matches_the_start_of_the_hash_only(store):
    mine = replace(REFUSED, recipient=replace(RECIPIENT, phone_hash="abcdefgh"))
    # The hash of the address contains the same characters.
    other = replace(REFUSED, recipient=replace(RECIPIENT, ip_hash="abcdefgh"))
    later = replace(REFUSED, recipient=replace(RECIPIENT, phone_hash="xabcdefg"))
    add_all(store, *EVENTS, mine, other, later)

    assert read_filtered(store, phone_hashes=["abcd"]) == [mine]


def test_filtered_events_after_many_others_are_read(redis, store):
    fields = codec.encode(EVENTS[0])
    for _ in range(1_200):
        redis.xadd(keys.EVENTS, fields)
    add_all(store, REFUSED, EVENTS[1])

    assert read_filtered(store, kinds={"delivered"}) == [EVENTS[1]]


def test_events_after_the_end_are_not_read(redis, store):
    now = int(datetime.now(UTC).timestamp() * 1000)
    for offset in (-2_000, -1_000, 0):
        redis.xadd(keys.EVENTS, codec.encode(EVENTS[0]), id=f"{now + offset}-3")
    end = datetime.fromtimestamp(now / 1000, UTC) - timedelta(seconds=1)

    tail = store.events.tail(datetime.now(UTC) - SOON, end=end)

    assert len(read(tail)) == 2
    assert read(tail) == []


def test_filter_of_prefixes_matches_the_start_of_the_prefix_only(store):
    mine = replace(REFUSED, recipient=replace(RECIPIENT, prefix="+221771"))
    other = replace(REFUSED, recipient=replace(RECIPIENT, prefix="+1221"))
    # The text of the event contains the same characters.
    text = replace(REFUSED, recipient=replace(RECIPIENT, phone_hash="+221771"))
    add_all(store, *EVENTS, mine, other, text)

    assert read_filtered(store, prefixes=["+22177", "+99"]) == [mine]


def test_filter_of_limits_matches_whole_names(store):
    mine = replace(REFUSED, limit="sends_per_phone")
    add_all(store, *EVENTS, mine, replace(REFUSED, limit="sends_per_phone_2"))

    assert read_filtered(store, limits=["sends_per_phone"]) == [mine]


def add_in_one_write(store, events):
    started, released = threading.Event(), threading.Event()

    def hold():
        started.set()
        released.wait(timeout=60)

    store.events.add_job("waits", hold)
    assert started.wait(timeout=60)
    for event in events:
        store.events.add(event)
    released.set()
    assert store.events.flush(timeout=60)


@pytest.mark.parametrize("later", [None, keys.EVENTS, keys.UNAUTHENTICATED_EVENTS])
def test_events_of_one_write_are_in_their_order(store, redis, later):
    start = datetime.now(UTC) - timedelta(minutes=1)
    if later:
        # As after a clock that was ahead.
        soon = int((datetime.now(UTC) + timedelta(seconds=30)).timestamp() * 1000)
        redis.xadd(later, codec.encode(EVENTS[1]), id=f"{soon}-9")
    both = [REFUSED, EVENTS[0], EVENTS[1], REFUSED, REFUSED, EVENTS[0]]

    add_in_one_write(store, both)

    happened = store.events.tail(start).read_next()
    found = [each.event for each in happened if each.event in (REFUSED, EVENTS[0])]
    assert found == [each for each in both if each != EVENTS[1]]
