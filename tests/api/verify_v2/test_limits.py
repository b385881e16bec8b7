from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.redis_dump import everything_in
from tests.support.verify_client import ACCOUNT, SERVICE, TO, TOKEN, Verify

LIST = f"/v2/Services/{SERVICE}/RateLimits"
CONFIGURATIONS = f"/v2/Services/{SERVICE}/MessagingConfigurations"
NUMBERS = "/v2/SafeList/Numbers"
MESSAGING = f"MG{'1' * 32}"


@pytest.fixture
def limit(verify):
    sid = verify.post(LIST, UniqueName="ip", Description="By address").body["sid"]
    verify.post(f"{LIST}/{sid}/Buckets", Max=1, Interval=60)
    return sid


def test_send_over_bucket_is_refused(verify, outbox, limit):
    verify.send(RateLimits='{"ip": "192.0.2.1"}')

    response = verify.send(RateLimits='{"ip": "192.0.2.1"}')

    assert response.error == (429, 20429, "Too many requests")
    assert 0 < int(response.headers["OTP-Retry-After"]) <= 60
    assert len(outbox.messages) == 1


def test_bucket_counts_each_value_separately(verify, outbox, limit):
    for address in ("192.0.2.1", "192.0.2.2"):
        verify.send(RateLimits=f'{{"ip": "{address}"}}')

    assert len(outbox.messages) == 2


def test_send_must_pass_every_bucket(verify, outbox, limit):
    verify.post(f"{LIST}/{limit}/Buckets", Max=3, Interval=3_600)
    verify.post(f"{LIST}/{limit}/Buckets", Max=2, Interval=1_800)
    bucket = verify.get(f"{LIST}/{limit}/Buckets").body["buckets"][-1]["sid"]
    verify.delete(f"{LIST}/{limit}/Buckets/{bucket}")

    statuses = [verify.send(RateLimits='{"ip": "192.0.2.1"}').status for _ in range(3)]

    assert statuses == [201, 201, 429]


def test_refused_send_is_not_counted(verify, outbox, limit):
    verify.send(RateLimits='{"ip": "a"}')
    verify.send(RateLimits='{"ip": "a"}')

    bucket = verify.get(f"{LIST}/{limit}/Buckets").body["buckets"][0]["sid"]
    verify.post(f"{LIST}/{limit}/Buckets/{bucket}", Max=2)

    assert verify.send(RateLimits='{"ip": "a"}').status == 201
    assert verify.send(RateLimits='{"ip": "a"}').status == 429


def test_redis_holds_no_value_of_rate_limit(verify, redis, limit):
    verify.send(RateLimits='{"ip": "alice@example.com"}')

    assert b"alice" not in everything_in(redis)


def test_rate_limit_is_listed_and_fetched(verify, limit):
    (listed,) = verify.get(LIST).body["rate_limits"]
    fetched = verify.get(f"{LIST}/{limit}").body

    assert listed == fetched
    assert (listed["unique_name"], listed["description"]) == ("ip", "By address")


def test_update_changes_description_of_rate_limit(verify, limit):
    updated = verify.post(f"{LIST}/{limit}", Description="New").body

    assert updated["description"] == "New"


def test_deleted_rate_limit_is_not_found(verify, limit):
    deleted = verify.delete(f"{LIST}/{limit}")

    assert deleted.status == 204
    assert verify.get(f"{LIST}/{limit}").error[:2] == (404, 20404)


@pytest.fixture
def bucket(verify, limit):
    path = f"{LIST}/{limit}/Buckets"
    return f"{path}/{verify.get(path).body['buckets'][0]['sid']}"


def test_update_changes_submitted_fields_of_bucket_only(verify, bucket):
    updated = verify.post(bucket, Max=7).body

    assert (updated["max"], updated["interval"]) == (7, 60)
    assert verify.get(bucket).body == updated


def test_deleted_bucket_is_not_found(verify, bucket):
    deleted = verify.delete(bucket)

    assert deleted.status == 204
    assert verify.get(bucket).error[:2] == (404, 20404)


def test_duplicate_unique_name_is_rejected(verify, limit):
    response = verify.post(LIST, UniqueName="ip")

    message = "Rate limit with that UniqueName already exists"
    assert response.error == (400, 60208, message)


def test_malformed_unique_name_is_rejected(verify):
    response = verify.post(LIST, UniqueName="by address")

    assert response.error == (400, 60209, "Rate limit UniqueName format is invalid")


def test_duplicate_interval_is_rejected(verify, limit):
    response = verify.post(f"{LIST}/{limit}/Buckets", Max=9, Interval=60)

    message = "Bucket with the given Interval already exists"
    assert response.error == (400, 60211, message)


def test_twenty_first_rate_limit_is_rejected(verify):
    for n in range(20):
        verify.post(LIST, UniqueName=f"limit-{n}")

    response = verify.post(LIST, UniqueName="one-more")

    assert response.error == (400, 60207, "Max rate limits per service reached")


def test_eleventh_bucket_is_rejected(verify, limit):
    for n in range(9):
        verify.post(f"{LIST}/{limit}/Buckets", Max=1, Interval=100 + n)

    response = verify.post(f"{LIST}/{limit}/Buckets", Max=1, Interval=1_000)

    assert response.error == (400, 60210, "Max Buckets per Rate limit reached")


@pytest.mark.parametrize(
    ("maximum", "interval", "parameter"),
    [("", 60, "Max"), (0, 60, "Max"), (1, "", "Interval"), (1, 10**9, "Interval")],
)
def test_invalid_bucket_is_rejected(verify, limit, maximum, interval, parameter):
    response = verify.post(f"{LIST}/{limit}/Buckets", Max=maximum, Interval=interval)

    assert response.error == (400, 60200, f"Invalid parameter: {parameter}")


def test_configured_country_uses_its_messaging_service(verify, outbox):
    verify.post(CONFIGURATIONS, Country="US", MessagingServiceSid=MESSAGING)

    verify.send("+14155552671")
    verify.send(TO)

    assert [message.messaging_service for message in outbox.messages] == [
        MESSAGING,
        None,
    ]


def test_configuration_for_all_applies_to_every_country(verify, outbox):
    verify.post(CONFIGURATIONS, Country="all", MessagingServiceSid=MESSAGING)

    verify.send(TO)

    assert outbox.messages[0].messaging_service == MESSAGING


def test_updated_configuration_is_listed_and_fetched(verify):
    other = f"MG{'2' * 32}"
    verify.post(CONFIGURATIONS, Country="IN", MessagingServiceSid=MESSAGING)

    updated = verify.post(f"{CONFIGURATIONS}/IN", MessagingServiceSid=other).body

    assert updated["messaging_service_sid"] == other
    assert verify.get(f"{CONFIGURATIONS}/IN").body == updated
    assert verify.get(CONFIGURATIONS).body["messaging_configurations"] == [updated]


def test_deleted_configuration_is_not_found(verify):
    verify.post(CONFIGURATIONS, Country="IN", MessagingServiceSid=MESSAGING)

    deleted = verify.delete(f"{CONFIGURATIONS}/IN")

    assert deleted.status == 204
    assert verify.get(f"{CONFIGURATIONS}/IN").error[:2] == (404, 20404)


def test_second_configuration_for_country_is_rejected(verify):
    verify.post(CONFIGURATIONS, Country="IN", MessagingServiceSid=MESSAGING)

    response = verify.post(CONFIGURATIONS, Country="IN", MessagingServiceSid=MESSAGING)

    message = "A Messaging Configuration already exists for the given country"
    assert response.error == (400, 60213, message)


@pytest.mark.parametrize(
    ("country", "sid", "parameter"),
    [("XX", MESSAGING, "Country"), ("IN", "MG1", "MessagingServiceSid")],
)
def test_invalid_configuration_is_rejected(verify, country, sid, parameter):
    response = verify.post(CONFIGURATIONS, Country=country, MessagingServiceSid=sid)

    assert response.error == (400, 60200, f"Invalid parameter: {parameter}")


def test_safe_listed_number_is_allowed_in_every_country(verify_with, outbox):
    verify = verify_with(OTP_ALLOWED_COUNTRIES="IN")
    verify.post(NUMBERS, PhoneNumber="+14155552671")

    assert verify.send("+14155552671").status == 201
    assert verify.send("+14155552672").status == 403


def test_send_to_safe_listed_number_emits_no_refusal(verify_with, store):
    verify = verify_with(OTP_ALLOWED_COUNTRIES="US")
    verify.post(NUMBERS, PhoneNumber=TO)

    verify.send()

    store.events.flush()
    since = datetime.now(UTC) - timedelta(hours=1)
    kinds = [
        type(entry.event).__name__ for entry in store.events.tail(since).read_next()
    ]
    assert kinds == ["CodeSent"]


def test_safe_listed_number_counts_against_limits(verify_with, outbox):
    verify = verify_with(OTP_ALLOWED_COUNTRIES="US", OTP_SENDS_PER_COUNTRY="1/1h")
    numbers = ("+919445012345", "+919445067890")
    for number in numbers:
        verify.post(NUMBERS, PhoneNumber=number)

    statuses = [verify.send(number).status for number in numbers]

    assert statuses == [201, 429]
    assert len(outbox.messages) == 1


def test_safe_listed_number_can_be_fetched(verify):
    created = verify.post(NUMBERS, PhoneNumber="+14155552671").body

    assert verify.get(f"{NUMBERS}/+14155552671").body == created


def test_removed_number_is_not_found(verify):
    path = f"{NUMBERS}/+14155552671"
    verify.post(NUMBERS, PhoneNumber="+14155552671")

    first, second = verify.delete(path), verify.delete(path)

    assert first.status == 204
    assert second.error[:2] == (404, 20404)
    assert verify.get(path).error[:2] == (404, 20404)


def test_duplicate_safe_list_number_is_rejected(verify, redis):
    verify.post(NUMBERS, PhoneNumber="+14155552671")

    response = verify.post(NUMBERS, PhoneNumber="+1 415 555 2671")

    assert response.error == (400, 60411, "Phone Number already exists")
    assert b"14155552671" not in everything_in(redis)


def test_safe_list_survives_pepper_rotation(app_with, outbox):
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


def test_safe_list_rejects_text_that_is_not_a_number(verify):
    response = verify.post(NUMBERS, PhoneNumber="hello")

    assert response.error == (400, 60200, "Invalid parameter: PhoneNumber")


def test_concurrent_creates_with_one_name_store_one_rate_limit(verify):
    def create(n):
        return verify.post(LIST, UniqueName=f"limit-{n % 4}").status

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(create, range(16)))

    assert sorted(statuses) == [201] * 4 + [400] * 12
    assert len(verify.get(LIST).body["rate_limits"]) == 4


def test_stale_service_is_not_stored(verify, store, limit):
    stale = store.services.get(SERVICE)
    verify.post(LIST, UniqueName="other")

    assert not store.services.compare_and_set(stale, stale)
    assert len(verify.get(LIST).body["rate_limits"]) == 2
