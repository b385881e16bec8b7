from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from otp_engine.domain import engines
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import CheckRequest, SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.sandbox_numbers import SandboxNumber, SandboxNumbers
from otp_engine.errors import RateLimited, VerificationNotFound
from tests.support.fakes import FakeSender
from tests.support.tuning import with_policy

SANDBOX = SandboxNumber(
    numbers.parse_unassigned("+15550100001"), "123456", date(2027, 1, 31)
)
ASKED = SendRequest(number=SANDBOX.number, client_ip="203.0.113.7")


@pytest.fixture
def emitted():
    return []


@pytest.fixture
def both_with(engine, emitted):
    """Build both engines with changes to the policy."""

    def build(**values):
        live = replace(with_policy(engine, **values), emit=emitted.append)
        numbers = SandboxNumbers(
            {SANDBOX.number.e164: SANDBOX}, lambda: SANDBOX.valid_through
        )
        return engines.build(live, numbers, FakeSender())

    return build


def test_sandbox_number_has_the_sandbox_engine(both_with, alice):
    both = both_with()

    assert both.engine_for(SANDBOX.number) is both.sandbox
    assert both.engine_for(alice.number) is both.live


def test_sandbox_ignores_the_limits_of_a_phone(both_with):
    both = both_with(
        sending=False,
        max_sends=1,
        resend_cooldown=timedelta(minutes=1),
        sends_per_phone=Limit.parse("1/1h"),
        sends_per_country=Limit.parse("1/1h"),
        sends_total=Limit.parse("1/1h"),
    )
    both.sandbox.send(ASKED)

    assert both.sandbox.send(ASKED).confirmed


def test_sandbox_keeps_the_limit_of_a_requester(both_with):
    both = both_with(sends_per_ip=Limit.parse("1/1h"))
    both.sandbox.send(ASKED)

    with pytest.raises(RateLimited):
        both.sandbox.send(ASKED)


def test_sandbox_emits_no_event(both_with, emitted):
    both = both_with()
    sent = both.sandbox.send(ASKED)
    both.sandbox.check(CheckRequest(number=SANDBOX.number, code="000000"))
    both.sandbox.cancel(SANDBOX.number, ASKED.service, sent.verification_id)

    assert emitted == []


def test_sandbox_verification_is_unknown_to_the_live_engine(both_with):
    both = both_with()
    both.sandbox.send(ASKED)

    with pytest.raises(VerificationNotFound):
        both.live.check(CheckRequest(number=SANDBOX.number, code=SANDBOX.code))
