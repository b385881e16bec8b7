"""A service's own limits, its senders by country, and the safe list."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.api.verify_v2.conftest import ACCOUNT, SERVICE, TO, TOKEN, Verify
from tests.dump import everything_in

LIST = f"/v2/Services/{SERVICE}/RateLimits"
SENDERS = f"/v2/Services/{SERVICE}/MessagingConfigurations"
NUMBERS = "/v2/SafeList/Numbers"
MESSAGING = f"MG{'1' * 32}"


@pytest.fixture
def limit(verify):
    """A limit of one send a minute, by address."""
    sid = verify.post(LIST, UniqueName="ip", Description="By address").body["sid"]
    verify.post(f"{LIST}/{sid}/Buckets", Max=1, Interval=60)
    return sid


def test_a_send_over_a_bucket_is_too_many(verify, outbox, limit):
    verify.send(RateLimits='{"ip": "192.0.2.1"}')

    answer = verify.send(RateLimits='{"ip": "192.0.2.1"}')

    assert answer.error == (429, 20429, "Too many requests")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert len(outbox.messages) == 1


def test_each_value_is_counted_for_itself(verify, outbox, limit):
    for address in ("192.0.2.1", "192.0.2.2"):
        verify.send(RateLimits=f'{{"ip": "{address}"}}')

    assert len(outbox.messages) == 2


def test_every_bucket_must_let_a_send_through(verify, outbox, limit):
    verify.post(f"{LIST}/{limit}/Buckets", Max=3, Interval=3_600)
    verify.post(f"{LIST}/{limit}/Buckets", Max=2, Interval=1_800)
    bucket = verify.get(f"{LIST}/{limit}/Buckets").body["buckets"][-1]["sid"]
    verify.delete(f"{LIST}/{limit}/Buckets/{bucket}")

    answers = [verify.send(RateLimits='{"ip": "192.0.2.1"}').status for _ in range(3)]

    assert answers == [201, 201, 429]


def test_a_refused_send_is_counted_nowhere(verify, outbox, limit):
    verify.send(RateLimits='{"ip": "a"}')
    verify.send(RateLimits='{"ip": "a"}')

    bucket = verify.get(f"{LIST}/{limit}/Buckets").body["buckets"][0]["sid"]
    verify.post(f"{LIST}/{limit}/Buckets/{bucket}", Max=2)

    assert verify.send(RateLimits='{"ip": "a"}').status == 201
    assert verify.send(RateLimits='{"ip": "a"}').status == 429


def test_what_is_counted_by_does_not_stand_in_redis(verify, client, limit):
    verify.send(RateLimits='{"ip": "alice@example.com"}')

    assert b"alice" not in everything_in(client)


def test_limits_can_be_listed_described_and_ended(verify, limit):
    path = f"{LIST}/{limit}"

    assert verify.get(LIST).body["rate_limits"][0]["unique_name"] == "ip"
    assert verify.get(path).body["description"] == "By address"
    assert verify.post(path, Description="New").body["description"] == "New"
    assert verify.delete(path).status == 204
    assert verify.get(path).error[:2] == (404, 20404)


def test_a_bucket_can_be_fetched_and_changed(verify, limit):
    path = f"{LIST}/{limit}/Buckets"
    sid = verify.get(path).body["buckets"][0]["sid"]

    changed = verify.post(f"{path}/{sid}", Max=7).body

    assert (changed["max"], changed["interval"]) == (7, 60)
    assert verify.get(f"{path}/{sid}").body == changed
    assert verify.delete(f"{path}/{sid}").status == 204
    assert verify.get(f"{path}/{sid}").error[:2] == (404, 20404)


def test_a_name_belongs_to_one_limit(verify, limit):
    answer = verify.post(LIST, UniqueName="ip")

    text = "Rate limit with that UniqueName already exists"
    assert answer.error == (400, 60208, text)


def test_a_name_is_written_in_few_characters(verify):
    answer = verify.post(LIST, UniqueName="by address")

    assert answer.error == (400, 60209, "Rate limit UniqueName format is invalid")


def test_an_interval_belongs_to_one_bucket(verify, limit):
    answer = verify.post(f"{LIST}/{limit}/Buckets", Max=9, Interval=60)

    text = "Bucket with the given Interval already exists"
    assert answer.error == (400, 60211, text)


def test_a_service_has_twenty_limits_at_most(verify):
    for n in range(20):
        verify.post(LIST, UniqueName=f"limit-{n}")

    answer = verify.post(LIST, UniqueName="one-more")

    assert answer.error == (400, 60207, "Max rate limits per service reached")


def test_a_limit_has_ten_buckets_at_most(verify, limit):
    for n in range(9):
        verify.post(f"{LIST}/{limit}/Buckets", Max=1, Interval=100 + n)

    answer = verify.post(f"{LIST}/{limit}/Buckets", Max=1, Interval=1_000)

    assert answer.error == (400, 60210, "Max Buckets per Rate limit reached")


@pytest.mark.parametrize(
    ("most", "interval", "parameter"),
    [("", 60, "Max"), (0, 60, "Max"), (1, "", "Interval"), (1, 10**9, "Interval")],
)
def test_a_bucket_that_cannot_be_is_refused(verify, limit, most, interval, parameter):
    answer = verify.post(f"{LIST}/{limit}/Buckets", Max=most, Interval=interval)

    assert answer.error == (400, 60200, f"Invalid parameter: {parameter}")


def test_messages_to_a_country_come_from_its_own_sender(verify, outbox):
    verify.post(SENDERS, Country="US", MessagingServiceSid=MESSAGING)

    verify.send("+14155552671")
    verify.send(TO)

    assert [message.from_ for message in outbox.messages] == [MESSAGING, None]


def test_one_sender_can_be_that_of_all_countries(verify, outbox):
    verify.post(SENDERS, Country="all", MessagingServiceSid=MESSAGING)

    verify.send(TO)

    assert outbox.messages[0].from_ == MESSAGING


def test_senders_can_be_listed_changed_and_ended(verify):
    other, path = f"MG{'2' * 32}", f"{SENDERS}/IN"
    verify.post(SENDERS, Country="IN", MessagingServiceSid=MESSAGING)

    changed = verify.post(path, MessagingServiceSid=other).body

    assert changed["messaging_service_sid"] == other
    assert verify.get(path).body == changed
    assert verify.get(SENDERS).body["messaging_configurations"] == [changed]
    assert verify.delete(path).status == 204
    assert verify.get(path).error[:2] == (404, 20404)


def test_a_country_has_one_sender(verify):
    verify.post(SENDERS, Country="IN", MessagingServiceSid=MESSAGING)

    answer = verify.post(SENDERS, Country="IN", MessagingServiceSid=MESSAGING)

    text = "A Messaging Configuration already exists for the given country"
    assert answer.error == (400, 60213, text)


@pytest.mark.parametrize(
    ("country", "sid", "parameter"),
    [("XX", MESSAGING, "Country"), ("IN", "MG1", "MessagingServiceSid")],
)
def test_a_sender_that_cannot_be_is_refused(verify, country, sid, parameter):
    answer = verify.post(SENDERS, Country=country, MessagingServiceSid=sid)

    assert answer.error == (400, 60200, f"Invalid parameter: {parameter}")


def test_a_number_on_the_safe_list_is_served_whatever_its_country(verify_with, outbox):
    verify = verify_with(OTP_ALLOWED_COUNTRIES="IN")
    verify.post(NUMBERS, PhoneNumber="+14155552671")

    assert verify.send("+14155552671").status == 201
    assert verify.send("+14155552672").status == 403


def test_a_send_to_a_number_on_the_safe_list_is_no_refusal(verify_with, store):
    verify = verify_with(OTP_ALLOWED_COUNTRIES="US")
    verify.post(NUMBERS, PhoneNumber=TO)

    verify.send()

    store.events.flush()
    since = datetime.now(UTC) - timedelta(hours=1)
    kinds = [type(one.event).__name__ for one in store.events.tail(since).read_next()]
    assert kinds == ["CodeSent"]


def test_the_safe_list_lifts_no_limit(verify_with, outbox):
    verify = verify_with(OTP_ALLOWED_COUNTRIES="US", OTP_SENDS_PER_COUNTRY="1/1h")
    numbers = ("+919445012345", "+919445067890")
    for number in numbers:
        verify.post(NUMBERS, PhoneNumber=number)

    statuses = [verify.send(number).status for number in numbers]

    assert statuses == [201, 429]
    assert len(outbox.messages) == 1


def test_a_number_is_on_the_safe_list_until_it_is_taken_off(verify):
    path = f"{NUMBERS}/+14155552671"
    made = verify.post(NUMBERS, PhoneNumber="+14155552671").body

    assert verify.get(path).body == made
    assert verify.delete(path).status == 204
    assert verify.get(path).error[:2] == (404, 20404)
    assert verify.delete(path).error[:2] == (404, 20404)


def test_a_number_is_on_the_safe_list_once(verify, client):
    verify.post(NUMBERS, PhoneNumber="+14155552671")

    answer = verify.post(NUMBERS, PhoneNumber="+1 415 555 2671")

    assert answer.error == (400, 60411, "Phone Number already exists")
    assert b"14155552671" not in everything_in(client)


def test_the_safe_list_outlives_a_rotation_of_the_pepper(app_with, outbox):
    old, new = (base64.b64encode(c * 32).decode() for c in (b"p", b"q"))
    keys = {"OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}", "OTP_ALLOWED_COUNTRIES": "IN"}
    number, path = "+14155552671", f"{NUMBERS}/+14155552671"
    Verify(app_with(OTP_PEPPER=old, **keys).test_client()).post(
        NUMBERS, PhoneNumber=number
    )
    rotating = app_with(OTP_PEPPER=new, OTP_PEPPER_PREVIOUS=old, **keys)

    assert Verify(rotating.test_client()).send(number).status == 201

    rotated = Verify(app_with(OTP_PEPPER=new, **keys).test_client())
    assert rotated.get(path).status == 200
    assert rotated.delete(path).status == 204


def test_the_safe_list_takes_numbers_only(verify):
    answer = verify.post(NUMBERS, PhoneNumber="hello")

    assert answer.error == (400, 60200, "Invalid parameter: PhoneNumber")


def test_of_simultaneous_limits_with_one_name_there_is_one(verify):
    def create(n):
        return verify.post(LIST, UniqueName=f"limit-{n % 4}").status

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(create, range(16)))

    assert sorted(statuses) == [201] * 4 + [400] * 12
    assert len(verify.get(LIST).body["rate_limits"]) == 4


def test_a_service_that_is_changed_by_two_at_once_keeps_both(verify, store, limit):
    stale = store.services.find(SERVICE)
    verify.post(LIST, UniqueName="other")

    assert not store.services.swap(stale, stale)
    assert len(verify.get(LIST).body["rate_limits"]) == 2
