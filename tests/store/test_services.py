"""The store of services, on both backends."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from otp_engine.domain.services import (
    Bucket,
    MessagingConfiguration,
    RateLimit,
    Service,
    Webhook,
)
from otp_engine.store import keys

NOW = datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)
SERVICE = Service(
    sid="VA1",
    namespace="VA1",
    brand="Büro",
    code_length=8,
    custom_code=True,
    do_not_share_warning=False,
    template="HJ1",
    passthrough={"totp.skew": 2, "tts_name": None},
    rate_limits=(
        RateLimit(
            sid="RK1",
            name="ip",
            description=None,
            created_at=NOW,
            updated_at=NOW,
            buckets=(
                Bucket(
                    sid="BL1",
                    max=3,
                    interval=timedelta(seconds=60),
                    created_at=NOW,
                    updated_at=NOW,
                ),
            ),
        ),
    ),
    messaging=(
        MessagingConfiguration(
            country="IN", messaging_service="MG1", created_at=NOW, updated_at=NOW
        ),
    ),
    webhooks=(
        Webhook(
            sid="YW1",
            name="Logins",
            url="https://example.com/hook?token=t",
            event_types=("factor.created", "challenge.approved"),
            enabled=False,
            version="v1",
            created_at=NOW,
            updated_at=NOW,
        ),
    ),
    created_at=NOW,
    updated_at=NOW,
)


def test_stored_service_is_returned_unchanged(store):
    store.services.compare_and_set(None, SERVICE)

    assert store.services.get("VA1") == SERVICE
    assert store.services.get("VA2") is None


def test_services_are_listed_newest_first(store):
    later = replace(SERVICE, sid="VA2", created_at=NOW + timedelta(seconds=1))
    store.services.compare_and_set(None, SERVICE)
    store.services.compare_and_set(None, later)

    assert store.services.list_services() == [later, SERVICE]


def test_second_change_of_the_same_version_is_rejected(store):
    store.services.compare_and_set(None, SERVICE)
    stored = store.services.get("VA1")
    mine, yours = replace(stored, brand="Mine"), replace(stored, brand="Yours")

    assert store.services.compare_and_set(stored, mine)
    assert not store.services.compare_and_set(stored, yours)

    assert store.services.get("VA1") == mine


def test_repeated_change_is_stored_once(store):
    store.services.compare_and_set(None, SERVICE)
    stored = store.services.get("VA1")
    mine = replace(stored, brand="Mine")

    assert store.services.compare_and_set(stored, mine)
    assert store.services.compare_and_set(stored, mine)
    assert store.services.get("VA1").version == 2


def test_service_of_another_release_can_be_read_changed_and_deleted(store, redis):
    store.services.compare_and_set(None, SERVICE)
    document = json.loads(redis.hget(keys.SERVICES, "VA1"))
    del document["template"]
    redis.hset(keys.SERVICES, "VA1", json.dumps(document | {"colour": "blue"}))
    stored = store.services.get("VA1")

    assert stored == replace(SERVICE, template=None)
    assert store.services.compare_and_set(stored, replace(stored, brand="New"))
    assert store.services.compare_and_set(store.services.get("VA1"), None)


def test_deleted_service_leaves_no_key(store, redis):
    store.services.compare_and_set(None, SERVICE)

    assert store.services.compare_and_set(store.services.get("VA1"), None)

    assert redis.dbsize() == 0


def test_services_have_no_expiry(store, redis):
    store.services.compare_and_set(None, SERVICE)

    assert redis.pttl(keys.SERVICES) == -1
