from __future__ import annotations

import pytest

PHONE = "+919445012345"
SHOP, BLOG = "shop-secret-0123456789abcdef", "blog-secret-0123456789abcdef"
KEYS = f"shop:{SHOP},blog:{BLOG}"


@pytest.fixture
def send(app_with):
    """Return a function that sends with an API key, and returns the response."""
    return sender(app_with, OTP_GUARD="on")


def sender(app_with, **settings):
    settings |= {"OTP_API_KEYS": KEYS, "OTP_VOUCHED_PER_KEY": "1/24h"}
    client = app_with(**settings).test_client()

    def post(key=SHOP, **fields):
        headers = {"Authorization": f"Bearer {key}"}
        return client.post("/auth/send_otp", json=fields, headers=headers)

    return post


def test_vouched_send_counts_for_its_key(send):
    response = send(phone=PHONE, vouched=True)

    assert response.status_code == 201
    assert '"vouched_per_key 1/1d";r=0' in response.headers["RateLimit"]


def test_vouched_send_over_the_limit_of_its_key_is_refused(send):
    send(phone=PHONE, vouched=True)

    response = send(phone=PHONE, vouched=True)

    assert response.status_code == 429
    assert response.json["limit"] == "vouched_per_key"


@pytest.mark.parametrize("fields", [{}, {"vouched": False}, {"vouched": None}])
def test_send_without_vouching_does_not_count(send, fields):
    send(phone=PHONE, vouched=True)

    response = send(phone=PHONE, **fields)

    assert response.status_code == 201
    assert "vouched_per_key" not in response.headers["RateLimit"]


@pytest.mark.parametrize("guard", ["shadow", "off", "on, IN=shadow", "on, IN=off"])
def test_vouching_over_its_limit_is_accepted_while_the_guard_refuses_nothing(
    app_with, guard
):
    send = sender(app_with, OTP_GUARD=guard)
    responses = [send(phone=PHONE, vouched=True) for _ in range(3)]

    assert [response.status_code for response in responses] == [201] * 3
    assert "vouched_per_key" not in responses[-1].headers["RateLimit"]


def test_each_key_has_its_own_count(send):
    send(phone=PHONE, vouched=True)

    assert send(BLOG, phone=PHONE, vouched=True).status_code == 201


def test_resend_of_a_bound_verification_can_be_vouched(send):
    handle = send(phone=PHONE, bind=True).headers["OTP-Verification"]
    resends = [send(verification=handle, vouched=True) for _ in range(2)]

    assert [response.status_code for response in resends] == [201, 429]
    assert resends[1].json["limit"] == "vouched_per_key"


@pytest.mark.parametrize("vouched", ["yes", 1, "", [True]])
def test_value_that_is_no_boolean_is_rejected(send, vouched):
    response = send(phone=PHONE, vouched=vouched)

    assert response.status_code == 400
    assert response.json["msg"] == "'vouched' must be true or false."


def test_anonymous_client_cannot_vouch(client, outbox):
    response = client.post("/auth/send_otp", json={"phone": PHONE, "vouched": True})

    assert response.status_code == 400
    assert response.json == {
        "msg": "'vouched' needs an API key.",
        "error": "invalid_request",
    }
    assert outbox.messages == []


@pytest.mark.parametrize(("text", "status"), [("true", 400), ("false", 201)])
def test_form_has_the_flag_as_text(client, text, status):
    form = {"phone": PHONE, "vouched": text}

    assert client.post("/auth/send_otp", data=form).status_code == status
