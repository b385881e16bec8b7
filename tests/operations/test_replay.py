"""Replays for operators, on both backends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from otp_engine import config
from otp_engine.domain.events import CodeSent
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.errors import ReplayNotPossible
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.replay import replay
from tests.support.settings import PRODUCTION

SENT = CodeSent(
    recipient=PseudonymousRecipient(phone_hash="x", prefix="+221771", country="SN"),
    verification_id=bytes(16),
    send_id=bytes(8),
    service="",
    channel=Channel.SMS,
    code_length=6,
    locale=None,
)


@pytest.fixture
def try_(store):
    """Return a function that replays three stored sends against a value."""
    context = OperatorContext.build(config.load(PRODUCTION), store)
    for _ in range(3):
        store.events.add(SENT)
    store.events.flush()

    def try_(text, **options):
        since = context.clock() - timedelta(hours=1)
        return replay(context, {"sends_total": text}, since, **options)

    return try_


def test_sends_over_a_limit_are_refused(try_):
    total = try_("1/1h", max_events=3).report.total

    assert (total.sends, total.refused) == (3, 2)


def test_replay_of_too_many_events_is_refused(try_):
    with pytest.raises(ReplayNotPossible, match="more than 2 events"):
        try_("1/1h", max_events=2)
