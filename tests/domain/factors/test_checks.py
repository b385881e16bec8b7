from __future__ import annotations

from dataclasses import replace

import pyotp
import pytest

from otp_engine.domain.events import (
    FactorCheckFailed,
    FactorCheckRefused,
    FactorCheckUnavailable,
    FactorDeleted,
    FactorVerified,
)
from otp_engine.domain.factors.models import FactorCheck, FactorStatus, TotpConfig
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.networks import NetworkSet
from otp_engine.errors import (
    FactorAlreadyVerified,
    FactorNotFound,
    FactorsUnreadable,
    FactorUnverified,
    InvalidIdentity,
    NetworkNotAllowed,
    RateLimited,
    StoreUnavailable,
)
from tests.domain.factors.conftest import IDENTITY, SERVICE
from tests.support.tuning import with_policy

WRONG = "abcdef"  # can be no code


@pytest.fixture
def tuned(factors):
    """Return a function that returns the factors under other values of the policy."""

    def tune(**values):
        return replace(factors, engine=with_policy(factors.engine, **values))

    return tune


def test_right_code_is_approved(check, verified, app):
    result = check(app(verified), verified.factor)

    assert result.approved
    assert result.approved_at is not None
    assert result.factor.status is FactorStatus.VERIFIED
    assert result.factor.sid == verified.factor.sid


def test_wrong_code_is_pending_and_uses_an_attempt(check, verified, emitted):
    result = check(WRONG, verified.factor)

    assert not result.approved
    assert result.approved_at is None
    assert result.attempts_remaining == 9
    assert isinstance(emitted[-1], FactorCheckFailed)
    assert emitted[-1].attempts_remaining == 9


def test_events_of_failed_and_refused_checks_have_the_hashed_client_ip(
    tuned, verified, emitted
):
    factors = tuned(failed_checks_per_factor=Limit.parse("1/1h"))
    request = replace(_check(verified, WRONG), client_ip="192.0.2.1")
    factors.check(request)
    with pytest.raises(RateLimited):
        factors.check(request)

    failed, refused = emitted[-2:]
    assert isinstance(failed, FactorCheckFailed)
    assert isinstance(refused, FactorCheckRefused)
    expected = factors.engine.peppers[0].pseudonymize("address", "192.0.2.1")
    assert failed.ip_hash == refused.ip_hash == expected


def test_replayed_code_gives_the_result_of_a_wrong_one(check, verified, app):
    code = app(verified)
    check(code, verified.factor)

    replayed = check(code, verified.factor)
    wrong = check(WRONG, verified.factor)

    assert not replayed.approved
    assert replace(replayed, attempts_remaining=8) == wrong
    assert replayed.attempts_remaining == 9


def test_code_of_an_earlier_step_than_the_accepted_one_is_wrong(check, verified, app):
    assert check(app(verified, steps=1), verified.factor).approved

    assert not check(app(verified), verified.factor).approved


def test_code_that_verified_the_factor_is_used_up(factors, request_factor, check, app):
    new = factors.create_factor(request_factor())
    code = app(new)
    check(code, new.factor, activates=True)

    assert not check(code, new.factor).approved


def test_right_code_clears_the_failed_checks(check, verified, app):
    for _ in range(3):
        check(WRONG, verified.factor)
    assert check(app(verified), verified.factor).approved

    assert check(WRONG, verified.factor).attempts_remaining == 9


def test_factor_without_attempts_refuses_a_right_code(tuned, verified, app, check):
    factors = tuned(failed_checks_per_factor=Limit.parse("2/1h"))
    request = _check(verified, WRONG)
    last = [factors.check(request) for _ in range(2)][-1]
    assert last.attempts_remaining == 0
    assert last.retry_after.total_seconds() == pytest.approx(3600, abs=5)

    with pytest.raises(RateLimited) as caught:
        factors.check(_check(verified, app(verified)))

    assert caught.value.limit == "failed_checks_per_factor"


def test_locked_factor_leaves_the_other_factor_of_the_identity(
    tuned, factors, verified, request_factor, app
):
    other = factors.create_factor(request_factor())
    strict = tuned(failed_checks_per_factor=Limit.parse("1/1h"))
    strict.check(_check(verified, WRONG))

    result = strict.check(replace(_check(other, app(other)), activates=True))

    assert result.approved


def test_stricter_policy_applies_to_the_next_check(factors, tuned, verified):
    factors.check(_check(verified, WRONG))
    strict = tuned(failed_checks_per_factor=Limit.parse("1/1h"))

    with pytest.raises(RateLimited):
        strict.check(_check(verified, WRONG))


def test_consecutive_failures_disable_the_factor(tuned, verified):
    factors = tuned(
        max_consecutive_failures=2, failed_checks_per_factor=Limit.parse("9/1s")
    )
    for _ in range(2):
        factors.check(_check(verified, WRONG))

    with pytest.raises(RateLimited) as caught:
        factors.check(_check(verified, WRONG))

    assert caught.value.limit == "max_consecutive_failures"


def test_unverified_factor_accepts_five_checks_in_all(
    factors, request_factor, check, app
):
    new = factors.create_factor(request_factor())
    left = [
        check(WRONG, new.factor, activates=True).attempts_remaining for _ in range(5)
    ]
    assert left == [4, 3, 2, 1, 0]

    with pytest.raises(RateLimited) as caught:
        check(app(new), new.factor, activates=True)

    assert caught.value.limit == "max_factor_tries"


def test_unverified_factor_is_refused_without_activation(
    factors, request_factor, check, app
):
    new = factors.create_factor(request_factor())

    with pytest.raises(FactorUnverified):
        check(app(new), new.factor)


def test_verified_factor_is_refused_with_activation(check, verified, app):
    with pytest.raises(FactorAlreadyVerified):
        check(app(verified), verified.factor, activates=True)


def test_activation_verifies_the_factor(factors, request_factor, check, app, emitted):
    new = factors.create_factor(request_factor())

    result = check(app(new), new.factor, activates=True)

    assert result.factor.status is FactorStatus.VERIFIED
    assert result.factor == factors.get_factor(SERVICE, IDENTITY, new.factor.sid)
    assert isinstance(emitted[-1], FactorVerified)


def test_activation_without_sid_checks_the_enrolled_factor(
    factors, request_factor, check, app
):
    enrolled = factors.create_factor(request_factor(is_authenticator=True))
    factors.create_factor(request_factor())

    assert check(app(enrolled), activates=True).factor.sid == enrolled.factor.sid
    assert check(app(enrolled, steps=1)).approved


def test_activation_replaces_the_earlier_authenticator(
    factors, request_factor, check, app, emitted
):
    first = factors.create_factor(request_factor(is_authenticator=True))
    check(app(first), activates=True)
    second = factors.create_factor(request_factor(is_authenticator=True))
    assert check(app(first, steps=1)).approved

    check(app(second), activates=True)

    (left,) = factors.list_factors(SERVICE, IDENTITY)
    assert left.sid == second.factor.sid
    deleted = [event for event in emitted if isinstance(event, FactorDeleted)]
    assert [event.factor_sid for event in deleted] == [first.factor.sid]


@pytest.mark.parametrize("activates", [False, True])
def test_identity_without_factors_is_not_found(factors, check, activates, emitted):
    factors.create_entity(SERVICE, IDENTITY)

    with pytest.raises(FactorNotFound):
        check("123456", activates=activates)

    assert emitted == []


def test_check_before_the_first_factor_of_all_is_not_found(check):
    with pytest.raises(FactorNotFound):
        check("123456")


def test_malformed_identity_counts_nothing(check, redis):
    with pytest.raises(InvalidIdentity):
        check("123456", identity="919445012345", client_ip="192.0.2.1")

    assert redis.keys() == []


def test_requester_is_counted_before_the_factor(tuned, verified, emitted):
    factors = tuned(checks_per_ip=Limit.parse("1/1m"))
    request = replace(_check(verified, WRONG), client_ip="192.0.2.1")
    factors.check(request)

    with pytest.raises(RateLimited) as caught:
        factors.check(request)

    assert caught.value.limit == "checks_per_ip"
    assert factors.check(_check(verified, WRONG)).attempts_remaining == 8
    refused = [each for each in emitted if isinstance(each, FactorCheckRefused)]
    assert [(each.limit, each.shadow) for each in refused] == [("checks_per_ip", False)]


def test_requester_is_counted_for_a_factor_that_does_not_exist(tuned):
    factors = tuned(checks_per_ip=Limit.parse("1/1m"))
    request = replace(_check(None, WRONG), client_ip="192.0.2.1")
    with pytest.raises(FactorNotFound):
        factors.check(request)

    with pytest.raises(RateLimited):
        factors.check(request)


def test_limit_in_shadow_mode_reports_what_it_would_refuse(tuned, verified, emitted):
    factors = tuned(checks_per_ip=Limit.parse("1/1m shadow"))
    request = replace(_check(verified, WRONG), client_ip="192.0.2.1")

    for _ in range(2):
        factors.check(request)

    refused = [each for each in emitted if isinstance(each, FactorCheckRefused)]
    assert [(each.limit, each.shadow) for each in refused] == [("checks_per_ip", True)]


def test_blocked_network_is_refused_before_anything_is_counted(tuned, verified):
    factors = tuned(blocked_networks=NetworkSet.parse("192.0.2.0/24"))

    with pytest.raises(NetworkNotAllowed):
        factors.check(replace(_check(verified, WRONG), client_ip="192.0.2.1"))

    assert factors.check(_check(verified, WRONG)).attempts_remaining == 9


def test_error_after_the_reservation_keeps_the_check_counted(
    factors, store, verified, app, emitted
):
    class Failing:
        """The store, which fails to accept a time step."""

        def __getattr__(self, name):
            return getattr(store.factors, name)

        def accept_step(self, *_args, **_values):
            raise StoreUnavailable

    failing = replace(factors, store=Failing())

    with pytest.raises(StoreUnavailable):
        failing.check(_check(verified, app(verified)))

    assert factors.check(_check(verified, WRONG)).attempts_remaining == 8
    unavailable = [e for e in emitted if isinstance(e, FactorCheckUnavailable)]
    assert [event.reason for event in unavailable] == ["store"]


def test_unreadable_factor_is_unavailable_and_approves_nothing(
    factors, verified, app, redis, emitted
):
    (key,) = redis.keys("otp:*:entity")
    redis.hset(key, bytes.fromhex(verified.factor.sid[2:]) + b":record", b"damaged")

    with pytest.raises(FactorsUnreadable):
        factors.check(_check(verified, app(verified)))

    assert emitted[-1].reason == "factor_key"


def test_longer_time_step_accepts_the_codes_of_the_new_configuration(
    factors, verified, check, store
):
    config = TotpConfig(time_step=60)
    updated = factors.update_factor(
        SERVICE, IDENTITY, verified.factor.sid, config=config
    )
    generator = pyotp.TOTP(verified.secret, interval=60)
    # The step after the current one starts later than any step that was accepted.
    now = store.policy_versions.now()

    result = check(generator.at(now, counter_offset=1), updated)

    assert result.approved


def _check(new, code):
    return FactorCheck(
        service=SERVICE,
        identity=IDENTITY,
        code=code,
        factor_sid=new and new.factor.sid,
        client_name="shop",
    )
