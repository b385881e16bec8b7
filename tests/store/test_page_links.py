"""Page links that were opened, on both backends."""

from __future__ import annotations

from datetime import timedelta

from otp_engine.store import keys

ID = "0f" * 16
TTL = timedelta(minutes=10)


def test_link_opens_once(store):
    opened = [
        store.page_links.open(ID, idempotency_key=key, ttl=TTL)
        for key in (b"request1", b"request2")
    ]

    assert opened == [True, False]


def test_repeated_request_opens_its_link_again(store):
    opened = [
        store.page_links.open(ID, idempotency_key=b"request1", ttl=TTL)
        for _ in range(2)
    ]

    assert opened == [True, True]


def test_other_link_opens(store):
    store.page_links.open(ID, idempotency_key=b"request1", ttl=TTL)

    assert store.page_links.open("1e" * 16, idempotency_key=b"request2", ttl=TTL)


def test_opened_link_is_stored_until_it_expires(store, redis):
    store.page_links.open(ID, idempotency_key=b"request1", ttl=timedelta(seconds=90))

    assert 80_000 < redis.pttl(keys.page_link(ID)) <= 90_000
