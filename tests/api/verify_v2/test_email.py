from __future__ import annotations

import json

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.domain.models import Channel
from tests.support.fakes import FakeSender, by_name, different_code
from tests.support.redis_dump import everything_in
from tests.support.settings import RELAXED
from tests.support.verify_client import ACCOUNT, SERVICE, TOKEN, Verify

PERSON = "person@example.com"
LIST = f"/v2/Services/{SERVICE}/Verifications"
NO_MAILER = (400, 60217, "A Mailer must be associated with the service")


@pytest.fixture
def mails():
    return FakeSender(name="smtp", channels=(Channel.EMAIL,))


@pytest.fixture
def verify(store, outbox, mails):
    keys = {"OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}"}
    settings = config.load(RELAXED | keys)
    app = create_app(settings, store=store, senders=by_name(outbox, mails))
    return Verify(app.test_client())


def send(verify, to=PERSON, **params):
    return verify.send(to, **({"Channel": "email"} | params))


def test_email_is_sent_and_checked(verify, mails):
    sent = send(verify)
    wrong = verify.check(different_code(mails.code), To=PERSON)
    right = verify.check(mails.code, To=PERSON)

    assert sent.status == 201
    assert (sent.body["to"], sent.body["channel"]) == (PERSON, "email")
    [attempt] = sent.body["send_code_attempts"]
    assert attempt["channel"] == "email"
    assert (wrong.body["status"], wrong.body["to"]) == ("pending", PERSON)
    assert (right.body["status"], right.body["valid"]) == ("approved", True)
    assert (right.body["to"], right.body["channel"]) == (PERSON, "email")


def test_verification_is_fetched_by_sid_and_by_address(verify):
    sid = send(verify).body["sid"]

    by_sid, by_address = verify.get(f"{LIST}/{sid}"), verify.get(f"{LIST}/{PERSON}")

    assert by_sid.body == by_address.body
    assert by_sid.body["to"] == PERSON


@pytest.mark.parametrize("status", ["canceled", "approved"])
def test_verification_is_closed_by_sid(verify, status):
    sid = send(verify).body["sid"]

    response = verify.post(f"{LIST}/{sid}", Status=status)

    assert (response.body["status"], response.body["to"]) == (status, PERSON)


def test_record_in_redis_has_no_address(verify, redis):
    send(verify)

    dump = everything_in(redis)

    assert b"record" in dump
    assert b"person" not in dump
    assert b"example.com" not in dump


def test_email_without_a_provider_has_no_mailer(verify_with, outbox):
    response = send(verify_with())

    assert response.error == NO_MAILER
    assert outbox.messages == []


@pytest.mark.parametrize(
    ("to", "channel"),
    [("+919445012345", "email"), (PERSON, "sms"), ("person@", "email"), ("@", "auto")],
)
def test_to_of_another_kind_is_invalid(verify, mails, outbox, to, channel):
    response = verify.send(to, Channel=channel)

    masked = to[:3] + "*" * len(to[3:16])
    assert response.error == (400, 60200, f"Invalid parameter `To`: {masked}")
    assert mails.messages == outbox.messages == []


def test_auto_sends_an_email_to_an_address(verify, mails):
    response = send(verify, Channel="auto")

    assert response.body["channel"] == mails.messages[0].channel == "email"


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"template_id": "d-1", "from": "other@example.com", "from_name": "Other"},
        {"substitutions": {"name": "Asha"}},
    ],
)
def test_channel_configuration_changes_neither_sender_nor_text(
    verify, mails, configuration
):
    response = send(verify, ChannelConfiguration=json.dumps(configuration))

    assert response.status == 201
    assert "Asha" not in mails.messages[0].body


def test_channel_configuration_that_is_no_object_is_invalid(verify):
    response = send(verify, ChannelConfiguration="d-1")

    assert response.error == (400, 60200, "Invalid parameter: ChannelConfiguration")


def test_check_of_another_address_finds_nothing(verify, mails):
    sid = send(verify).body["sid"]

    other = verify.check(mails.code, To="other@example.com")
    by_number = verify.check(mails.code)
    by_sid = verify.check(mails.code, VerificationSid=sid)

    assert (other.status, by_number.status) == (404, 404)
    assert by_sid.body["status"] == "approved"


def test_attempts_are_found_by_channel_and_address(verify):
    send(verify)
    verify.send()

    [by_channel] = verify.get("/v2/Attempts", Channel="email").body["attempts"]
    [by_address] = verify.get("/v2/Attempts", **{"ChannelData.To": PERSON}).body[
        "attempts"
    ]

    assert by_channel == by_address
    assert by_channel["channel"] == "email"
    assert by_channel["channel_data"]["to"] == "***@***"


def test_bound_service_checks_an_address_by_sid(verify, mails):
    service = verify.service()

    sid = verify.send(PERSON, service=service, Channel="email").body["sid"]
    response = verify.check(mails.code, service=service, VerificationSid=sid)

    assert response.body["status"] == "approved"


def test_auth_checks_a_code_that_v2_sent(verify, mails):
    send(verify)

    response = verify.auth("/auth/verify_otp", email=PERSON, otp=mails.code)

    assert response == {"VerificationStatus": "approved"}
