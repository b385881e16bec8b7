"""Simultaneous checks of challenges: many threads, on a real Redis."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from otp_engine.domain.factors.challenge_models import Challenge, ChallengeStatus
from otp_engine.domain.limits.limits import Limit
from otp_engine.errors import ChallengeAlreadyApproved, RateLimited
from otp_engine.store.redis_store import RedisStore
from tests.domain.factors.conftest import IDENTITY, SERVICE
from tests.domain.factors.test_challenges import check_of, request_of
from tests.store.test_races import all_at_once

THREADS = 100
APPROVED, PENDING = ChallengeStatus.APPROVED, ChallengeStatus.PENDING


@pytest.fixture
def redis(real_redis):
    return real_redis


@pytest.fixture
def store(redis):
    return RedisStore(redis)


@pytest.fixture
def challenges(challenges_with):
    """Return challenges under a wide budget of failed checks."""
    return challenges_with(failed_checks_per_factor=Limit.parse("1000/1h"))


def outcomes(results):
    """Count the statuses of challenges and the types of errors."""
    return Counter(
        result.status if isinstance(result, Challenge) else result for result in results
    )


@pytest.mark.parametrize("_round", range(5))
def test_one_code_in_a_hundred_checks_approves_its_challenge_once(
    challenges, enrolled, _round
):
    sid, app = enrolled
    challenge = challenges.create(request_of(sid))
    check = check_of(challenge, app.code())

    results = all_at_once(*[partial(challenges.check, check)] * THREADS)

    counts = outcomes(results)
    assert counts[APPROVED] == 1
    # At most five were counted; those after the approval find it closed.
    assert counts[PENDING] <= 4
    assert counts.keys() <= {APPROVED, PENDING, ChallengeAlreadyApproved, RateLimited}
    assert challenges.get(SERVICE, IDENTITY, challenge.sid).status is APPROVED


def test_one_code_in_a_hundred_requests_approves_one_challenge(challenges, enrolled):
    sid, app = enrolled
    request = request_of(sid, app.code())

    results = all_at_once(*[partial(challenges.create, request)] * THREADS)

    assert outcomes(results) == {APPROVED: 1, PENDING: 49, RateLimited: 50}
    listed = outcomes(challenges.list_all(SERVICE, IDENTITY))
    assert listed == {APPROVED: 1, PENDING: 49}


def test_one_code_for_two_challenges_approves_one(challenges, enrolled):
    sid, app = enrolled
    pair = [challenges.create(request_of(sid)) for _ in range(2)]
    checks = [check_of(challenge, app.code()) for challenge in pair]

    results = all_at_once(*[partial(challenges.check, check) for check in checks])

    assert outcomes(results) == {APPROVED: 1, PENDING: 1}


@pytest.mark.parametrize("_round", range(5))
def test_two_right_codes_at_once_approve_a_challenge_once(challenges, enrolled, _round):
    sid, app = enrolled
    challenge = challenges.create(request_of(sid))
    checks = [check_of(challenge, app.code(steps)) for steps in (0, 1)]

    results = all_at_once(*[partial(challenges.check, check) for check in checks])

    counts = outcomes(results)
    assert counts[APPROVED] == 1
    assert counts.keys() <= {APPROVED, PENDING, ChallengeAlreadyApproved}


def test_simultaneous_wrong_codes_use_five_attempts(challenges, enrolled):
    sid, app = enrolled
    challenge = challenges.create(request_of(sid))
    check = check_of(challenge, app.wrong_code())

    results = all_at_once(*[partial(challenges.check, check)] * THREADS)

    assert outcomes(results) == {PENDING: 5, RateLimited: 95}
