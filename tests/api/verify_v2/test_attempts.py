"""What became of each send, as `/v2/Attempts` tells it."""

from __future__ import annotations

import pytest

from otp_engine.errors import DeliveryUnconfirmed
from tests.api.verify_v2.conftest import SERVICE, TO
from tests.dump import everything_in

BOB, JANE = "+919445067890", "+14155552671"
LIST, SUMMARY = "/v2/Attempts", "/v2/Attempts/Summary"


def listed(verify, **query):
    return verify.get(LIST, **query).body["attempts"]


def test_a_send_is_an_attempt_that_has_not_converted(verify):
    sent = verify.send().body

    [attempt] = listed(verify)

    assert attempt["sid"] == sent["send_code_attempts"][0]["attempt_sid"]
    assert attempt["verification_sid"] == sent["sid"]
    assert attempt["service_sid"] == SERVICE
    assert attempt["conversion_status"] == "unconverted"
    assert attempt["channel_data"]["status"] == "unconfirmed"
    assert attempt["channel_data"]["country"] == "IN"


def test_an_approval_converts_every_attempt_of_its_verification(verify, outbox):
    verify.send()
    verify.send()
    verify.check(outbox.code)

    attempts = listed(verify)

    assert [one["conversion_status"] for one in attempts] == ["converted"] * 2
    assert attempts[0]["channel_data"]["status"] == "confirmed"


def test_an_approval_by_the_program_converts_as_well(verify):
    verify.send()
    verify.post(f"/v2/Services/{SERVICE}/Verifications/{TO}", Status="approved")

    assert listed(verify)[0]["conversion_status"] == "converted"


def test_what_the_other_face_sends_is_an_attempt_too(verify):
    verify.auth("/auth/send_otp", phone=TO)

    assert len(listed(verify)) == 1


def test_a_refused_send_is_no_attempt(verify_with):
    verify = verify_with(OTP_SENDS_TOTAL="1/1h")
    verify.send()
    verify.send(BOB)

    assert len(listed(verify)) == 1


def test_attempts_can_be_fetched_one_by_one(verify):
    verify.send()
    [attempt] = listed(verify)

    assert verify.get(f"{LIST}/{attempt['sid']}").body == attempt
    assert verify.get(f"{LIST}/VL{'0' * 32}").error[:2] == (404, 20404)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"ChannelData.To": BOB}, 1),
        ({"ChannelData.To": "+919445000000"}, 0),
        ({"Country": "US"}, 1),
        ({"Country": "IN"}, 2),
        ({"Channel": "SMS"}, 3),
        ({"Channel": "whatsapp"}, 0),
        ({"Status": "CONVERTED"}, 1),
        ({"Status": "unconverted"}, 2),
        ({"VerifyServiceSid": SERVICE}, 3),
        ({"VerifyServiceSid": f"VA{'9' * 32}"}, 0),
        ({"DateCreatedAfter": "2020-01-01T00:00:00Z"}, 3),
        ({"DateCreatedBefore": "2020-01-01"}, 0),
        ({"Country": "IN", "Status": "converted"}, 1),
    ],
)
def test_attempts_can_be_asked_for_by_what_they_are(verify, outbox, query, found):
    verify.send()
    verify.check(outbox.code)
    verify.send(BOB)
    verify.send(JANE)

    assert len(listed(verify, **query)) == found


def test_attempts_can_be_asked_for_by_verification(verify):
    sid = verify.send().body["sid"]
    verify.send(BOB)

    [attempt] = listed(verify, VerificationSid=sid)

    assert attempt["verification_sid"] == sid


@pytest.mark.parametrize(
    "name",
    [
        *("ChannelData.To", "Channel", "Status", "VerifyServiceSid"),
        *("VerificationSid", "DateCreatedAfter", "DateCreatedBefore"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_its_name(verify, name):
    verify.send()

    answer = verify.get(LIST, **{name: "nonsense"})

    assert answer.error == (400, 60200, f"Invalid parameter: {name}")


def test_a_summary_counts_conversions(verify, outbox):
    verify.send()
    verify.check(outbox.code)
    verify.send(BOB)
    verify.send(JANE)

    body = verify.get(SUMMARY).body

    assert (body["total_attempts"], body["total_converted"]) == (3, 1)
    assert body["total_unconverted"] == 2
    assert body["conversion_rate_percentage"] == "33.333333333"


def test_a_summary_of_nothing_is_nothing(verify):
    body = verify.get(SUMMARY).body

    assert body["total_attempts"] == 0
    assert float(body["conversion_rate_percentage"]) == 0


@pytest.mark.parametrize(
    ("prefix", "found"), [("+91", 2), ("9194450", 0), ("+91944", 2), ("1415", 1)]
)
def test_a_summary_can_be_of_the_numbers_that_begin_alike(verify, prefix, found):
    for to in (TO, BOB, JANE):
        verify.send(to)

    body = verify.get(SUMMARY, DestinationPrefix=prefix).body

    assert body["total_attempts"] == found


def test_a_send_that_nobody_confirmed_is_an_attempt_and_can_convert(verify, outbox):
    verify.send()
    outbox.refusal = DeliveryUnconfirmed()

    assert verify.send().error == (504, 20504, "Gateway timeout")

    verify.check(outbox.code)
    statuses = [one["conversion_status"] for one in listed(verify)]
    assert statuses == ["converted"] * 2


@pytest.mark.parametrize("moment", ["1969-12-31T23:59:59Z", "0001-01-01"])
def test_everything_happened_after_a_time_long_ago(verify, moment):
    verify.send()

    assert len(listed(verify, DateCreatedAfter=moment)) == 1


def test_a_long_locale_is_refused_and_a_short_one_kept_as_its_language(verify):
    refused = verify.send(Locale=f"en-{'x' * 5_000}")
    verify.send(Locale="es-MX")

    assert refused.error == (400, 60200, "Invalid parameter: Locale")
    assert listed(verify)[0]["channel_data"]["locale"] == "es"


def test_a_code_that_was_brought_is_as_long_as_it_is(verify):
    sid = verify.service(CustomCodeEnabled="true")
    verify.send(service=sid, CustomCode="AbC12345")

    assert listed(verify)[0]["channel_data"]["code_length"] == 8


def test_attempts_are_walked_page_by_page(verify):
    for n in range(5):
        verify.send(f"+91944506789{n}")
    url, seen = f"{LIST}?PageSize=2", []
    while url:
        body = verify.get(url.removeprefix("http://localhost")).body
        seen += [one["sid"] for one in body["attempts"]]
        url = body["meta"]["next_page_url"]

    assert len(set(seen)) == 5


def test_an_attempt_shows_the_region_of_a_number_and_nobodys_number(verify, client):
    verify.send()

    [attempt] = listed(verify)

    assert attempt["channel_data"]["to"] == "+91944*******"
    assert b"9445012345" not in everything_in(client)
