from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.events import (
    Action,
    PlaceSuspended,
    RequestRefused,
    VerificationApproved,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.policy.policy import PARSERS, Policy
from otp_engine.domain.pumping_guard.places import Level
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.operations import guard_summary
from otp_engine.store.redis_store import RedisStore
from tests.support.redis_server import wait_until

NOW = datetime.now(UTC)
SENEGAL = PseudonymousRecipient(phone_hash="one", prefix="+221779", country="SN")
REFUSED = RequestRefused(
    recipient=SENEGAL, action=Action.SEND, limit="pumping_guard", shadow=True
)
SUSPENDED = PlaceSuspended(
    level=Level.BLOCK,
    prefix="+22177999",
    country="SN",
    unproven=10.0,
    until=NOW + timedelta(hours=12),
    trips=1,
    shadow=True,
)


def wait_for_a_millisecond(redis):
    def now():
        seconds, microseconds = redis.time()
        return seconds * 1000 + microseconds // 1000

    start = now()
    wait_until(lambda: now() > start)


@pytest.fixture
def report(real_redis):
    """Return a function that stores events, and returns the report about a mode."""
    store = RedisStore(real_redis)

    def of(mode, *events, suspend=()):
        for event in events:
            store.events.add(event)
            store.events.flush()
            # Two streams keep the order of milliseconds only.
            wait_for_a_millisecond(real_redis)
        for prefix in suspend:
            store.guard.suspend(prefix, NOW + timedelta(hours=3))
        policy = Policy(guard=PARSERS["guard"](mode))
        return guard_summary.report(store, policy, datetime.now(UTC))

    return of


def recipient(phone_hash, country="SN"):
    return replace(SENEGAL, phone_hash=phone_hash, country=country)


def test_guard_that_is_off_has_no_report(report):
    assert report("off", REFUSED) == []


def test_guard_that_refuses_reports_its_suspensions_only(report):
    assert report("on", REFUSED) == ["the pumping guard suspends no place"]


def test_suspended_places_are_listed_with_their_end(report):
    [sentence] = report("on", suspend=["+22177999", "SN"])

    until = f"{NOW + timedelta(hours=3):%Y-%m-%d %H:%MZ}"
    assert sentence.startswith("the pumping guard suspends ")
    assert f"block +22177999 until {until}" in sentence
    assert f"country SN until {until}" in sentence


def test_suspension_that_refuses_nothing_is_marked(report):
    sentence, _ = report("shadow", suspend=["+22177999"])

    assert sentence.endswith("(shadow)")


def test_long_list_of_suspensions_is_cut(report):
    [sentence] = report("on", suspend=[f"+221779{n:02}" for n in range(12)])

    assert sentence.count("block") == 10
    assert sentence.endswith(" and 2 more")


def test_shadow_mode_without_a_refusal_is_reported(report):
    other = replace(REFUSED, limit="sends_total")
    enforced = replace(REFUSED, shadow=False)

    _, sentence = report("shadow", other, enforced)

    assert sentence == (
        "the pumping guard in shadow mode would have refused no send in 7d"
    )


def test_shadow_mode_reports_sends_countries_and_approved_phones(report):
    approved = VerificationApproved(
        recipient=SENEGAL, verification_id=bytes(16), channel=Channel.SMS
    )

    _, sentence = report(
        "shadow",
        replace(approved, recipient=recipient("early")),
        SUSPENDED,
        REFUSED,
        REFUSED,
        replace(REFUSED, recipient=recipient("early")),
        replace(REFUSED, recipient=recipient("two", "ID")),
        approved,
        replace(approved, recipient=recipient("other")),
    )

    assert sentence == (
        "the pumping guard in shadow mode would have refused 4 sends in 7d (SN 3, ID 1)"
        " to 3 phones, of which 1 were approved afterwards, and have suspended 1 places"
    )
