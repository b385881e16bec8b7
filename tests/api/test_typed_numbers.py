"""Numbers and codes as people and clients write them, on every API."""

from __future__ import annotations

import pytest

from tests.support.verify_client import ACCOUNT, SERVICE, TOKEN, Verify

SEND, CHECK = "/auth/send_otp", "/auth/verify_otp"
LIST = f"/v2/Services/{SERVICE}/Verifications"
FORM = "application/x-www-form-urlencoded"


def post_form(client, path, body):
    return client.post(path, data=body, content_type=FORM)


@pytest.fixture
def verify(app_with) -> Verify:
    return Verify(app_with(OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}").test_client())


@pytest.mark.parametrize(
    ("phone", "e164"),
    [
        ("+14155552671", "+14155552671"),
        ("+919445012345", "+919445012345"),
        ("%2B6797012345", "+6797012345"),
        ("+5215512345678", "+525512345678"),
        ("%E2%80%AA+91+94450+12345%E2%80%AC", "+919445012345"),
        ("6797012345", "+916797012345"),
    ],
)
def test_form_with_a_bare_plus_reaches_the_number_that_was_meant(
    client, outbox, phone, e164
):
    response = post_form(client, SEND, f"phone={phone}")

    assert response.status_code == 201
    assert [message.to for message in outbox.messages] == [e164]


@pytest.mark.parametrize("path", [SEND, CHECK])
@pytest.mark.parametrize("phone", ["+6797012345", "%206797012345", "+9445012345", "+1"])
def test_form_with_an_unclear_lost_plus_is_400(client, outbox, path, phone):
    response = post_form(client, path, f"phone={phone}&otp=123456")

    assert (response.status_code, response.json["error"]) == (400, "invalid_phone")
    assert "%2B" in response.json["msg"]
    assert outbox.messages == []


def test_leading_space_in_json_is_only_a_space(client, outbox):
    client.post(SEND, json={"phone": " 6797012345"})

    assert [message.to for message in outbox.messages] == ["+916797012345"]


def test_code_is_checked_with_a_lost_plus_of_the_number(client, outbox):
    client.post(SEND, json={"phone": "+14155552671"})

    response = post_form(client, CHECK, f"phone=+14155552671&otp={outbox.code}")

    assert response.json == {"VerificationStatus": "approved"}


def test_sandbox_number_is_read_with_a_lost_plus(app_with, outbox):
    app = app_with(OTP_TEST_NUMBERS="+15550100001:123456@2999-01-31")

    response = post_form(app.test_client(), SEND, "phone=+1+555+010-0001")

    assert response.status_code == 201
    assert outbox.messages == []


@pytest.mark.parametrize(
    "phone",
    [
        "\u202a+91 94450 12345\u202c",
        "+91\u200f\u0669\u0664\u0664\u0665\u0660\u0661\u0662\u0663\u0664\u0665",
        "\u096f\u096a\u096a\u096b\u0966\u0967\u0968\u0969\u096a\u096b",
        "\uff0b91\uff19445012345",
        "\t94450\r\n12345\n",
        "\ufeff9445012345",
    ],
)
def test_pasted_number_and_code_are_accepted(client, outbox, phone):
    client.post(SEND, json={"phone": phone})
    arabic = outbox.code.translate({ord("0") + n: chr(0x0660 + n) for n in range(10)})

    response = client.post(
        CHECK, json={"phone": phone, "otp": f"\u2067{arabic}\u2069\n"}
    )

    assert [message.to for message in outbox.messages] == ["+919445012345"]
    assert response.json == {"VerificationStatus": "approved"}


def test_spellings_of_a_number_share_its_verification_and_limits(app_with, outbox):
    client = app_with(OTP_SENDS_PER_PHONE="2/1h").test_client()
    old, new = {"phone": "+5215512345678"}, {"phone": "+525512345678"}

    sent = [client.post(SEND, json=body).status_code for body in (old, new)]
    checked = client.post(CHECK, json=new | {"otp": outbox.messages[0].code})
    refused = client.post(SEND, json=old)

    assert sent == [201, 201]
    assert {message.to for message in outbox.messages} == {"+525512345678"}
    assert checked.json == {"VerificationStatus": "approved"}
    assert (refused.status_code, refused.json["error"]) == (429, "rate_limited")


@pytest.mark.parametrize(
    ("region", "phone", "e164"),
    [
        ("AX", "0412345678", "+358412345678"),
        ("JE", "07797 712345", "+447797712345"),
        ("SJ", "412 34 567", "+4741234567"),
        ("AR", "11 2345-6789", "+5491123456789"),
        ("MX", "044 55 1234 5678", "+525512345678"),
    ],
)
def test_national_number_of_the_default_region_is_served(
    app_with, outbox, region, phone, e164
):
    app = app_with(OTP_DEFAULT_REGION=region, OTP_ALLOWED_COUNTRIES=region)

    response = app.test_client().post(SEND, json={"phone": phone})

    assert response.status_code == 201
    assert [message.to for message in outbox.messages] == [e164]


def test_number_of_a_territory_that_is_not_allowed_is_403(app_with, outbox):
    app = app_with(OTP_DEFAULT_REGION="GB", OTP_ALLOWED_COUNTRIES="GB")

    response = app.test_client().post(SEND, json={"phone": "07797 712345"})

    assert response.json["error"] == "country_not_allowed"
    assert outbox.messages == []


def test_numbers_of_a_shared_plan_count_under_one_country(app_with, outbox):
    client = app_with(
        OTP_DEFAULT_REGION="AX",
        OTP_ALLOWED_COUNTRIES="AX,FI",
        OTP_SENDS_PER_COUNTRY="2/1h",
    ).test_client()
    phones = ["0412345678", "+358 41 2345679", "00358412345670"]

    statuses = [
        client.post(SEND, json={"phone": phone}).status_code for phone in phones
    ]

    assert statuses == [201, 201, 429]
    assert len(outbox.messages) == 2


def test_refusal_of_a_landline_shows_a_mobile_number(app_with):
    client = app_with(OTP_DEFAULT_REGION="AR").test_client()

    response = client.post(SEND, json={"phone": "+54 11 2345-6789"})

    assert response.json["error"] == "number_type_not_allowed"
    assert response.json["msg"].endswith("such as +54 9 11 2345-6789.")


def test_landline_on_v2_is_60205(verify, outbox):
    response = verify.send("+541123456789")

    message = "SMS is not supported by landline phone number"
    assert response.error == (403, 60205, message)
    assert outbox.messages == []


@pytest.mark.parametrize("to", [" 14155552671", "\u202a 1 (415) 555-2671\u202c"])
def test_lost_plus_on_v2_is_read_as_a_plus(verify, outbox, to):
    sent = verify.send(to)
    checked = verify.check(outbox.code, To=to)

    assert (sent.status, sent.body["to"]) == (201, "+14155552671")
    assert checked.body["status"] == "approved"


@pytest.mark.parametrize("to", ["14155552671", "9445012345", " 9445012"])
def test_number_without_a_plus_on_v2_is_60200(verify, outbox, to):
    response = verify.send(to)

    assert response.error[:2] == (400, 60200)
    assert outbox.messages == []


@pytest.mark.parametrize("name", ["+14155552671", "%2B14155552671", "%2014155552671"])
def test_verification_is_found_by_the_number_in_a_path(verify, outbox, name):
    sent = verify.send("+14155552671")

    assert verify.get(f"{LIST}/{name}").body["sid"] == sent.body["sid"]


def test_verification_on_v2_is_one_for_all_spellings(verify, outbox):
    sent = verify.send("+5215512345678")

    assert sent.body["to"] == "+525512345678"
    assert verify.get(f"{LIST}/+525512345678").body["sid"] == sent.body["sid"]


def test_custom_code_is_accepted_in_other_digits(verify, outbox):
    sid = verify.service(CustomCodeEnabled="true")
    verify.send(service=sid, CustomCode="\u0661\u0662\u0663\u0664Ab")

    response = verify.check("\u200e1234 Ab\n", service=sid)

    assert response.body["status"] == "approved"


def test_safe_list_reads_a_lost_plus(verify):
    created = verify.post("/v2/SafeList/Numbers", PhoneNumber=" 5215512345678")

    assert created.body["phone_number"] == "+525512345678"
    for name in ("+525512345678", "+5215512345678", "%20525512345678"):
        assert verify.get(f"/v2/SafeList/Numbers/{name}").status == 200
    assert verify.delete("/v2/SafeList/Numbers/+5215512345678").status == 204


def test_attempts_are_filtered_by_a_lost_plus(verify, outbox):
    verify.send("+14155552671")

    response = verify.get("/v2/Attempts", **{"ChannelData.To": " 14155552671"})
    summary = verify.get("/v2/Attempts/Summary", DestinationPrefix=" 1\u200e415")

    assert len(response.body["attempts"]) == 1
    assert summary.body["total_attempts"] == 1


@pytest.mark.parametrize(("country", "applies"), [("FI", True), ("AX", False)])
def test_messaging_configuration_applies_to_the_country_that_counts(
    verify, outbox, country, applies
):
    sid, messaging_service = verify.service(), f"MG{'1' * 32}"
    verify.post(
        f"/v2/Services/{sid}/MessagingConfigurations",
        Country=country,
        MessagingServiceSid=messaging_service,
    )

    verify.send("+358412345678", service=sid)

    [message] = outbox.messages
    assert (message.messaging_service == messaging_service) is applies
