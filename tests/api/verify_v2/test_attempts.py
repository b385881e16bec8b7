from __future__ import annotations

import pytest

from otp_engine.domain.events import (
    MessageDelivered,
    MessageRead,
    MessageUndelivered,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.errors import DeliveryUnconfirmed
from otp_engine.store import keys
from tests.support.redis_dump import everything_in
from tests.support.verify_client import SERVICE, TO

BOB, JANE = "+919445067890", "+14155552671"
LIST, SUMMARY = "/v2/Attempts", "/v2/Attempts/Summary"


def listed(verify, **query):
    return verify.get(LIST, **query).body["attempts"]


def test_send_is_listed_as_unconverted_attempt(verify):
    sent = verify.send().body

    [attempt] = listed(verify)

    assert attempt["sid"] == sent["send_code_attempts"][0]["attempt_sid"]
    assert attempt["verification_sid"] == sent["sid"]
    assert attempt["service_sid"] == SERVICE
    assert attempt["conversion_status"] == "unconverted"
    assert attempt["channel_data"]["status"] == "unconfirmed"
    assert attempt["channel_data"]["country"] == "IN"


def test_approval_converts_every_attempt_of_its_verification(verify, outbox):
    verify.send()
    verify.send()
    verify.check(outbox.code)

    attempts = listed(verify)

    assert [attempt["conversion_status"] for attempt in attempts] == ["converted"] * 2
    assert attempts[0]["channel_data"]["status"] == "confirmed"


def test_approval_by_client_converts_attempt(verify):
    verify.send()
    verify.post(f"/v2/Services/{SERVICE}/Verifications/{TO}", Status="approved")

    assert listed(verify)[0]["conversion_status"] == "converted"


def message_event(event_type, outbox, **more):
    recipient = PseudonymousRecipient(phone_hash="h", prefix="+91944", country="IN")
    return event_type(
        recipient=recipient,
        channel=Channel.SMS,
        provider="twilio",
        delivery_id=outbox.messages[0].delivery_id,
        **more,
    )


def report(store, outbox, event_type, **more):
    store.events.add(message_event(event_type, outbox, **more))
    # A list waits for a second only, which can be too short on a busy machine.
    assert store.events.flush(timeout=60)


def test_attempt_without_report_is_accepted(verify):
    verify.send()

    data = listed(verify)[0]["channel_data"]
    assert (data["message_status"], data["error_code"]) == ("accepted", None)


def test_undelivered_attempt_has_error_code_as_text(verify, store, outbox):
    verify.send()
    verify.send()
    report(store, outbox, MessageUndelivered, provider_error=30008)

    second, first = (attempt["channel_data"] for attempt in listed(verify))
    assert (first["message_status"], first["error_code"]) == ("undelivered", "30008")
    assert (second["message_status"], second["error_code"]) == ("accepted", None)


def test_attempt_has_the_latest_status_of_its_message(verify, store, outbox):
    verify.send()
    report(store, outbox, MessageRead)
    report(store, outbox, MessageDelivered)
    report(store, outbox, MessageUndelivered, provider_error=None)

    data = listed(verify)[0]["channel_data"]
    assert (data["message_status"], data["error_code"]) == ("read", None)


def test_send_by_auth_api_is_listed(verify):
    verify.auth("/auth/send_otp", phone=TO)

    assert len(listed(verify)) == 1


def test_rejected_send_is_not_listed(verify_with):
    verify = verify_with(OTP_SENDS_TOTAL="1/1h")
    verify.send()
    verify.send(BOB)

    assert len(listed(verify)) == 1


def test_attempt_can_be_fetched_by_sid(verify):
    verify.send()
    [attempt] = listed(verify)

    assert verify.get(f"{LIST}/{attempt['sid']}").body == attempt
    assert verify.get(f"{LIST}/VL{'0' * 32}").error[:2] == (404, 20404)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"ChannelData.To": BOB}, 1),
        ({"ChannelData.To": "+919445000000"}, 0),
        ({"Country": "US"}, 1),
        ({"Country": "in"}, 2),
        ({"Country": "001"}, 0),
        ({"Channel": "SMS"}, 3),
        ({"Channel": "whatsapp"}, 0),
        ({"Channel": "call"}, 0),
        ({"Channel": "email"}, 0),
        ({"Channel": "RBM"}, 0),
        ({"Status": "CONVERTED"}, 1),
        ({"Status": "unconverted"}, 2),
        ({"VerifyServiceSid": SERVICE}, 3),
        ({"VerifyServiceSid": f"VA{'9' * 32}"}, 0),
        ({"DateCreatedAfter": "2020-01-01T00:00:00Z"}, 3),
        ({"DateCreatedBefore": "2020-01-01"}, 0),
        ({"Country": "IN", "Status": "converted"}, 1),
    ],
)
def test_list_filters_by_query_parameters(verify, outbox, query, count):
    verify.send()
    verify.check(outbox.code)
    verify.send(BOB)
    verify.send(JANE)

    assert len(listed(verify, **query)) == count


def test_list_filters_by_verification_sid(verify):
    sid = verify.send().body["sid"]
    verify.send(BOB)

    [attempt] = listed(verify, VerificationSid=sid)

    assert attempt["verification_sid"] == sid


@pytest.mark.parametrize(
    "name",
    [
        *("ChannelData.To", "Channel", "Status", "VerifyServiceSid"),
        *("VerificationSid", "DateCreatedAfter", "DateCreatedBefore", "Country"),
    ],
)
def test_invalid_filter_is_rejected_by_name(verify, name):
    verify.send()

    response = verify.get(LIST, **{name: "nonsense"})

    assert response.error == (400, 60200, f"Invalid parameter: {name}")


def test_summary_counts_conversions(verify, outbox):
    verify.send()
    verify.check(outbox.code)
    verify.send(BOB)
    verify.send(JANE)

    body = verify.get(SUMMARY).body

    assert (body["total_attempts"], body["total_converted"]) == (3, 1)
    assert body["total_unconverted"] == 2
    assert body["conversion_rate_percentage"] == "33.333333333"


def test_summary_without_attempts_is_zero(verify):
    body = verify.get(SUMMARY).body

    assert body["total_attempts"] == 0
    assert float(body["conversion_rate_percentage"]) == 0


@pytest.mark.parametrize(
    ("prefix", "count"), [("+91", 2), ("9194450", 0), ("+91944", 2), ("1415", 1)]
)
def test_summary_filters_by_destination_prefix(verify, prefix, count):
    for to in (TO, BOB, JANE):
        verify.send(to)

    body = verify.get(SUMMARY, DestinationPrefix=prefix).body

    assert body["total_attempts"] == count


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Country", "USA"),
        ("Country", "I1"),
        ("DestinationPrefix", "India"),
        ("DestinationPrefix", "++91"),
        ("DestinationPrefix", "9" * 16),
        ("Channel", "pigeon"),
        ("VerifyServiceSid", "VA1"),
    ],
)
def test_invalid_filter_of_summary_is_rejected_by_name(verify, name, value):
    response = verify.get(SUMMARY, **{name: value})

    assert response.error == (400, 60200, f"Invalid parameter: {name}")


@pytest.mark.parametrize(
    ("channel", "count"),
    [("sms", 1), ("call", 0), ("email", 0), ("whatsapp", 0), ("rbm", 0)],
)
def test_summary_filters_by_channel(verify, channel, count):
    verify.send(Channel="auto")

    body = verify.get(SUMMARY, Channel=channel).body

    assert body["total_attempts"] == count


def test_unconfirmed_send_is_listed_and_can_convert(verify, outbox):
    verify.send()
    outbox.error = DeliveryUnconfirmed()

    assert verify.send().error == (504, 20504, "Gateway timeout")

    verify.check(outbox.code)
    statuses = [attempt["conversion_status"] for attempt in listed(verify)]
    assert statuses == ["converted"] * 2


@pytest.mark.parametrize("start", ["1969-12-31T23:59:59Z", "0001-01-01"])
def test_list_accepts_start_before_1970(verify, start):
    verify.send()

    assert len(listed(verify, DateCreatedAfter=start)) == 1


@pytest.mark.parametrize(
    ("parameters", "language"),
    [
        ({"Locale": "es-MX"}, "es"),
        ({"Locale": "ja-JP"}, "ja"),
        ({"Locale": "bg"}, "en"),
        ({}, "en"),
    ],
)
def test_attempt_shows_language_of_message(verify, parameters, language):
    verify.send(**parameters)

    assert listed(verify)[0]["channel_data"]["locale"] == language


def test_attempt_shows_length_of_custom_code(verify):
    sid = verify.service(CustomCodeEnabled="true")
    verify.send(service=sid, CustomCode="AbC12345")

    assert listed(verify)[0]["channel_data"]["code_length"] == 8


def sids_of_pages(verify):
    url, sids = f"{LIST}?PageSize=2", []
    while url:
        body = verify.get(url.removeprefix("http://localhost")).body
        sids += [attempt["sid"] for attempt in body["attempts"]]
        url = body["meta"]["next_page_url"]
    return sids


def test_pages_cover_every_attempt(verify):
    for n in range(5):
        verify.send(f"+91944506789{n}")

    assert len(set(sids_of_pages(verify))) == 5


def give_one_time_to_events(store, redis):
    """Store all events as if one write had stored them."""
    assert store.events.flush(timeout=60)
    entries = redis.xrange(keys.EVENTS)
    redis.delete(keys.EVENTS)
    milliseconds = entries[0][0].partition(b"-")[0].decode()
    for number, (_, fields) in enumerate(entries):
        redis.xadd(keys.EVENTS, fields, id=f"{milliseconds}-{number}")


def test_attempts_of_one_write_are_listed_newest_first(verify, store, redis):
    sends = [verify.send(f"+9194450678{n:02}").body for n in range(12)]
    give_one_time_to_events(store, redis)

    sids = [sent["send_code_attempts"][0]["attempt_sid"] for sent in sends]
    assert sids_of_pages(verify) == sids[::-1]


def test_attempt_masks_number(verify, redis):
    verify.send()

    [attempt] = listed(verify)

    assert attempt["channel_data"]["to"] == "+91944*******"
    assert b"9445012345" not in everything_in(redis)
