from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.fakes import suspended_block
from tests.support.verify_client import Verify

PHONE = "+919445012345"
KEY = "shop-secret-0123456789abcdef"


@pytest.fixture
def suspended(outbox):
    """Let each send fail as one to a suspended destination."""
    wait = timedelta(hours=11, minutes=3, seconds=7)
    outbox.error = suspended_block(wait)


@pytest.mark.usefixtures("suspended")
def test_anonymous_client_gets_a_rounded_wait(client):
    response = client.post("/auth/send_otp", json={"phone": PHONE})

    assert response.status_code == 403
    assert response.json == {
        "msg": "Codes cannot be sent to this number for some time.",
        "error": "destination_suspended",
    }
    assert response.headers["Retry-After"] == str(int(11.25 * 3600))


@pytest.mark.usefixtures("suspended")
def test_client_with_a_key_gets_the_exact_wait_and_the_rule(app_with):
    client = app_with(OTP_API_KEYS=f"shop:{KEY}").test_client()

    response = client.post(
        "/auth/send_otp",
        json={"phone": PHONE},
        headers={"Authorization": f"Bearer {KEY}"},
    )

    assert response.status_code == 403
    assert response.json["limit"] == "pumping_guard"
    assert response.headers["Retry-After"] == str(11 * 3600 + 3 * 60 + 7)


@pytest.mark.usefixtures("suspended")
def test_v2_answers_as_twilio_with_the_prefix_of_the_block(app_with):
    response = Verify(app_with().test_client()).send(PHONE)

    assert (response.status, response.body["code"]) == (403, 60410)
    assert response.body["message"] == (
        "The destination phone number has been temporarily blocked by Twilio due to"
        " fraudulent activities. +91944501 prefix is blocked for the SMS channel"
    )
    assert "Retry-After" not in response.headers
    assert int(response.headers["OTP-Retry-After"]) % 900 == 0
