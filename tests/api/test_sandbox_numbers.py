"""Sandbox numbers on both APIs: a fixed code, and no message."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from otp_engine import config
from otp_engine.domain import engine_router
from otp_engine.domain.models import CheckRequest, SendRequest
from otp_engine.domain.phones.numbers import parse_unassigned
from otp_engine.domain.sandbox_numbers import SandboxNumber, SandboxNumbers
from otp_engine.errors import InvalidSettings, VerificationNotFound
from otp_engine.senders.null import NullSender
from tests.support.verify_client import SERVICE, Verify

NUMBER, CODE = "+15550100001", "123456"
FUTURE = date.today() + timedelta(days=2)  # noqa: DTZ011 - a future date in every time zone
ENTRY = f"{NUMBER}:{CODE}@{FUTURE}"


@pytest.fixture
def client(app_with):
    return app_with(
        OTP_TEST_NUMBERS=ENTRY,
        OTP_ALLOWED_COUNTRIES="IN",
        OTP_RESEND_COOLDOWN="30s",
        OTP_SENDS_PER_IP="20/1h",
        OTP_SENDS_PER_PHONE="2/1h",
        OTP_SENDS_TOTAL="2/1h",
        OTP_FAILED_CHECKS_PER_PHONE="1000/1h",
    ).test_client()


def send(client, number=NUMBER):
    return client.post("/auth/send_otp", json={"phone": number})


def check(client, code):
    return client.post("/auth/verify_otp", json={"phone": NUMBER, "otp": code})


def test_sandbox_number_has_a_fixed_code_and_no_message(client, outbox):
    sent = send(client)

    assert sent.status_code == 201
    assert outbox.messages == []
    assert check(client, CODE).json == {"VerificationStatus": "approved"}
    assert check(client, CODE).status_code == 404


def test_sandbox_sends_count_against_no_shared_limit(client, outbox):
    statuses = {send(client).status_code for _ in range(19)}

    assert statuses == {201}
    assert send(client, "+919445012345").status_code == 201
    assert len(outbox.messages) == 1


def test_sandbox_sends_count_against_the_requester(client):
    statuses = [send(client).status_code for _ in range(21)]

    assert statuses == [201] * 20 + [429]


def test_fixed_code_is_not_found_after_the_last_day(engine):
    days = [date(2027, 1, 31)]
    numbers = SandboxNumbers(
        {NUMBER: SandboxNumber(parse_unassigned(NUMBER), CODE, days[0])},
        lambda: days[0],
    )
    sandboxed_engines = engine_router.build(engine, numbers, {"null": NullSender()})
    number = parse_unassigned(NUMBER)
    sandboxed_engines.engine_for(number).send(SendRequest(address=number))
    days[0] += timedelta(days=1)

    with pytest.raises(VerificationNotFound):
        sandboxed_engines.engine_for(number).check(
            CheckRequest(address=number, code=CODE)
        )


def test_sandbox_number_has_the_usual_number_of_checks(client):
    send(client)
    for _ in range(5):
        assert check(client, "000000").json == {"VerificationStatus": "pending"}

    assert check(client, CODE).status_code == 429


def test_unlisted_number_is_refused(client):
    assert send(client, "+15550100002").status_code == 400


def test_sandbox_number_works_on_v2_without_an_attempt(app_with, outbox):
    verify = Verify(app_with(OTP_TEST_NUMBERS=ENTRY).test_client())

    sent = verify.send(NUMBER)
    checked = verify.check(CODE, SERVICE, VerificationSid=sent.body["sid"])

    assert (sent.body["to"], checked.body["status"]) == (NUMBER, "approved")
    assert verify.get("/v2/Attempts").body["attempts"] == []
    assert outbox.messages == []


@pytest.mark.parametrize(
    "entries",
    [
        f"{NUMBER}:{CODE}",
        f"{NUMBER}:{CODE}@soon",
        f"{NUMBER}:12@{FUTURE}",
        f"5550100001:{CODE}@{FUTURE}",
        f"+0:{CODE}@{FUTURE}",
        f"{ENTRY},nonsense",
        f"{NUMBER}:{CODE}@2020-13-01",
    ],
)
def test_malformed_entry_is_invalid_setting(entries):
    with pytest.raises(InvalidSettings, match="OTP_TEST_NUMBERS") as raised:
        config.load({"OTP_DEV": "1", "OTP_TEST_NUMBERS": entries})

    assert CODE not in str(raised.value).replace("+15550100001:123456@2027-01-31", "")


EXPIRED = f"{NUMBER}:{CODE}@2020-01-01"
# A number that could belong to a person.
ASSIGNED = "+919445012345"


def test_expired_entry_is_a_warning_without_the_number():
    settings = config.load({"OTP_DEV": "1", "OTP_TEST_NUMBERS": f"{EXPIRED},{ENTRY}"})

    (warning,) = (text for text in settings.warnings if "OTP_TEST_NUMBERS" in text)
    assert "+1********01 expired on 2020-01-01" in warning
    assert NUMBER not in warning


@pytest.mark.parametrize("entries", [f"{EXPIRED},{ENTRY}", f"{ENTRY},{EXPIRED}"])
def test_renewed_entry_beside_the_expired_one_is_used(app_with, entries):
    client = app_with(OTP_TEST_NUMBERS=entries).test_client()

    assert send(client).status_code == 201


def test_unassigned_number_is_invalid_after_its_last_day(app_with, outbox):
    client = app_with(OTP_TEST_NUMBERS=EXPIRED).test_client()

    assert send(client).json["error"] == "invalid_phone"
    assert outbox.messages == []


def test_assigned_number_gets_no_message_after_its_last_day(app_with, outbox):
    entry = f"{ASSIGNED}:{CODE}@2020-01-01"
    client = app_with(OTP_TEST_NUMBERS=entry).test_client()

    refused = send(client, ASSIGNED)

    assert refused.status_code == 403
    assert refused.json["error"] == "number_type_not_allowed"
    assert outbox.messages == []
    assert send(client, "+919445012346").status_code == 201


def test_assigned_number_gets_no_message_on_v2_after_its_last_day(app_with, outbox):
    entry = f"{ASSIGNED}:{CODE}@2020-01-01"
    verify = Verify(app_with(OTP_TEST_NUMBERS=entry).test_client())

    refused = verify.send(ASSIGNED)

    assert refused.status == 403
    assert outbox.messages == []
