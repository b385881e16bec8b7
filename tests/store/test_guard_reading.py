"""The pumping guard as `inspect` and `top` read it, on both stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.store import keys

PHONE = PhoneKey("digest")


def test_places_are_read_by_name_with_empty_ones(store):
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    store.guard.suspend("+22177999", until)

    block, country = store.guard.read_places(["+22177999", "SN"])

    assert (block.prefix, block.suspension.until) == ("+22177999", until)
    assert (country.prefix, country.suspension, country.place.unproven) == (
        *("SN", None),
        0,
    )


def test_no_place_is_read_without_a_name(store):
    assert store.guard.read_places([]) == []


def test_proven_phone_has_messages_and_an_end(store, redis):
    redis.set(keys.for_phone(PHONE).proven, 3, ex=timedelta(days=90))

    proven = store.limit_usage.proven(PHONE)

    assert proven.messages == 3
    assert timedelta(days=89) < proven.expires_in <= timedelta(days=90)


def test_phone_without_an_approval_is_not_proven(store):
    assert store.limit_usage.proven(PHONE) is None
