"""The simulated provider of `/dev/inbox`."""

from __future__ import annotations

import re

import pytest

from tests.support import redis_server

PHONE = "+919445012345"


def send(client):
    return client.post("/auth/send_otp", json={"phone": PHONE})


def messages(client):
    return client.get("/dev/inbox.json").json["messages"]


def simulate(client, outcome, **headers):
    form = {"outcome": outcome}
    return client.post("/dev/inbox/provider", data=form, headers=headers)


def test_simulated_rejection_is_the_answer_of_the_next_send(client):
    response = simulate(client, "rejected")

    rejected = send(client)
    simulate(client, "accepted")
    accepted = send(client)

    assert (response.status_code, response.json) == (200, {"outcome": "rejected"})
    assert (rejected.status_code, rejected.json["error"]) == (502, "delivery_failed")
    assert accepted.status_code == 201
    assert len(messages(client)) == 1


def test_outcome_of_a_channel_is_set_with_json(client):
    body = {"outcome": "rejected", "channel": "sms"}

    response = client.post("/dev/inbox/provider", json=body)

    client.post("/dev/inbox/provider", json={"outcome": "accepted"})
    assert (response.status_code, response.json) == (200, body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"outcome": 5}, "outcome"),
        ({"outcome": ["slow"]}, "outcome"),
        ({"outcome": {}}, "outcome"),
        ([], "outcome"),
        ({"outcome": "slow", "channel": ["sms"]}, "channel"),
        ({"outcome": "slow", "channel": {"sms": 1}}, "channel"),
    ],
)
def test_outcome_or_channel_of_another_type_is_rejected(client, body, field):
    response = client.post("/dev/inbox/provider", json=body)

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")
    assert response.json["msg"].startswith(f"'{field}' must be one of")


def test_browser_returns_to_the_inbox_after_the_choice_of_an_outcome(client):
    response = simulate(client, "rejected", Accept="text/html,*/*;q=0.8")

    assert (response.status_code, response.location) == (303, "/dev/inbox")


def test_simulated_report_marks_the_message_as_undelivered(client):
    simulate(client, "undelivered")

    response = send(client)

    assert response.status_code == 201
    assert messages(client)[0]["state"] == "pending"
    redis_server.wait_until(lambda: messages(client)[0]["state"] == "undelivered")
    assert messages(client)[0]["expires_in"] > 500
    page = client.get("/metrics").text
    delivered = 'otp_deliveries_total{channel="sms",country="IN",outcome="undelivered"}'
    assert f"{delivered} " in page


def test_undelivered_code_is_approved_if_it_is_entered(client):
    simulate(client, "undelivered")
    send(client)
    redis_server.wait_until(lambda: messages(client)[0]["state"] == "undelivered")
    code = messages(client)[0]["code"]

    client.post("/auth/verify_otp", json={"phone": PHONE, "otp": code})

    assert messages(client)[0]["state"] == "approved"


def test_page_shows_the_simulation(client):
    before = client.get("/dev/inbox").text
    simulate(client, "unconfirmed")

    after = client.get("/dev/inbox").text

    assert "A provider is simulated" not in before
    assert "the next messages are unconfirmed (all channels)" in after
    assert re.findall(r'<option value="(\w+)" selected>', after) == ["unconfirmed"]


def test_simulation_of_one_channel_leaves_the_others(client):
    form = {"outcome": "rejected", "channel": "whatsapp"}

    response = client.post("/dev/inbox/provider", data=form)

    assert response.json == form
    assert send(client).status_code == 201
    page = client.get("/dev/inbox").text
    assert "the next messages are rejected (WhatsApp), for an hour" in page


@pytest.mark.parametrize("channel", ["pigeon", "SMS"])
def test_simulation_of_an_unknown_channel_is_rejected(client, channel):
    form = {"outcome": "rejected", "channel": channel}

    response = client.post("/dev/inbox/provider", data=form)

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")
    assert "whatsapp" in response.json["msg"]


def test_delivered_message_has_its_statuses(client):
    send(client)

    redis_server.wait_until(
        lambda: messages(client)[0]["delivery_status"] == "delivered"
    )

    statuses = [each["status"] for each in messages(client)[0]["statuses"]]
    assert statuses == ["queued", "sent", "delivered"]
    assert messages(client)[0]["state"] == "pending"


@pytest.mark.parametrize("outcome", ["", "other", "Rejected"])
def test_unknown_outcome_is_rejected(client, outcome):
    response = simulate(client, outcome)

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")
    assert "unconfirmed" in response.json["msg"]


def test_page_of_another_origin_simulates_nothing(client):
    response = simulate(client, "rejected", Origin="https://evil.example")

    assert response.status_code == 403
    assert send(client).status_code == 201
