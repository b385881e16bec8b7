from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.time_travel import age
from tests.support.totp_client import IDENTITY, UNKNOWN
from tests.support.verify_client import ACCOUNT, SERVICE

ALREADY = (403, 60322, "Challenge already responded")
EXPIRED = (403, 60323, "Challenge expired")
TOO_MANY_CHECKS = (429, 60308, "Challenge verification attempts limit reached")
NOT_FOUND = (404, 60391, "Challenge not found")


def parse(date):
    return datetime.fromisoformat(date)


@pytest.fixture
def factor(totp) -> str:
    """Create a verified factor."""
    return totp.verified_factor()


@pytest.fixture
def app(totp, factor):
    """Return the authenticator app of the verified factor."""
    return totp.apps[factor]


def test_challenge_without_a_code_is_pending(totp, factor):
    response = totp.challenge(factor)

    assert response.status == 201
    body = response.body
    assert re.fullmatch(r"YC[0-9a-f]{32}", body["sid"])
    assert body["entity_sid"] == totp.verify.get(totp.entity).body["sid"]
    assert (body["factor_sid"], body["identity"]) == (factor, IDENTITY)
    assert (body["account_sid"], body["service_sid"]) == (ACCOUNT, SERVICE)
    assert (body["status"], body["factor_type"]) == ("pending", "totp")
    assert (body["responded_reason"], body["date_responded"]) == ("none", None)
    assert (body["details"], body["hidden_details"], body["metadata"]) == (None,) * 3
    lifetime = parse(body["expiration_date"]) - parse(body["date_created"])
    assert lifetime == timedelta(minutes=5)
    assert body["url"] == f"http://localhost{totp.challenges}/{body['sid']}"
    assert body["links"] == {"notifications": f"{body['url']}/Notifications"}


def test_right_code_in_the_request_approves_the_challenge(totp, factor, app):
    response = totp.challenge(factor, app.code())

    assert (response.status, response.body["status"]) == (201, "approved")
    assert response.body["date_responded"] == response.body["date_updated"]
    assert totp.fetch_challenge(response.body["sid"]).body == response.body


def test_wrong_code_in_the_request_leaves_the_challenge_pending(totp, factor, app):
    response = totp.challenge(factor, app.wrong_code())

    assert (response.status, response.body["status"]) == (201, "pending")
    assert totp.fetch_challenge(response.body["sid"]).body == response.body


def test_right_code_approves_a_pending_challenge(totp, factor, app):
    sid = totp.challenge(factor).body["sid"]

    response = totp.check(sid, app.code())

    assert (response.status, response.body["status"]) == (200, "approved")
    assert totp.fetch_challenge(sid).body == response.body


def test_wrong_code_is_no_error(totp, factor, app):
    sid = totp.challenge(factor).body["sid"]

    response = totp.check(sid, app.wrong_code())

    assert (response.status, response.body["status"]) == (200, "pending")
    assert totp.check(sid, app.code()).body["status"] == "approved"


def test_approved_challenge_accepts_no_more_codes(totp, factor, app):
    sid = totp.challenge(factor, app.code()).body["sid"]

    response = totp.check(sid, app.code(1))

    assert response.error == ALREADY
    assert totp.challenge(factor, app.code(1)).body["status"] == "approved"


def test_sixth_check_is_refused_also_with_the_right_code(totp, factor, app):
    sid = totp.challenge(factor).body["sid"]
    for _ in range(5):
        assert totp.check(sid, app.wrong_code()).body["status"] == "pending"

    response = totp.check(sid, app.code())

    assert response.error == TOO_MANY_CHECKS
    assert totp.fetch_challenge(sid).body["status"] == "pending"
    assert totp.challenge(factor, app.code()).body["status"] == "approved"


def test_code_of_the_creation_is_one_of_five_checks(totp, factor, app):
    sid = totp.challenge(factor, app.wrong_code()).body["sid"]
    for _ in range(4):
        totp.check(sid, app.wrong_code())

    assert totp.check(sid, app.code()).error == TOO_MANY_CHECKS


def test_used_code_is_wrong_in_every_other_challenge(totp, factor, app):
    code = app.code()
    other = totp.challenge(factor).body["sid"]
    totp.challenge(factor, code)

    again = totp.challenge(factor, code)
    in_other = totp.check(other, code)

    assert (again.status, again.body["status"]) == (201, "pending")
    assert (in_other.status, in_other.body["status"]) == (200, "pending")


def test_code_that_verified_the_factor_is_used(totp):
    sid = totp.create_factor().body["sid"]
    code = totp.apps[sid].code()
    totp.verify_factor(sid, code)

    assert totp.challenge(sid, code).body["status"] == "pending"


def test_earlier_code_than_the_last_accepted_one_is_wrong(totp, factor, app):
    earlier = app.code()
    totp.challenge(factor, app.code(1))

    assert totp.challenge(factor, earlier).body["status"] == "pending"


def test_failed_checks_of_a_factor_count_over_its_challenges(totp, factor, app):
    for _ in range(2):
        sid = totp.challenge(factor).body["sid"]
        for _ in range(5):
            totp.check(sid, app.wrong_code())

    response = totp.challenge(factor, app.code())

    assert response.error == TOO_MANY_CHECKS
    assert 3_500 < int(response.headers["OTP-Retry-After"]) <= 3_600
    assert "Retry-After" not in response.headers


def test_locked_factor_locks_no_other_factor(totp, factor, app):
    other = totp.verified_factor()
    for _ in range(10):
        totp.challenge(factor, app.wrong_code())

    response = totp.challenge(other, totp.apps[other].code())

    assert response.body["status"] == "approved"


def test_approval_clears_the_failed_checks_of_the_factor(totp, factor, app):
    for _ in range(9):
        totp.challenge(factor, app.wrong_code())
    totp.challenge(factor, app.code())

    statuses = {
        totp.challenge(factor, app.wrong_code()).body["status"] for _ in range(10)
    }

    assert statuses == {"pending"}


def test_expired_challenge_accepts_no_code(totp, factor, app, redis):
    sid = totp.challenge(factor).body["sid"]
    age(redis, timedelta(minutes=5))

    response = totp.check(sid, app.code())

    assert response.error == EXPIRED
    assert totp.fetch_challenge(sid).body["status"] == "expired"


def test_client_chooses_when_the_challenge_expires(totp, factor):
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=60)

    body = totp.challenge(
        factor, ExpirationDate=expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    ).body

    assert parse(body["expiration_date"]) == expires_at


def test_expiration_a_little_late_counts_as_an_hour(totp, factor):
    expires_at = datetime.now(UTC) + timedelta(minutes=60, seconds=50)

    body = totp.challenge(factor, ExpirationDate=expires_at.isoformat()).body

    lifetime = parse(body["expiration_date"]) - parse(body["date_created"])
    assert lifetime == timedelta(hours=1)


@pytest.mark.parametrize(
    "expires_in",
    [timedelta(minutes=61, seconds=30), timedelta(), timedelta(days=-1)],
    ids=["too late", "now", "past"],
)
def test_expiration_out_of_range_is_named(totp, factor, expires_in):
    expires_at = datetime.now(UTC) + expires_in

    response = totp.challenge(factor, ExpirationDate=expires_at.isoformat())

    assert response.error == (400, 60306, "Invalid Request: ExpirationDate")
    assert totp.verify.get(totp.challenges).body["challenges"] == []


def test_hidden_details_are_returned(totp, factor):
    created = totp.challenge(factor, HiddenDetails='{"ip": "192.0.2.1"}').body

    assert created["hidden_details"] == {"ip": "192.0.2.1"}
    assert totp.fetch_challenge(created["sid"]).body == created


def test_hidden_details_are_encrypted_in_redis(totp, factor, redis):
    sid = totp.challenge(factor, HiddenDetails='{"ip": "192.0.2.1"}').body["sid"]

    (key,) = [key for key in redis.keys("*") if key.endswith(sid[2:].encode())]
    stored = b"".join(redis.hgetall(key).values())
    assert b"192.0.2.1" not in stored
    assert IDENTITY.encode() not in stored
    assert IDENTITY.encode() not in key


def test_parameters_of_push_have_no_effect(totp, factor):
    response = totp.verify.raw(
        totp.challenges,
        data={
            "FactorSid": factor,
            "Details.Message": "Hello",
            "Details.Fields": ['{"label": "A", "value": "1"}', '{"label": "B"}'],
        },
    )

    assert (response.status, response.body["details"]) == (201, None)


def test_fifty_first_challenge_in_an_hour_is_refused(totp, factor):
    for _ in range(50):
        assert totp.challenge(factor).status == 201

    response = totp.challenge(factor)

    assert response.error == (429, 60312, "Challenge creation limit reached")
    assert 3_500 < int(response.headers["OTP-Retry-After"]) <= 3_600


def test_challenge_of_an_unverified_factor_is_refused(totp):
    sid = totp.create_factor().body["sid"]

    response = totp.challenge(sid, totp.apps[sid].code())

    assert response.error == (403, 60318, "Factor is unverified")
    assert totp.verify_factor(sid).body["status"] == "verified"


def test_challenge_of_an_unknown_factor_is_not_found(totp, factor):
    response = totp.challenge(f"YF{UNKNOWN}", "123456")

    assert response.error == (404, 60390, "Factor not found")


def test_challenge_of_an_unknown_entity_is_not_found(totp):
    response = totp.challenge(f"YF{UNKNOWN}", "123456")

    assert response.error == (404, 60392, "Entity not found")


def test_challenge_of_a_deleted_factor_cannot_be_approved(totp, factor, app):
    sid = totp.challenge(factor).body["sid"]
    totp.verify.delete(f"{totp.factors}/{factor}")

    response = totp.check(sid, app.code())

    assert response.error == (404, 60390, "Factor not found")


@pytest.mark.parametrize("sid", [f"YC{UNKNOWN}", f"YF{UNKNOWN}", "challenge"])
def test_unknown_challenge_is_not_found(totp, factor, sid):
    assert totp.fetch_challenge(sid).error == NOT_FOUND
    assert totp.check(sid, "123456").error == NOT_FOUND


def test_challenge_of_another_identity_is_not_found(totp, factor, app):
    sid = totp.challenge(factor).body["sid"]
    totp.identity = "another-identity"
    totp.create_factor()

    assert totp.fetch_challenge(sid).error == NOT_FOUND
    assert totp.check(sid, app.code()).error == NOT_FOUND


def test_challenges_are_listed_oldest_first(totp, factor):
    sids = [totp.challenge(factor).body["sid"] for _ in range(3)]

    ascending = totp.verify.get(totp.challenges).body["challenges"]
    descending = totp.verify.get(totp.challenges, Order="desc").body["challenges"]

    dates = [challenge["date_created"] for challenge in ascending]
    assert {challenge["sid"] for challenge in ascending} == set(sids)
    assert dates == sorted(dates)
    assert descending == ascending[::-1]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_challenges_are_listed_in_pages(totp, factor, order):
    created = {totp.challenge(factor).body["sid"] for _ in range(5)}

    first = totp.verify.get(totp.challenges, PageSize=2, Order=order).body
    second = totp.follow(first["meta"]["next_page_url"]).body
    last = totp.follow(second["meta"]["next_page_url"]).body
    back = totp.follow(last["meta"]["previous_page_url"]).body

    pages = [page["challenges"] for page in (first, second, last)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {challenge["sid"] for page in pages for challenge in page} == created
    assert back["challenges"] == second["challenges"]
    assert last["meta"]["next_page_url"] is None
    whole = totp.verify.get(totp.challenges, Order=order).body["challenges"]
    assert [challenge for page in pages for challenge in page] == whole


def test_list_is_filtered_by_status(totp, factor, app):
    pending = totp.challenge(factor).body
    approved = totp.challenge(factor, app.code()).body

    listed = {
        status: totp.verify.get(totp.challenges, Status=status).body["challenges"]
        for status in ("pending", "approved", "expired", "denied")
    }

    assert listed == {
        "pending": [pending],
        "approved": [approved],
        "expired": [],
        "denied": [],
    }


def test_list_is_filtered_by_factor(totp, factor):
    other = totp.verified_factor()
    totp.challenge(factor)
    created = totp.challenge(other).body

    listed = totp.verify.get(totp.challenges, FactorSid=other).body["challenges"]

    assert listed == [created]


def test_list_of_an_unknown_entity_is_not_found(totp):
    response = totp.verify.get(totp.challenges)

    assert response.error == (404, 60392, "Entity not found")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FactorSid", "YF1"),
        ("AuthPayload", "12"),
        ("AuthPayload", "123456789"),
        ("AuthPayload", "letters"),
        ("ExpirationDate", "tomorrow"),
        ("HiddenDetails", "text"),
        ("HiddenDetails", '{"count": 1}'),
    ],
)
def test_invalid_parameter_is_named(totp, factor, name, value):
    response = totp.challenge(factor, **{name: value})

    assert response.error == (400, 60306, f"Invalid Request: {name}")
    assert totp.verify.get(totp.challenges).body["challenges"] == []


@pytest.mark.parametrize(
    ("name", "value"), [("Status", "open"), ("Order", "up"), ("FactorSid", "YF1")]
)
def test_invalid_filter_is_named(totp, factor, name, value):
    response = totp.verify.get(totp.challenges, **{name: value})

    assert response.error == (400, 60306, f"Invalid Request: {name}")


def test_check_without_a_code_is_refused_and_uses_no_attempt(totp, factor, app):
    sid = totp.challenge(factor).body["sid"]

    responses = [
        totp.verify.post(f"{totp.challenges}/{sid}", **params)
        for params in ({}, {"AuthPayload": "x"}, {"AuthPayload": ""})
        for _ in range(3)
    ]

    expected = (400, 60306, "Invalid Request: AuthPayload")
    assert {response.error for response in responses} == {expected}
    assert totp.check(sid, app.code()).body["status"] == "approved"


def test_no_error_repeats_an_identity(totp, factor):
    sid = totp.challenge(factor).body["sid"]
    responses = [
        totp.fetch_challenge(f"YC{UNKNOWN}"),
        totp.check(sid, "x"),
        totp.challenge(f"YF{UNKNOWN}"),
        totp.verify.get(f"{totp.entity}/Unknown"),
        totp.verify.get(f"{totp.entity}/Factors/x/y"),
        totp.verify.post(totp.entities, Identity=IDENTITY),
        totp.verify.post(totp.entities, Identity=f"{IDENTITY}@example.com"),
    ]

    assert all(response.status >= 400 for response in responses)
    assert all(IDENTITY not in str(response.body) for response in responses)


def test_log_has_no_identity_no_secret_and_no_code(totp, caplog):
    caplog.set_level(logging.DEBUG)
    created = totp.create_factor().body
    sid, app = created["sid"], totp.apps[created["sid"]]
    codes = [app.wrong_code(), app.code(-1), app.code(), app.code(1)]

    totp.verify_factor(sid, codes[0])
    totp.verify_factor(sid, codes[1])
    challenge = totp.challenge(sid, codes[2], HiddenDetails='{"ip": "192.0.2.1"}').body
    totp.check(challenge["sid"], codes[3])
    totp.verify.get(f"{totp.entity}/Unknown")
    totp.verify.delete(totp.entity)

    # Times and ids of threads are numbers, which can contain the digits of a code.
    lines = [
        " ".join(value for value in vars(record).values() if isinstance(value, str))
        + record.getMessage()
        for record in caplog.records
    ]
    private = [IDENTITY, created["binding"]["secret"], "192.0.2.1", "My phone", *codes]
    assert any("Challenges" in line for line in lines)
    assert [text for text in private for line in lines if text in line] == []
