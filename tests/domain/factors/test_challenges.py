"""The challenges of factors, on both stores."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from otp_engine.crypto.factor_keys import FactorKey
from otp_engine.domain.events import (
    ChallengeApproved,
    FactorCheckFailed,
    FactorCheckRefused,
)
from otp_engine.domain.factors.challenge_models import (
    ChallengeCheck,
    ChallengeRequest,
    ChallengeStatus,
)
from otp_engine.domain.factors.data_keys import DataKeys
from otp_engine.domain.factors.notices import NoticeType
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.networks import NetworkSet
from otp_engine.errors import (
    ChallengeAlreadyApproved,
    ChallengeExpired,
    ChallengeNotFound,
    EntityNotFound,
    FactorsUnreadable,
    InvalidFactor,
    InvalidIdentity,
    NetworkNotAllowed,
    RateLimited,
    StoreUnavailable,
)
from tests.domain.factors.conftest import IDENTITY, SERVICE
from tests.support.time_travel import age


def request_of(factor_sid, code=None, **options):
    return ChallengeRequest(
        service=SERVICE,
        identity=options.pop("identity", IDENTITY),
        factor_sid=factor_sid,
        code=code,
        **options,
    )


def check_of(challenge, code, **options):
    return ChallengeCheck(
        service=SERVICE,
        identity=options.pop("identity", IDENTITY),
        sid=challenge.sid,
        code=code,
        **options,
    )


def test_right_code_approves_the_challenge(challenges, enrolled):
    sid, app = enrolled
    created = challenges.create(request_of(sid))

    approved = challenges.check(check_of(created, app.code()))

    assert created.status is ChallengeStatus.PENDING
    assert approved.status is ChallengeStatus.APPROVED
    assert challenges.get(SERVICE, IDENTITY, created.sid) == approved
    assert challenges.list_all(SERVICE, IDENTITY) == [approved]


def test_approval_has_an_event_without_the_identity(challenges, enrolled, emitted):
    sid, app = enrolled

    approved = challenges.create(request_of(sid, app.code(), client_name="shop"))

    (event,) = emitted
    assert isinstance(event, ChallengeApproved)
    assert (event.service, event.factor_sid) == (SERVICE.sid, sid)
    assert (event.challenge_sid, event.client_name) == (approved.sid, "shop")
    assert IDENTITY not in repr(event)


def test_approval_has_a_notice(challenges, enrolled, notices):
    sid, app = enrolled

    approved = challenges.create(request_of(sid, app.code()))

    (notice,) = notices
    assert notice.type is NoticeType.CHALLENGE_APPROVED
    assert (notice.factor_sid, notice.factor_name) == (sid, "Ann’s phone")
    assert (notice.challenge_sid, notice.identity) == (approved.sid, IDENTITY)


def test_wrong_code_has_an_event_and_no_notice(challenges, enrolled, emitted, notices):
    sid, app = enrolled

    challenge = challenges.create(request_of(sid, app.wrong_code()))

    assert challenge.status is ChallengeStatus.PENDING
    assert [type(event) for event in emitted] == [FactorCheckFailed]
    assert notices == []


def test_sixth_check_has_an_event_with_its_rule(challenges, enrolled, emitted):
    sid, app = enrolled
    challenge = challenges.create(request_of(sid))
    for _ in range(5):
        challenges.check(check_of(challenge, app.wrong_code()))
    emitted.clear()

    with pytest.raises(RateLimited):
        challenges.check(check_of(challenge, app.code()))

    (event,) = emitted
    assert isinstance(event, FactorCheckRefused)
    assert event.limit == "max_challenge_checks"


@pytest.mark.parametrize("code", [None, "000000"])
def test_refused_creation_has_an_event_with_its_rule(
    challenges, enrolled, emitted, code
):
    sid, _ = enrolled
    for _ in range(50):
        challenges.create(request_of(sid))

    with pytest.raises(RateLimited):
        challenges.create(request_of(sid, code))

    (event,) = emitted
    assert isinstance(event, FactorCheckRefused)
    assert event.limit == "challenges_per_factor"
    assert IDENTITY not in repr(event)


@dataclass
class FaultyStore:
    """A store that loses its connection before an approval.

    Attributes:
        store: The store.
        before: Called before each approval.
    """

    store: Any
    before: Callable[[], None]

    def __getattr__(self, name):
        return getattr(self.store, name)

    def approve_challenge(self, *args, **options):
        self.before()
        return self.store.approve_challenge(*args, **options)


def test_challenge_that_expires_during_its_check_is_approved(
    challenges, enrolled, redis
):
    sid, app = enrolled
    challenge = challenges.create(request_of(sid))
    store = FaultyStore(challenges.store, lambda: age(redis, timedelta(minutes=5)))

    approved = replace(challenges, store=store).check(check_of(challenge, app.code()))

    assert approved.status is ChallengeStatus.APPROVED
    assert challenges.get(SERVICE, IDENTITY, challenge.sid) == approved


def test_challenge_without_its_approval_accepts_the_next_code(challenges, enrolled):
    sid, app = enrolled
    challenge = challenges.create(request_of(sid))
    code = app.code()

    def fail():
        raise StoreUnavailable

    failing = replace(challenges, store=FaultyStore(challenges.store, fail))
    with pytest.raises(StoreUnavailable):
        failing.check(check_of(challenge, code))

    # The time step is used up, so the same code is wrong.
    again = challenges.check(check_of(challenge, code))
    approved = challenges.check(check_of(challenge, app.code(1)))
    assert again.status is ChallengeStatus.PENDING
    assert approved.status is ChallengeStatus.APPROVED


def test_refused_check_of_a_challenge_costs_its_factor_nothing(
    challenges_with, enrolled
):
    sid, app = enrolled
    challenges = challenges_with(failed_checks_per_factor=Limit.parse("6/1h"))
    challenge = challenges.create(request_of(sid))
    for _ in range(5):
        challenges.check(check_of(challenge, app.wrong_code()))
    for _ in range(10):
        with pytest.raises(RateLimited):
            challenges.check(check_of(challenge, app.wrong_code()))

    approved = challenges.create(request_of(sid, app.code()))

    assert approved.status is ChallengeStatus.APPROVED


def test_requester_is_charged_before_the_challenge(challenges_with, enrolled):
    sid, app = enrolled
    challenges = challenges_with(checks_per_ip=Limit.parse("2/1h"))
    challenge = challenges.create(request_of(sid))
    for _ in range(2):
        wrong = check_of(challenge, app.wrong_code(), client_ip="192.0.2.1")
        challenges.check(wrong)
    for _ in range(10):
        refused = check_of(challenge, app.wrong_code(), client_ip="192.0.2.1")
        with pytest.raises(RateLimited) as raised:
            challenges.check(refused)
        assert raised.value.limit == "checks_per_ip"

    right = check_of(challenge, app.code(), client_ip="198.51.100.1")
    assert challenges.check(right).status is ChallengeStatus.APPROVED


def test_blocked_network_uses_no_check(challenges_with, enrolled):
    sid, app = enrolled
    challenges = challenges_with()
    blocked = challenges_with(blocked_networks=NetworkSet.parse("192.0.2.0/24"))
    challenge = challenges.create(request_of(sid))
    for _ in range(6):
        with pytest.raises(NetworkNotAllowed):
            blocked.check(check_of(challenge, app.code(), client_ip="192.0.2.1"))

    approved = challenges.check(check_of(challenge, app.code()))

    assert approved.status is ChallengeStatus.APPROVED


def test_second_right_code_finds_the_challenge_closed(challenges, enrolled):
    sid, app = enrolled
    challenge = challenges.create(request_of(sid))
    challenges.check(check_of(challenge, app.code()))

    with pytest.raises(ChallengeAlreadyApproved):
        challenges.check(check_of(challenge, app.code(1)))


def test_expired_challenge_is_refused_and_costs_its_factor_nothing(
    challenges_with, enrolled, redis
):
    sid, app = enrolled
    challenges = challenges_with(failed_checks_per_factor=Limit.parse("1/1h"))
    challenge = challenges.create(request_of(sid))
    age(redis, timedelta(minutes=5))
    for _ in range(3):
        with pytest.raises(ChallengeExpired):
            challenges.check(check_of(challenge, app.wrong_code()))

    approved = challenges.create(request_of(sid, app.code()))

    assert approved.status is ChallengeStatus.APPROVED


def test_expired_challenge_can_be_read_for_a_day(challenges, enrolled, redis):
    sid, _ = enrolled
    challenge = challenges.create(request_of(sid, hidden_details='{"a":"b"}'))
    age(redis, timedelta(hours=24))
    expired = challenges.get(SERVICE, IDENTITY, challenge.sid)
    age(redis, timedelta(minutes=6))

    assert expired.status is ChallengeStatus.EXPIRED
    assert expired.hidden_details == '{"a":"b"}'
    with pytest.raises(ChallengeNotFound):
        challenges.get(SERVICE, IDENTITY, challenge.sid)


@pytest.mark.parametrize(
    "expires_in", [timedelta(0), timedelta(minutes=61, seconds=5)], ids=["now", "late"]
)
def test_end_out_of_range_is_refused_and_creates_nothing(
    challenges, enrolled, expires_in
):
    sid, app = enrolled
    expires_at = datetime.now(UTC) + expires_in

    with pytest.raises(InvalidFactor) as raised:
        challenges.create(request_of(sid, app.code(), expires_at=expires_at))

    assert raised.value.parameter == "expires_at"
    assert challenges.list_all(SERVICE, IDENTITY) == []


def test_nothing_is_found_before_the_first_factor(challenges):
    sid = f"YF{'0' * 32}"

    with pytest.raises(EntityNotFound):
        challenges.create(request_of(sid, "123456"))
    with pytest.raises(EntityNotFound):
        challenges.list_all(SERVICE, IDENTITY)
    with pytest.raises(ChallengeNotFound):
        challenges.get(SERVICE, IDENTITY, f"YC{'0' * 32}")
    with pytest.raises(ChallengeNotFound):
        challenges.check(
            ChallengeCheck(
                service=SERVICE,
                identity=IDENTITY,
                sid=f"YC{'0' * 32}",
                code="123456",
            )
        )


@pytest.mark.parametrize("identity", ["+919445012345", "person@example.com", "short"])
def test_text_that_cannot_be_an_identity_is_refused(challenges, enrolled, identity):
    sid, app = enrolled
    challenge = challenges.create(request_of(sid))

    with pytest.raises(InvalidIdentity):
        challenges.create(request_of(sid, identity=identity))
    with pytest.raises(InvalidIdentity):
        challenges.check(check_of(challenge, app.code(), identity=identity))


def test_record_of_another_challenge_cannot_be_read(challenges, enrolled, redis):
    sid, _ = enrolled
    first = challenges.create(request_of(sid, hidden_details='{"a":"b"}'))
    second = challenges.create(request_of(sid))
    (key,) = [key for key in redis.keys("*") if key.endswith(first.sid[2:].encode())]
    other = key.replace(first.sid[2:].encode(), second.sid[2:].encode())
    redis.hset(other, "record", redis.hget(key, "record"))

    with pytest.raises(FactorsUnreadable):
        challenges.get(SERVICE, IDENTITY, second.sid)


def test_other_factor_key_refuses_every_request(challenges, store, enrolled):
    sid, app = enrolled
    data_keys = DataKeys(
        store.data_key,
        [FactorKey(b"o" * 32)],
        random_bytes=secrets.token_bytes,
        clock=lambda: 0.0,
    )
    others = replace(
        challenges, factors=replace(challenges.factors, data_keys=data_keys)
    )

    with pytest.raises(FactorsUnreadable):
        others.create(request_of(sid, app.code()))


def test_deleted_entity_leaves_no_challenge(challenges, enrolled, redis):
    sid, _ = enrolled
    challenge = challenges.create(request_of(sid))

    challenges.factors.delete_entity(SERVICE, IDENTITY)

    assert not [key for key in redis.keys("*") if challenge.sid[2:].encode() in key]
