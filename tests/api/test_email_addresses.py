"""`/auth` with an e-mail address in place of a phone number."""

from __future__ import annotations

import base64
import logging

import jwt
import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.domain.models import Channel
from otp_engine.errors import InvalidEmail
from tests.support.fakes import FakeSender, by_name, different_code
from tests.support.settings import RELAXED

EMAIL = {"email": "person@example.com"}
SEED = base64.b64encode(b"s" * 32).decode()


@pytest.fixture
def mails():
    return FakeSender(name="smtp", channels=(Channel.EMAIL,))


@pytest.fixture
def build_client(store, outbox, mails):
    """Return a function that builds a client of an app with phones and e-mails."""

    def build(*senders, **environ):
        settings = config.load(RELAXED | environ)
        app = create_app(
            settings, store=store, senders=by_name(*(senders or (outbox, mails)))
        )
        return app.test_client()

    return build


@pytest.fixture
def client(build_client):
    return build_client()


def send(client, **more):
    return client.post("/auth/send_otp", json=EMAIL | more)


def verify(client, otp, **more):
    return client.post("/auth/verify_otp", json=EMAIL | {"otp": otp} | more)


def test_send_and_verify_return_the_bodies_of_the_contract(client, mails, outbox):
    sent = send(client)
    wrong = verify(client, different_code(mails.code))
    right = verify(client, mails.code)

    assert (sent.status_code, sent.json) == (
        201,
        {"message": "OTP sent successfully.", "VerificationStatus": "pending"},
    )
    assert sent.headers["OTP-Expires-In"] == "600"
    assert (wrong.status_code, wrong.json) == (201, {"VerificationStatus": "pending"})
    assert wrong.headers["OTP-Attempts-Left"] == "4"
    assert (right.status_code, right.json) == (201, {"VerificationStatus": "approved"})
    assert outbox.messages == []


@pytest.mark.parametrize("channel", ["email", "auto"])
def test_channel_of_an_email_address_can_be_named(client, mails, channel):
    response = send(client, channel=channel)

    assert response.status_code == 201
    assert len(mails.messages) == 1


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "fax"])
def test_other_channel_of_an_email_address_is_rejected(client, mails, channel):
    response = send(client, channel=channel)

    assert (response.status_code, response.json) == (
        400,
        {"msg": "'channel' must be one of: auto, email.", "error": "invalid_request"},
    )
    assert mails.messages == []


def test_channel_email_of_a_phone_is_rejected(client, mails, outbox):
    body = {"phone": "9445012345", "channel": "email"}

    response = client.post("/auth/send_otp", json=body)

    assert response.json == {
        "msg": "'channel' must be one of: auto, sms.",
        "error": "invalid_request",
    }
    assert mails.messages == outbox.messages == []


@pytest.mark.parametrize("path", ["send_otp", "verify_otp"])
def test_phone_and_email_together_are_rejected(client, mails, path):
    body = EMAIL | {"phone": "9445012345", "otp": "123456"}

    response = client.post(f"/auth/{path}", json=body)

    assert (response.status_code, response.json) == (
        400,
        {
            "msg": "Send either 'phone' or 'email', and not both.",
            "error": "invalid_request",
        },
    )


@pytest.mark.parametrize("path", ["send_otp", "verify_otp"])
def test_neither_phone_nor_email_is_rejected(client, path):
    response = client.post(f"/auth/{path}", json={"otp": "123456"})

    assert response.json == {
        "msg": "'phone' or 'email' is missing.",
        "error": "invalid_request",
    }


def test_missing_phone_without_emails_is_named_alone(build_client, outbox):
    response = build_client(outbox).post("/auth/send_otp", json={})

    assert response.json["msg"] == "'phone' is missing."


@pytest.mark.parametrize("path", ["send_otp", "verify_otp"])
def test_email_without_a_provider_is_rejected(build_client, outbox, path):
    response = build_client(outbox).post(
        f"/auth/{path}", json=EMAIL | {"otp": "123456"}
    )

    assert (response.status_code, response.json) == (
        400,
        {
            "msg": "'email' is not served: no provider sends e-mails.",
            "error": "invalid_request",
        },
    )


def test_phone_with_only_a_provider_of_emails_is_refused(build_client, mails):
    response = build_client(mails).post("/auth/send_otp", json={"phone": "9445012345"})

    assert (response.status_code, response.json["error"]) == (
        403,
        "channel_not_allowed",
    )
    assert mails.messages == []


@pytest.mark.parametrize(
    "email",
    ["person", "person@localhost", "a@b@c.example", "per\r\nson@example.com", "+91944"],
)
@pytest.mark.parametrize("path", ["send_otp", "verify_otp"])
def test_text_that_is_no_address_is_invalid_email(client, mails, path, email):
    response = client.post(f"/auth/{path}", json={"email": email, "otp": "123456"})

    assert (response.status_code, response.json) == (
        400,
        {"msg": InvalidEmail.message, "error": "invalid_email"},
    )
    assert mails.messages == []


@pytest.mark.parametrize("email", [7, ["person@example.com"], {}, True])
def test_email_that_is_not_text_is_rejected(client, email):
    response = client.post("/auth/send_otp", json={"email": email})

    assert response.json["msg"] == "'email' must be text, in quotes."


def test_lost_plus_of_a_form_is_not_restored(client, mails):
    body = "email=person+tag@example.com"
    form = "application/x-www-form-urlencoded"

    response = client.post("/auth/send_otp", data=body, content_type=form)

    assert response.json["error"] == "invalid_email"
    assert mails.messages == []


def test_encoded_plus_of_a_form_is_kept(client, mails):
    client.post("/auth/send_otp", data={"email": "person+tag@example.com"})

    assert mails.messages[0].to == "person+tag@example.com"


def test_address_that_the_mail_server_rejects_is_invalid_email(client, mails):
    mails.error = InvalidEmail()

    response = send(client)

    assert (response.status_code, response.json["error"]) == (400, "invalid_email")


def test_bound_verification_of_an_address_is_checked_and_canceled_by_handle(
    client, mails
):
    handle = send(client, bind=True).headers["OTP-Verification"]
    other = client.post("/auth/send_otp", json=EMAIL | {"bind": True})

    without = verify(client, mails.codes[0])
    resent = client.post("/auth/send_otp", json={"verification": handle})
    right = client.post(
        "/auth/verify_otp", json={"verification": handle, "otp": mails.codes[0]}
    )
    canceled = client.post(
        "/auth/cancel_otp", json={"verification": other.headers["OTP-Verification"]}
    )

    assert without.status_code == 404
    assert resent.status_code == 201
    assert right.json == {"VerificationStatus": "approved"}
    assert canceled.json == {"VerificationStatus": "canceled"}


@pytest.mark.parametrize(
    "other", [{"email": "other@example.com"}, {"phone": "9445012345"}]
)
def test_handle_of_another_recipient_is_rejected(client, mails, other):
    handle = send(client, bind=True).headers["OTP-Verification"]

    response = client.post(
        "/auth/verify_otp", json=other | {"verification": handle, "otp": mails.code}
    )

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")


def test_verify_page_does_not_check_the_code_of_an_address(client, mails):
    handle = send(client, bind=True).headers["OTP-Verification"]
    with client.session_transaction("/verify") as session:
        session["handle"] = handle
        session["csrf_token"] = "token"

    form = {"csrf_token": "token", "step": "code", "otp": mails.code}
    response = client.post("/verify", data=form)

    assert (response.status_code, 'data-step="number"' in response.text) == (404, True)

    body = {"verification": handle, "otp": mails.code}
    response = client.post("/auth/verify_otp", json=body)
    assert response.json == {"VerificationStatus": "approved"}


def test_proof_token_has_the_claims_of_an_email_address(build_client, mails):
    client = build_client(OTP_PROOF_KEY=SEED)
    client.post("/auth/send_otp", json={"email": "Person@Example.com"})

    response = verify(client, mails.code)

    [key] = client.get("/.well-known/jwks.json").json["keys"]
    proof = jwt.decode(
        response.headers["OTP-Proof"],
        jwt.PyJWK(key),
        algorithms=["EdDSA"],
        audience="anonymous",
    )
    assert proof["sub"] == proof["email"] == "person@example.com"
    assert proof["email_verified"] is True


def test_proof_token_of_a_number_has_no_email_claims(build_client, outbox):
    client = build_client(OTP_PROOF_KEY=SEED)
    phone = {"phone": "9445012345"}
    client.post("/auth/send_otp", json=phone)

    response = client.post("/auth/verify_otp", json=phone | {"otp": outbox.code})

    token = response.headers["OTP-Proof"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert not {"email", "email_verified"} & claims.keys()


def test_logs_and_metrics_contain_no_address_and_no_code(build_client, mails, caplog):
    client = build_client(OTP_DEV="1")
    with caplog.at_level(logging.DEBUG):
        send(client)
        wrong = different_code(mails.code)
        verify(client, wrong)
        verify(client, mails.code)
        client.post("/auth/send_otp", json={"email": "person@@example.com"})
        metrics = client.get("/metrics").text

    shown = caplog.text + "".join(str(r.__dict__) for r in caplog.records) + metrics
    for secret in ("person@", "example.com", mails.code, wrong):
        assert secret not in shown
    assert "p***@e***.com" in shown
