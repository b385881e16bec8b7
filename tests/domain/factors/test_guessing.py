"""What an attacker who tries codes cannot get back: failed checks, and used codes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from otp_engine.domain.factors.challenge_models import ChallengeCheck, ChallengeRequest
from otp_engine.domain.factors.models import FactorCheck, TotpConfig
from otp_engine.domain.limits.limits import Limit
from otp_engine.errors import RateLimited
from tests.domain.factors.conftest import IDENTITY, SERVICE

FAILED_CHECKS = Limit.parse("3/1h")


@pytest.fixture
def limited(factors):
    """Return the factors under a policy that accepts three failed checks."""
    policy = replace(factors.engine.policy, failed_checks_per_factor=FAILED_CHECKS)
    return replace(factors, engine=replace(factors.engine, policy=policy))


def fail(factors, sid, *, times):
    for _ in range(times):
        check = FactorCheck(
            service=SERVICE, identity=IDENTITY, code="0000000", factor_sid=sid
        )
        assert not factors.check(check).approved


def assert_locked(factors, sid, code):
    check = FactorCheck(service=SERVICE, identity=IDENTITY, code=code, factor_sid=sid)
    with pytest.raises(RateLimited) as caught:
        factors.check(check)
    assert caught.value.limit == "failed_checks_per_factor"


@pytest.mark.parametrize(
    "config",
    [TotpConfig(skew=2), TotpConfig(time_step=60), TotpConfig(code_length=8)],
)
def test_change_of_the_configuration_keeps_the_failed_checks(
    limited, verified, app, config
):
    sid = verified.factor.sid
    fail(limited, sid, times=3)

    limited.update_factor(SERVICE, IDENTITY, sid, config=config)

    assert_locked(limited, sid, app(verified))


def test_new_factor_and_its_deletion_keep_the_failed_checks_of_the_other(
    limited, verified, app, request_factor
):
    sid = verified.factor.sid
    fail(limited, sid, times=3)

    other = limited.create_factor(request_factor(is_authenticator=True))
    limited.delete_factor(SERVICE, IDENTITY, other.factor.sid)

    assert_locked(limited, sid, app(verified))


def test_new_challenges_keep_the_failed_checks_of_the_factor(challenges_with, enrolled):
    sid, app = enrolled
    challenges = challenges_with(failed_checks_per_factor=FAILED_CHECKS)
    request = ChallengeRequest(service=SERVICE, identity=IDENTITY, factor_sid=sid)
    created = [challenges.create(request).sid for _ in range(4)]
    requests = [
        ChallengeCheck(service=SERVICE, identity=IDENTITY, sid=each, code="0000000")
        for each in created
    ]
    for wrong in requests[:3]:
        challenges.check(wrong)

    with pytest.raises(RateLimited) as caught:
        challenges.check(replace(requests[3], code=app.code()))

    assert caught.value.limit == "failed_checks_per_factor"


@pytest.mark.parametrize(("length", "skew"), list(product([20, 60], [0, 2])))
def test_code_that_was_used_is_wrong_after_a_change_of_the_time_step(
    factors, request_factor, check, app, length, skew
):
    # With eight digits, two time steps hardly ever have the same code.
    config = TotpConfig(code_length=8, skew=2)
    new = factors.create_factor(request_factor(config=config))
    used = app(new, steps=-1)
    assert check(used, new.factor, activates=True).approved

    changed = replace(config, time_step=length, skew=skew)
    sid = new.factor.sid
    factors.update_factor(SERVICE, IDENTITY, sid, config=changed)
    other = check(used, new.factor)
    factors.update_factor(SERVICE, IDENTITY, sid, config=config)
    same = check(used, new.factor)

    assert (other.approved, same.approved) == (False, False)
