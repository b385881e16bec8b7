from __future__ import annotations

import re

import pytest

from tests.support.settings import PEPPER
from tests.support.totp_client import IDENTITY
from tests.support.verify_client import ACCOUNT, SERVICE


def test_new_entity_has_its_identity_and_links(totp):
    response = totp.verify.post(totp.entities, Identity=IDENTITY)

    assert response.status == 201
    body = response.body
    assert re.fullmatch(r"YE[0-9a-f]{32}", body["sid"])
    assert body["identity"] == IDENTITY
    assert (body["account_sid"], body["service_sid"]) == (ACCOUNT, SERVICE)
    assert body["url"] == f"http://localhost{totp.entity}"
    assert body["links"] == {
        "factors": f"{body['url']}/Factors",
        "new_factors": f"{body['url']}/Factors",
        "challenges": f"{body['url']}/Challenges",
    }


def test_created_entity_can_be_fetched(totp):
    created = totp.verify.post(totp.entities, Identity=IDENTITY).body

    response = totp.verify.get(totp.entity)

    assert (response.status, response.body) == (200, created)


def test_second_entity_with_an_identity_is_refused(totp):
    totp.verify.post(totp.entities, Identity=IDENTITY)

    response = totp.verify.post(totp.entities, Identity=IDENTITY)

    assert response.error == (409, 60301, "Entity already exists")


def test_identity_of_another_case_is_another_entity(totp):
    totp.verify.post(totp.entities, Identity=IDENTITY)

    response = totp.verify.post(totp.entities, Identity=IDENTITY.upper())

    assert response.status == 201


def test_entities_of_two_services_are_independent(totp):
    totp.verify.post(totp.entities, Identity=IDENTITY)
    other = totp.verify.service()

    created = totp.verify.post(f"/v2/Services/{other}/Entities", Identity=IDENTITY)

    assert created.status == 201
    listed = totp.verify.get(f"/v2/Services/{other}/Entities").body["entities"]
    assert listed == [created.body]


def test_entity_is_created_with_its_first_factor(totp):
    factor = totp.create_factor().body

    assert totp.verify.get(totp.entity).body["sid"] == factor["entity_sid"]


def test_entities_are_listed_newest_first_in_pages(totp):
    names = [f"person-{number:04}" for number in range(5)]
    for name in names:
        totp.verify.post(totp.entities, Identity=name)

    first = totp.verify.get(totp.entities, PageSize=2).body
    second = totp.follow(first["meta"]["next_page_url"]).body
    last = totp.follow(second["meta"]["next_page_url"]).body
    back = totp.follow(last["meta"]["previous_page_url"]).body

    pages = [page["entities"] for page in (first, second, last)]
    listed = [entity["identity"] for page in pages for entity in page]
    assert sorted(listed) == names
    dates = [entity["date_created"] for page in pages for entity in page]
    assert dates == sorted(dates, reverse=True)
    assert last["meta"]["next_page_url"] is None
    assert back["entities"] == second["entities"]


def test_deleted_entity_is_gone(totp):
    sid = totp.verified_factor()

    response = totp.verify.delete(totp.entity)

    assert (response.status, response.body) == (204, None)
    not_found = (404, 60392, "Entity not found")
    assert totp.verify.get(totp.entity).error == not_found
    assert totp.verify.delete(totp.entity).error == not_found
    assert totp.verify.get(totp.entities).body["entities"] == []
    assert totp.verify.get(f"{totp.factors}/{sid}").status == 404


def test_deleted_entity_leaves_no_challenge_for_its_successor(totp):
    challenge = totp.challenge(totp.verified_factor()).body["sid"]
    totp.verify.delete(totp.entity)
    totp.create_factor()

    response = totp.fetch_challenge(challenge)

    assert response.error == (404, 60391, "Challenge not found")
    assert totp.verify.get(totp.challenges).body["challenges"] == []


# Verify forbids personal data in identities, and URLs contain them.
INVALID = [
    "short",
    "a" * 65,
    "person@example.com",
    "+919445012345",
    "919445012345",
    "91-944-501-2345",
    "with space",
    "under_score",
    "punkt.punkt",
    "übermensch",
]


INVALID_IDENTITY = (
    "Invalid Request: Identity. An identity is 8 to 64 letters, digits and dashes. It"
    " must not be a phone number, which 10 to 15 digits could be, or another personal"
    " value."
)


@pytest.mark.parametrize("identity", INVALID)
def test_identity_that_is_invalid_or_personal_is_refused(totp, identity):
    response = totp.verify.post(totp.entities, Identity=identity)

    assert response.error == (400, 60306, INVALID_IDENTITY)


@pytest.mark.parametrize("identity", INVALID)
@pytest.mark.parametrize("last", ["", "/Factors", "/Challenges"])
def test_invalid_identity_in_a_path_is_refused(totp, identity, last):
    response = totp.verify.get(f"{totp.entities}/{identity}{last}")

    assert response.error == (400, 60306, INVALID_IDENTITY)


@pytest.mark.parametrize("identity", ["a" * 8, "A" * 64, "12345678", "1234-5678"])
def test_shortest_and_longest_identity_is_accepted(totp, identity):
    response = totp.verify.post(totp.entities, Identity=identity)

    assert response.status == 201


def test_missing_identity_is_named(totp):
    response = totp.verify.post(totp.entities)

    assert response.error == (400, 60306, "Invalid Request: Identity")


@pytest.mark.parametrize("name", ["PageSize", "Page", "PageToken"])
def test_invalid_page_parameter_is_named(totp, name):
    response = totp.verify.get(totp.entities, **{name: "x"})

    assert response.error == (400, 60306, f"Invalid Request: {name}")


def test_entities_of_an_unknown_service_are_not_found(totp):
    response = totp.verify.get(f"/v2/Services/VA{'9' * 32}/Entities/{IDENTITY}")

    assert response.status == 404
    assert response.body["code"] == 20404
    assert IDENTITY not in response.body["message"]


def test_entities_without_a_factor_key_are_refused(verify_with):
    verify = verify_with(REDIS_URL="redis://localhost:1", OTP_PEPPER=PEPPER)

    response = verify.post(f"/v2/Services/{SERVICE}/Entities", Identity=IDENTITY)

    message = "Service does not support this feature"
    assert response.error == (403, 60204, message)


def test_deleted_service_leaves_no_entity(totp, redis):
    service = totp.verify.service()
    totp.verify.post(f"/v2/Services/{service}/Entities", Identity=IDENTITY)

    assert totp.verify.delete(f"/v2/Services/{service}").status == 204

    assert redis.keys("otp:*:entity") == []
