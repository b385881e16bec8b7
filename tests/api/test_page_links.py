"""`POST /auth/totp/link`."""

from __future__ import annotations

import pytest

from tests.support.linked_person import IDENTITY, LINK, PROOF_KEY, LinkedPerson
from tests.support.settings import PEPPER

SHOP = "shop-secret-0123456789abcdef"
PHONE = "+919445012345"
APP = "https://app.example.com"
RETURNING = {"OTP_RETURN_ORIGINS": APP, "OTP_PROOF_KEY": PROOF_KEY}


def post(client, **fields):
    body = {"identity": IDENTITY, "page": "enroll"} | fields
    sent = {name: value for name, value in body.items() if value is not None}
    return client.post(LINK, json=sent)


def test_link_is_a_url_of_this_service_for_ten_minutes(client):
    response = post(client)

    assert response.status_code == 201
    assert set(response.json) == {"url", "expires_in"}
    assert response.json["url"].startswith("http://localhost/verify/link?token=")
    assert response.json["expires_in"] == 600
    assert response.headers["Cache-Control"] == "no-store"


def test_link_starts_with_the_public_url(app_with):
    app = app_with(OTP_PUBLIC_URL="https://example.com/otp")

    url = post(app.test_client()).json["url"]

    assert url.startswith("https://example.com/otp/verify/link?token=")


def test_link_has_nothing_personal_in_plain_text(client):
    url = post(client, page="verify", phone=PHONE).json["url"]

    assert not [each for each in (IDENTITY, "9445012345") if each in url]


def test_links_of_one_identity_differ(client):
    assert post(client).json["url"] != post(client).json["url"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"identity": None}, "invalid_request"),
        ({"identity": "short"}, "invalid_identity"),
        ({"identity": "919445012345"}, "invalid_identity"),
        ({"identity": "person@example.com"}, "invalid_identity"),
        ({"page": None}, "invalid_request"),
        ({"page": "verify_otp"}, "invalid_request"),
        ({"page": ["enroll"]}, "invalid_request"),
        ({"phone": PHONE}, "invalid_request"),
        ({"page": "verify", "phone": "12"}, "invalid_phone"),
        ({"page": "verify", "name": "Alice", "phone": PHONE}, "invalid_request"),
        ({"name": "a" * 65}, "invalid_factor"),
        ({"name": "a\nb"}, "invalid_factor"),
        ({"return_url": f"{APP}/", "state": None}, "invalid_request"),
        ({"state": "s"}, "invalid_request"),
        ({"return_url": "https://b.example.com/", "state": "s"}, "invalid_return_url"),
        ({"return_url": f"{APP}/", "state": "s" * 513}, "invalid_return_url"),
    ],
)
def test_invalid_request_is_400_and_is_not_repeated(app_with, fields, error):
    response = post(app_with(**RETURNING).test_client(), **fields)

    assert (response.status_code, response.json["error"]) == (400, error)
    identity = fields.get("identity")
    assert identity is None or identity not in response.text


def test_link_to_a_check_without_authenticator_is_404(client):
    response = post(client, page="verify")

    assert (response.status_code, response.json["error"]) == (404, "factor_not_found")


def test_link_to_a_check_without_authenticator_can_have_a_number(client):
    assert post(client, page="verify", phone=PHONE).status_code == 201


def test_link_to_a_check_of_an_authenticator_is_created(client):
    LinkedPerson(client).enroll()

    assert post(client, page="verify").status_code == 201


def test_anonymous_client_gets_no_link_where_keys_are_configured(app_with):
    response = post(app_with(OTP_API_KEYS=f"shop:{SHOP}").test_client())

    assert (response.status_code, response.json["error"]) == (401, "unauthorized")


def test_client_with_a_key_gets_a_link(app_with):
    client = app_with(OTP_API_KEYS=f"shop:{SHOP}").test_client()

    response = client.post(
        LINK,
        json={"identity": IDENTITY, "page": "enroll"},
        headers={"Authorization": f"Bearer {SHOP}"},
    )

    assert response.status_code == 201


def test_link_without_a_factor_key_is_403(app_with):
    # Without an embedded store, dev mode has no factor key either.
    app = app_with(OTP_PEPPER=PEPPER, REDIS_URL="redis://localhost:1")

    response = post(app.test_client())

    assert (response.status_code, response.json["error"]) == (
        403,
        "totp_not_configured",
    )


def test_link_without_the_page_is_404(app_with):
    response = post(app_with(OTP_VERIFY_PAGE="0").test_client())

    assert (response.status_code, response.json["error"]) == (404, "not_found")
