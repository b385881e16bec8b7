"""What operators read about one phone, on both backends."""

from __future__ import annotations

from typing import Any

import pytest

from otp_engine import config
from otp_engine.domain.events import (
    CheckNotFound,
    PhoneDataDeleted,
    PhoneInspected,
)
from otp_engine.domain.phones import phone_keys
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.errors import InvalidRequest
from otp_engine.operations import phones
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.phones import Source
from otp_engine.store import keys
from tests.support.settings import PRODUCTION

SETTINGS = config.load(PRODUCTION)
ADDRESS = phones.parse_address("+919445012345", SETTINGS)
ALICE: Any = {"operator": "alice", "source": Source.COMMAND}


@pytest.fixture
def context(store):
    return OperatorContext.build(SETTINGS, store)


def test_unknown_phone_has_a_masked_number_and_no_state(context):
    phone = phones.inspect(context, ADDRESS, **ALICE)

    assert phone.masked == "+91********45"
    assert "9445012345" not in repr(phone)
    assert (phone.report.pending, phone.events, phone.exclusion) == ([], [], None)


def test_phone_has_its_own_events_of_the_day(context, store):
    [pepper, *_] = SETTINGS.peppers
    own = PseudonymousRecipient.from_address(ADDRESS, pepper)
    other = PseudonymousRecipient(phone_hash="other", prefix="+919445", country="IN")
    for recipient in (own, other):
        store.events.add(CheckNotFound(recipient=recipient))
    store.events.flush()

    [recorded] = phones.inspect(context, ADDRESS, **ALICE).events

    assert recorded.event == CheckNotFound(recipient=own)


def test_live_version_of_another_release_is_a_problem_of_the_report(context):
    number, at = context.versions.following(context.versions.now())
    context.versions.add(
        PolicyVersion(
            version=number, created_at=at, author="alice", values={"ttl": "soon"}
        )
    )

    phone = phones.inspect(context, ADDRESS, **ALICE)

    assert phone.policy == SETTINGS.policy
    assert "the live version is invalid" in str(phone.policy_problem)


def test_text_that_is_no_address_is_rejected_without_the_text():
    with pytest.raises(InvalidRequest) as raised:
        phones.parse_address("not-a-number-77", SETTINGS)

    assert "77" not in raised.value.message


def test_phone_without_data_is_not_deleted(context):
    assert not phones.delete(context, ADDRESS, **ALICE)


def test_inspection_is_an_event_with_the_operator(context, store):
    phones.inspect(context, ADDRESS, operator="alice", source=Source.CONSOLE)

    [recorded] = store.events.since(None)
    recipient = PseudonymousRecipient.from_address(ADDRESS, SETTINGS.peppers[0])
    assert recorded.event == PhoneInspected(
        recipient=recipient, operator="alice", source="console"
    )


def test_deletion_is_an_event_with_the_operator(context, store, redis):
    digest = phone_keys.pseudonymize(ADDRESS, SETTINGS.peppers[0])
    redis.zadd(keys.for_phone(PhoneKey(digest)).sends, {"message": 1})

    assert phones.delete(context, ADDRESS, **ALICE)

    [recorded] = store.events.since(None)
    assert isinstance(recorded.event, PhoneDataDeleted)
    assert (recorded.event.operator, recorded.event.source) == ("alice", "command")


def test_deletion_without_data_is_a_look_of_the_operator(context, store):
    phones.delete(context, ADDRESS, operator="alice", source=Source.CONSOLE)

    [recorded] = store.events.since(None)
    recipient = PseudonymousRecipient.from_address(ADDRESS, SETTINGS.peppers[0])
    assert recorded.event == PhoneInspected(
        recipient=recipient, operator="alice", source="console"
    )
