"""What operators read about one phone, on both backends."""

from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.domain.events import CheckNotFound
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.errors import InvalidRequest
from otp_engine.operations import phones
from otp_engine.operations.context import OperatorContext
from tests.support.settings import PRODUCTION

SETTINGS = config.load(PRODUCTION)
ADDRESS = phones.parse_address("+919445012345", SETTINGS)


@pytest.fixture
def context(store):
    return OperatorContext.build(SETTINGS, store)


def test_unknown_phone_has_a_masked_number_and_no_state(context):
    phone = phones.inspect(context, ADDRESS)

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

    [recorded] = phones.inspect(context, ADDRESS).events

    assert recorded.event == CheckNotFound(recipient=own)


def test_live_version_of_another_release_is_a_problem_of_the_report(context):
    number, at = context.versions.following(context.versions.now())
    context.versions.add(
        PolicyVersion(
            version=number, created_at=at, author="alice", values={"ttl": "soon"}
        )
    )

    phone = phones.inspect(context, ADDRESS)

    assert phone.policy == SETTINGS.policy
    assert "the live version is invalid" in str(phone.policy_problem)


def test_text_that_is_no_address_is_rejected_without_the_text():
    with pytest.raises(InvalidRequest) as raised:
        phones.parse_address("not-a-number-77", SETTINGS)

    assert "77" not in raised.value.message


def test_phone_without_data_is_not_deleted(context):
    assert not phones.delete(context, ADDRESS)
