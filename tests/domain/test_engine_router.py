from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from otp_engine.domain import engine_router
from otp_engine.domain.deliveries import TrackedDelivery
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.models import Api, CheckRequest, SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.policy.switches import Switches
from otp_engine.domain.sandbox_numbers import SandboxNumber, SandboxNumbers
from otp_engine.errors import RateLimited, VerificationNotFound
from tests.support.fakes import FakeSender, by_name
from tests.support.tuning import with_policy

SANDBOX = SandboxNumber(
    numbers.parse_unassigned("+15550100001"), "123456", date(2027, 1, 31)
)
SEND_REQUEST = SendRequest(address=SANDBOX.number, client_ip="203.0.113.7")


@pytest.fixture
def emitted():
    return []


@pytest.fixture
def engines_with(engine, emitted):
    """Return a function that builds both engines with changes to the policy."""

    def build(**values):
        live = replace(with_policy(engine, **values), emit=emitted.append)
        sandbox_numbers = SandboxNumbers(
            {SANDBOX.number.e164: SANDBOX}, lambda: SANDBOX.valid_through
        )
        return engine_router.build(live, sandbox_numbers, by_name(FakeSender()))

    return build


def test_sandbox_number_has_the_sandbox_engine(engines_with, alice):
    built = engines_with()

    assert built.engine_for(SANDBOX.number) is built.sandbox
    assert built.engine_for(alice.address) is built.production


def test_sandbox_ignores_the_limits_of_a_phone(engines_with):
    built = engines_with(
        sending=Switches(default=False),
        max_sends=1,
        resend_cooldown=timedelta(minutes=1),
        v2_resend_cooldown=timedelta(minutes=1),
        sends_per_phone=Limit.parse("1/1h"),
        sends_per_country=LimitByName(Limit.parse("1/1h")),
        sends_total=Limit.parse("1/1h"),
    )
    built.sandbox.send(SEND_REQUEST)

    again = [built.sandbox.send(replace(SEND_REQUEST, api=api)) for api in Api]

    assert all(result.confirmed for result in again)


def test_sandbox_keeps_the_limit_of_a_requester(engines_with):
    built = engines_with(sends_per_ip=Limit.parse("1/1h"))
    built.sandbox.send(SEND_REQUEST)

    with pytest.raises(RateLimited):
        built.sandbox.send(SEND_REQUEST)


def test_sandbox_tracks_no_delivery(engines_with, engine):
    tracked: list[TrackedDelivery] = []
    built = engines_with()
    live = replace(built.production, track=tracked.append)
    sandbox = engine_router.build(live, built.numbers, live.senders).sandbox

    sandbox.send(SEND_REQUEST)

    assert tracked == []


def test_sandbox_emits_no_event(engines_with, emitted):
    built = engines_with()
    sent = built.sandbox.send(SEND_REQUEST)
    built.sandbox.check(CheckRequest(address=SANDBOX.number, code="000000"))
    built.sandbox.cancel(SANDBOX.number, SEND_REQUEST.service, sent.verification_id)

    assert emitted == []


def test_sandbox_verification_is_not_found_by_the_live_engine(engines_with):
    built = engines_with()
    built.sandbox.send(SEND_REQUEST)

    with pytest.raises(VerificationNotFound):
        built.production.check(CheckRequest(address=SANDBOX.number, code=SANDBOX.code))
