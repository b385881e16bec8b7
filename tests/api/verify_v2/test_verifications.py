from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from otp_engine.errors import (
    DeliveryUnconfirmed,
    RecipientOptedOut,
    StoreUnavailable,
)
from tests.support.fakes import different_code
from tests.support.redis_dump import everything_in
from tests.support.verify_client import ACCOUNT, SERVICE, TO, TOKEN, Verify

LIST = f"/v2/Services/{SERVICE}/Verifications"


def test_send_returns_pending_verification(verify):
    response = verify.send()

    assert response.status == 201
    assert response.body["to"] == TO
    assert (response.body["status"], response.body["valid"]) == ("pending", False)
    assert response.body["lookup"] == {"carrier": None}
    sid = response.body["sid"]
    assert response.body["url"] == f"http://localhost{LIST}/{sid}"


def test_send_returns_one_attempt_with_milliseconds(verify):
    [attempt] = verify.send().body["send_code_attempts"]

    assert attempt["channel"] == "sms"
    assert re.fullmatch(r"VL[0-9a-f]{32}", attempt["attempt_sid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", attempt["time"])


def test_resend_keeps_sid_and_adds_attempt(verify, outbox):
    first = verify.send().body

    second = verify.send().body

    assert second["sid"] == first["sid"]
    assert second["date_created"] == first["date_created"]
    assert second["send_code_attempts"][:1] == first["send_code_attempts"]
    assert len(second["send_code_attempts"]) == len(outbox.messages) == 2


def test_right_code_is_approved(verify, outbox):
    sid = verify.send().body["sid"]

    response = verify.check(outbox.code)

    assert response.status == 200
    assert response.body["sid"] == sid
    assert (response.body["status"], response.body["valid"]) == ("approved", True)


def test_code_can_be_checked_by_verification_sid(verify, outbox):
    sid = verify.send().body["sid"]

    response = verify.check(outbox.code, VerificationSid=sid)

    assert (response.body["to"], response.body["status"]) == (TO, "approved")


def test_send_returns_rate_limit_headers(verify):
    headers = verify.send().headers

    assert '"sends_total 1000/1h";r=999' in headers["RateLimit"]
    assert '"sends_total 1000/1h";q=1000;w=3600' in headers["RateLimit-Policy"]


def test_wrong_code_returns_pending(verify, outbox):
    verify.send()

    response = verify.check(different_code(outbox.code))

    assert response.status == 200
    assert (response.body["status"], response.body["valid"]) == ("pending", False)


def test_check_returns_creation_time_of_verification(verify, outbox):
    created = verify.send().body["date_created"]

    response = verify.check(different_code(outbox.code))

    assert response.body["date_created"] == created


def test_sixth_check_is_refused_with_right_code(verify, outbox):
    verify.send()
    for _ in range(5):
        verify.check(different_code(outbox.code))

    response = verify.check(outbox.code)

    assert response.error == (429, 60202, "Max check attempts reached")
    assert int(response.headers["OTP-Retry-After"]) > 0


def test_sixth_send_is_refused(verify):
    for _ in range(5):
        verify.send()

    response = verify.send()

    assert response.error == (429, 60203, "Max send attempts reached")


def test_send_during_cooldown_is_refused(verify_with):
    verify = verify_with(OTP_V2_RESEND_COOLDOWN="30s")
    verify.send()

    response = verify.send()

    message = "Too many concurrent requests for phone number"
    assert response.error == (429, 60212, message)


def test_resend_has_no_cooldown_by_default(verify_with, outbox):
    verify = verify_with(OTP_RESEND_COOLDOWN="30s")
    verify.send()

    response = verify.send()

    assert response.status == 201
    assert len(outbox.messages) == 2


def test_auth_api_keeps_cooldown_after_send_through_v2(verify_with, outbox):
    verify = verify_with(OTP_RESEND_COOLDOWN="30s")
    verify.send()

    response = verify.auth("/auth/send_otp", phone=TO)

    assert response["error"] == "rate_limited"
    assert len(outbox.messages) == 1


def test_send_to_an_opted_out_recipient_has_the_error_of_the_messaging_api(
    verify, outbox
):
    outbox.error = RecipientOptedOut()

    response = verify.send()

    assert response.error == (400, 21610, "Attempt to send to unsubscribed recipient")


def test_send_after_unconfirmed_one_is_sent(verify_with, outbox):
    verify = verify_with(OTP_RESEND_COOLDOWN="30s")
    outbox.error = DeliveryUnconfirmed()
    first = verify.send()
    outbox.error = None

    again = verify.send()

    assert first.error == (504, 20504, "Gateway timeout")
    assert again.status == 201
    assert verify.check(outbox.code).body["status"] == "approved"


def test_send_over_limit_of_phone_is_refused(verify_with):
    verify = verify_with(OTP_SENDS_PER_PHONE="1/10m")
    verify.send()

    response = verify.send()

    assert response.error == (429, 60203, "Max send attempts reached")


def test_send_over_total_limit_is_refused(verify_with):
    verify = verify_with(OTP_SENDS_TOTAL="1/1h")
    verify.send()

    response = verify.send("+919445067890")

    assert response.error == (429, 20429, "Too many requests")


@pytest.mark.parametrize("ended", ["never sent", "approved", "canceled"])
def test_check_without_pending_verification_is_not_found(verify, outbox, ended):
    if ended != "never sent":
        verify.send()
    if ended == "approved":
        verify.check(outbox.code)
    if ended == "canceled":
        verify.post(f"{LIST}/{TO}", Status="canceled")

    response = verify.check("123456")

    path = f"/v2/Services/{SERVICE}/VerificationCheck"
    assert response.error == (
        404,
        20404,
        f"The requested resource {path} was not found",
    )


@pytest.mark.parametrize("by", ["sid", "number"])
def test_verification_can_be_fetched(verify, by):
    sent = verify.send().body

    response = verify.get(f"{LIST}/{sent['sid'] if by == 'sid' else TO}")

    assert response.status == 200
    assert response.body == sent


def test_verification_can_be_fetched_by_encoded_number(verify):
    sent = verify.send().body

    assert verify.get(f"{LIST}/%2B919445012345").body == sent


def test_verification_without_attempts_left_shows_status(verify, outbox):
    sid = verify.send().body["sid"]
    for _ in range(5):
        verify.check(different_code(outbox.code))

    assert verify.get(f"{LIST}/{sid}").body["status"] == "max_attempts_reached"


def test_approved_verification_is_not_found(verify, outbox):
    sid = verify.send().body["sid"]
    verify.check(outbox.code)

    response = verify.get(f"{LIST}/{sid}")

    assert response.error[:2] == (404, 20404)


def test_canceled_verification_can_be_fetched_by_sid(verify):
    sid = verify.send().body["sid"]

    response = verify.post(f"{LIST}/{sid}", Status="canceled")

    assert (response.status, response.body["status"]) == (200, "canceled")
    assert verify.get(f"{LIST}/{sid}").body["status"] == "canceled"


def test_canceled_verification_keeps_the_time_of_its_cancellation(new_app):
    app = new_app(OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}")
    later = datetime(2100, 1, 1, tzinfo=UTC)
    replace(app.extensions["otp_engine"], utcnow=lambda: later).init_app(app)
    verify = Verify(app.test_client())
    sid = verify.send().body["sid"]

    canceled = verify.post(f"{LIST}/{sid}", Status="canceled").body

    assert canceled["date_updated"] == "2100-01-01T00:00:00Z"
    assert verify.get(f"{LIST}/{sid}").body == canceled


def test_send_after_cancellation_starts_new_verification(verify):
    first = verify.send().body["sid"]
    verify.post(f"{LIST}/{TO}", Status="canceled")

    assert verify.send().body["sid"] != first


def test_client_can_approve_verification(verify, outbox):
    verify.send()

    response = verify.post(f"{LIST}/{TO}", Status="approved")

    assert (response.body["status"], response.body["valid"]) == ("approved", True)
    assert verify.check(outbox.code).error[:2] == (404, 20404)


def test_old_sid_does_not_match_later_verification(verify, outbox):
    old = verify.send().body["sid"]
    verify.post(f"{LIST}/{old}", Status="canceled")
    verify.send()

    checked = verify.check(outbox.code, VerificationSid=old)
    closed = verify.post(f"{LIST}/{old}", Status="approved")

    assert checked.error[:2] == closed.error[:2] == (404, 20404)


def test_verification_of_auth_api_is_found(verify, outbox):
    verify.auth("/auth/send_otp", phone=TO)

    fetched = verify.get(f"{LIST}/{TO}")
    checked = verify.check(outbox.code)

    assert (fetched.body["status"], checked.body["status"]) == ("pending", "approved")
    assert fetched.body["sid"] == checked.body["sid"]


def test_auth_api_can_check_code(verify, outbox):
    verify.send()

    response = verify.auth("/auth/verify_otp", phone=TO, otp=outbox.code)

    assert response == {"VerificationStatus": "approved"}


def test_phone_has_one_verification_per_service(verify, outbox):
    shop, bank = verify.service(), verify.service(FriendlyName="Bank")
    verify.send(service=shop)
    verify.send(service=bank)

    assert verify.check(outbox.codes[0], bank).body["status"] == "pending"
    assert verify.check(outbox.codes[1], bank).body["status"] == "approved"
    assert verify.check(outbox.codes[0], shop).body["status"] == "approved"


@pytest.fixture
def binding(verify):
    return verify.service(BindVerifications="true")


def test_service_with_bound_verifications_shows_field(verify, binding):
    assert verify.get(f"/v2/Services/{binding}").body["bind_verifications"] is True
    assert "bind_verifications" not in verify.get(f"/v2/Services/{SERVICE}").body


def test_bound_verification_is_checked_by_sid_only(verify, outbox, binding):
    sid = verify.send(service=binding).body["sid"]

    assert verify.check(outbox.code, binding).status == 404
    response = verify.check(outbox.code, binding, VerificationSid=sid)
    assert (response.body["status"], response.body["sid"]) == ("approved", sid)


def test_bound_verification_can_be_checked_by_number_and_sid(verify, outbox, binding):
    sid = verify.send(service=binding).body["sid"]

    response = verify.check(outbox.code, binding, VerificationSid=sid, To=TO)

    assert (response.body["status"], response.body["to"]) == ("approved", TO)


@pytest.mark.parametrize("service", ["binding", "other"])
def test_sid_of_another_number_approves_no_number(verify, outbox, binding, service):
    sid = {"binding": binding, "other": SERVICE}[service]
    own = verify.send("+919445067890", service=sid).body["sid"]

    response = verify.check(outbox.code, sid, VerificationSid=own, To=TO)

    assert response.error[:2] == (404, 20404)
    own_check = verify.check(outbox.code, sid, VerificationSid=own)
    assert own_check.body["to"] == "+919445067890"
    assert own_check.body["status"] == "approved"


def test_each_bound_verification_has_own_attempts(verify, outbox, binding):
    sid = verify.send(service=binding).body["sid"]
    code = outbox.code
    other = verify.send(service=binding).body["sid"]
    for _ in range(5):
        verify.check(different_code(*outbox.codes), binding, VerificationSid=other)
    exhausted = verify.check(outbox.code, binding, VerificationSid=other)
    assert exhausted.error[:2] == (429, 60202)

    response = verify.check(code, binding, VerificationSid=sid)

    assert response.body["status"] == "approved"


def test_bound_verification_without_attempts_shows_max_attempts_reached(
    verify_with, outbox
):
    verify = verify_with(OTP_FAILED_CHECKS_PER_PHONE="2/1h")
    binding = verify.service(BindVerifications="true")
    sid = verify.send(service=binding).body["sid"]
    for _ in range(2):
        verify.check(different_code(outbox.code), binding, VerificationSid=sid)

    response = verify.get(f"/v2/Services/{binding}/Verifications/{sid}")

    assert response.body["status"] == "max_attempts_reached"


def test_unconfirmed_send_returns_sid_header(verify, outbox, binding):
    outbox.error = DeliveryUnconfirmed()
    response = verify.send(service=binding)

    assert response.error[:2] == (504, 20504)
    sid = response.headers["OTP-Verification"]
    wrong = verify.check("000000", binding, VerificationSid=sid)
    assert wrong.body["status"] == "pending"


@pytest.mark.parametrize("status", ["canceled", "approved"])
def test_bound_verification_is_closed_by_sid_only(verify, binding, status):
    sid = verify.send(service=binding).body["sid"]
    path = f"/v2/Services/{binding}/Verifications"
    assert verify.get(f"{path}/{TO}").status == 404
    assert verify.post(f"{path}/{TO}", Status=status).status == 404
    assert verify.get(f"{path}/{sid}").body["status"] == "pending"

    response = verify.post(f"{path}/{sid}", Status=status)

    assert response.body["status"] == status


def test_failed_checks_count_across_services(verify_with, outbox):
    verify = verify_with(OTP_FAILED_CHECKS_PER_PHONE="2/1h")
    shop, bank = verify.service(), verify.service(FriendlyName="Bank")
    for service in (shop, bank):
        verify.send(service=service)
        verify.check(different_code(*outbox.codes), service)

    assert verify.check(outbox.code, bank).error[:2] == (429, 60202)


def test_consecutive_failures_count_across_services(verify_with, outbox):
    verify = verify_with(OTP_MAX_CONSECUTIVE_FAILURES="2")
    shop, bank = verify.service(), verify.service(FriendlyName="Bank")
    for service in (shop, bank):
        verify.send(service=service)
        verify.check(different_code(*outbox.codes), service)

    assert verify.check(outbox.code, bank).error[:2] == (429, 60202)


def test_sends_per_phone_count_across_services(verify_with):
    verify = verify_with(OTP_SENDS_PER_PHONE="2/1h")
    verify.send(service=verify.service())
    verify.send(service=verify.service())

    assert verify.send().error[:2] == (429, 60203)


def test_approval_by_client_keeps_failed_checks(verify_with, outbox):
    verify = verify_with(OTP_FAILED_CHECKS_PER_PHONE="2/1h")
    verify.send()
    verify.check(different_code(outbox.code))
    verify.post(f"{LIST}/{TO}", Status="approved")
    verify.send()
    verify.check(different_code(outbox.code))

    assert verify.check(outbox.code).error[:2] == (429, 60202)


# A record store on another node of the Cluster, which is down.
class UnavailableRecords:
    def __getattr__(self, name):
        def fail(*_, **__):
            raise StoreUnavailable

        return fail


@pytest.fixture
def without_records(new_app, outbox):
    app = new_app(OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}")
    replace(app.extensions["otp_engine"], records=UnavailableRecords()).init_app(app)
    return Verify(app.test_client())


def test_send_and_check_succeed_without_record_store(without_records, outbox):
    sent = without_records.send()
    wrong = without_records.check(different_code(outbox.code))
    right = without_records.check(outbox.code)

    assert (sent.status, wrong.status, right.status) == (201, 200, 200)
    assert right.body["status"] == "approved"
    assert len(sent.body["send_code_attempts"]) == 1


def test_cancellation_succeeds_without_record_store(
    without_records,
):
    without_records.send()

    response = without_records.post(f"{LIST}/{TO}", Status="canceled")

    assert (response.status, response.body["status"]) == (200, "canceled")


def test_verification_of_other_service_is_not_found(verify):
    other, sid = verify.service(), verify.send().body["sid"]

    response = verify.get(f"/v2/Services/{other}/Verifications/{sid}")

    assert response.error[:2] == (404, 20404)


def test_redis_holds_no_plain_number(verify, redis):
    verify.send()

    assert b"9445012345" not in everything_in(redis)


def test_sid_finds_number_during_pepper_rotation(app_with, outbox):
    old, new = (base64.b64encode(c * 32).decode() for c in (b"p", b"q"))
    keys = {"OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}"}
    before = Verify(app_with(OTP_PEPPER=old, **keys).test_client())
    sid = before.send().body["sid"]
    rotating = app_with(OTP_PEPPER=new, OTP_PEPPER_PREVIOUS=old, **keys)
    after = Verify(rotating.test_client())

    assert after.get(f"{LIST}/{sid}").body["to"] == TO
    assert after.check(outbox.code, VerificationSid=sid).body["status"] == "approved"


def test_sid_is_not_found_after_removal_of_its_pepper(app_with):
    old, new = (base64.b64encode(c * 32).decode() for c in (b"p", b"q"))
    keys = {"OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}"}
    sid = Verify(app_with(OTP_PEPPER=old, **keys).test_client()).send().body["sid"]
    after = Verify(app_with(OTP_PEPPER=new, **keys).test_client())

    assert after.get(f"{LIST}/{sid}").error[:2] == (404, 20404)


def test_lookup_shows_carrier_type_when_enabled(verify):
    sid = verify.service(LookupEnabled="true")

    assert verify.send(service=sid).body["lookup"]["carrier"]["type"] == "mobile"


# A record store with a bug; the error contains its arguments.
class FaultyRecords:
    def __getattr__(self, name):
        def fail(*args, **_):
            raise RuntimeError(args)

        return fail


def test_unexpected_error_is_500_in_twilio_format(new_app):
    app = new_app(OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}")
    replace(app.extensions["otp_engine"], records=FaultyRecords()).init_app(app)

    response = Verify(app.test_client()).send()

    assert response.error == (500, 20500, "An internal server error has occurred")
