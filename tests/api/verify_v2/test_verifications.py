"""What Verify promises of a verification's life, call by call."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import pytest

from otp_engine.errors import DeliveryUnconfirmed, StoreUnavailable
from tests.api.verify_v2.conftest import ACCOUNT, SERVICE, TO, TOKEN, Verify
from tests.dump import everything_in
from tests.fakes import other_than

LIST = f"/v2/Services/{SERVICE}/Verifications"


def test_a_send_is_answered_with_a_pending_verification(verify):
    answer = verify.send()

    assert answer.status == 201
    assert answer.body["to"] == TO
    assert (answer.body["status"], answer.body["valid"]) == ("pending", False)
    assert answer.body["lookup"] == {"carrier": None}
    sid = answer.body["sid"]
    assert answer.body["url"] == f"http://localhost{LIST}/{sid}"


def test_a_send_is_one_attempt_with_a_time_in_milliseconds(verify):
    [attempt] = verify.send().body["send_code_attempts"]

    assert attempt["channel"] == "sms"
    assert re.fullmatch(r"VL[0-9a-f]{32}", attempt["attempt_sid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", attempt["time"])


def test_a_resend_keeps_the_sid_and_adds_an_attempt(verify, outbox):
    first = verify.send().body

    second = verify.send().body

    assert second["sid"] == first["sid"]
    assert second["date_created"] == first["date_created"]
    assert second["send_code_attempts"][:1] == first["send_code_attempts"]
    assert len(second["send_code_attempts"]) == len(outbox.messages) == 2


def test_the_right_code_is_approved_and_valid(verify, outbox):
    sid = verify.send().body["sid"]

    answer = verify.check(outbox.code)

    assert answer.status == 200
    assert answer.body["sid"] == sid
    assert (answer.body["status"], answer.body["valid"]) == ("approved", True)


def test_the_code_may_be_checked_by_the_sid_of_the_verification(verify, outbox):
    sid = verify.send().body["sid"]

    answer = verify.check(outbox.code, VerificationSid=sid)

    assert (answer.body["to"], answer.body["status"]) == (TO, "approved")


def test_a_send_says_what_the_limits_leave(verify):
    headers = verify.send().headers

    assert '"sends_total 1000/1h";r=999' in headers["RateLimit"]
    assert '"sends_total 1000/1h";q=1000;w=3600' in headers["RateLimit-Policy"]


def test_a_wrong_code_is_no_error(verify, outbox):
    verify.send()

    answer = verify.check(other_than(outbox.code))

    assert answer.status == 200
    assert (answer.body["status"], answer.body["valid"]) == ("pending", False)


def test_a_check_says_when_its_verification_began(verify, outbox):
    began = verify.send().body["date_created"]

    answer = verify.check(other_than(outbox.code))

    assert answer.body["date_created"] == began


def test_the_sixth_check_is_one_too_many_even_if_right(verify, outbox):
    verify.send()
    for _ in range(5):
        verify.check(other_than(outbox.code))

    answer = verify.check(outbox.code)

    assert answer.error == (429, 60202, "Max check attempts reached")
    assert int(answer.headers["Retry-After"]) > 0


def test_the_sixth_send_is_one_too_many(verify):
    for _ in range(5):
        verify.send()

    answer = verify.send()

    assert answer.error == (429, 60203, "Max send attempts reached")


def test_a_send_before_the_cooldown_is_over_comes_too_soon(verify_with):
    verify = verify_with(OTP_RESEND_COOLDOWN="30s")
    verify.send()

    answer = verify.send()

    text = "Too many concurrent requests for phone number"
    assert answer.error == (429, 60212, text)


def test_a_limit_of_the_operators_is_too_many_requests(verify_with):
    verify = verify_with(OTP_SENDS_TOTAL="1/1h")
    verify.send()

    answer = verify.send("+919445067890")

    assert answer.error == (429, 20429, "Too many requests")


@pytest.mark.parametrize("ended", ["never sent", "approved", "cancelled"])
def test_where_nothing_waits_nothing_is_found(verify, outbox, ended):
    if ended != "never sent":
        verify.send()
    if ended == "approved":
        verify.check(outbox.code)
    if ended == "cancelled":
        verify.post(f"{LIST}/{TO}", Status="canceled")

    answer = verify.check("123456")

    path = f"/v2/Services/{SERVICE}/VerificationCheck"
    assert answer.error == (404, 20404, f"The requested resource {path} was not found")


@pytest.mark.parametrize("by", ["sid", "number"])
def test_a_verification_can_be_fetched(verify, by):
    sent = verify.send().body

    answer = verify.get(f"{LIST}/{sent['sid'] if by == 'sid' else TO}")

    assert answer.status == 200
    assert answer.body == sent


def test_what_is_fetched_by_an_encoded_number_is_the_same(verify):
    sent = verify.send().body

    assert verify.get(f"{LIST}/%2B919445012345").body == sent


def test_a_verification_with_no_guess_left_says_so(verify, outbox):
    sid = verify.send().body["sid"]
    for _ in range(5):
        verify.check(other_than(outbox.code))

    assert verify.get(f"{LIST}/{sid}").body["status"] == "max_attempts_reached"


def test_an_approved_verification_is_not_found_any_more(verify, outbox):
    sid = verify.send().body["sid"]
    verify.check(outbox.code)

    answer = verify.get(f"{LIST}/{sid}")

    assert answer.error[:2] == (404, 20404)


def test_a_cancelled_verification_can_still_be_fetched_by_its_sid(verify):
    sid = verify.send().body["sid"]

    answer = verify.post(f"{LIST}/{sid}", Status="canceled")

    assert (answer.status, answer.body["status"]) == (200, "canceled")
    assert verify.get(f"{LIST}/{sid}").body["status"] == "canceled"


def test_after_a_cancellation_another_verification_begins(verify):
    first = verify.send().body["sid"]
    verify.post(f"{LIST}/{TO}", Status="canceled")

    assert verify.send().body["sid"] != first


def test_a_program_may_approve_what_it_has_seen_right(verify, outbox):
    verify.send()

    answer = verify.post(f"{LIST}/{TO}", Status="approved")

    assert (answer.body["status"], answer.body["valid"]) == ("approved", True)
    assert verify.check(outbox.code).error[:2] == (404, 20404)


def test_an_old_sid_does_not_stand_for_a_later_verification(verify, outbox):
    old = verify.send().body["sid"]
    verify.post(f"{LIST}/{old}", Status="canceled")
    verify.send()

    checked = verify.check(outbox.code, VerificationSid=old)
    closed = verify.post(f"{LIST}/{old}", Status="approved")

    assert checked.error[:2] == closed.error[:2] == (404, 20404)


def test_what_was_begun_by_the_other_face_is_the_same_verification(verify, outbox):
    verify.auth("/auth/send_otp", phone=TO)

    fetched = verify.get(f"{LIST}/{TO}")
    checked = verify.check(outbox.code)

    assert (fetched.body["status"], checked.body["status"]) == ("pending", "approved")
    assert fetched.body["sid"] == checked.body["sid"]


def test_what_was_begun_here_can_be_checked_by_the_other_face(verify, outbox):
    verify.send()

    answer = verify.auth("/auth/verify_otp", phone=TO, otp=outbox.code)

    assert answer == {"VerificationStatus": "approved"}


def test_a_phone_has_one_verification_in_each_service(verify, outbox):
    shop, bank = verify.service(), verify.service(FriendlyName="Bank")
    verify.send(service=shop)
    verify.send(service=bank)

    assert verify.check(outbox.codes[0], bank).body["status"] == "pending"
    assert verify.check(outbox.codes[1], bank).body["status"] == "approved"
    assert verify.check(outbox.codes[0], shop).body["status"] == "approved"


@pytest.fixture
def binding(verify):
    """A service whose verifications are bound."""
    return verify.service(BindVerifications="true")


def test_a_service_says_that_it_binds(verify, binding):
    assert verify.get(f"/v2/Services/{binding}").body["bind_verifications"] is True
    assert "bind_verifications" not in verify.get(f"/v2/Services/{SERVICE}").body


def test_a_bound_verification_is_checked_by_its_sid_only(verify, outbox, binding):
    sid = verify.send(service=binding).body["sid"]

    assert verify.check(outbox.code, binding).status == 404
    answer = verify.check(outbox.code, binding, VerificationSid=sid)
    assert (answer.body["status"], answer.body["sid"]) == ("approved", sid)


def test_each_send_of_a_binding_service_has_attempts_of_its_own(
    verify, outbox, binding
):
    sid = verify.send(service=binding).body["sid"]
    code = outbox.code
    other = verify.send(service=binding).body["sid"]
    for _ in range(5):
        verify.check(other_than(*outbox.codes), binding, VerificationSid=other)
    spent = verify.check(outbox.code, binding, VerificationSid=other)
    assert spent.error[:2] == (429, 60202)

    answer = verify.check(code, binding, VerificationSid=sid)

    assert answer.body["status"] == "approved"


def test_a_silent_provider_leaves_the_sid(verify, outbox, binding):
    outbox.refusal = DeliveryUnconfirmed()
    answer = verify.send(service=binding)

    assert answer.error[:2] == (504, 20504)
    sid = answer.headers["OTP-Verification"]
    wrong = verify.check("000000", binding, VerificationSid=sid)
    assert wrong.body["status"] == "pending"


@pytest.mark.parametrize("status", ["canceled", "approved"])
def test_a_bound_verification_is_fetched_and_closed_by_its_sid(verify, binding, status):
    sid = verify.send(service=binding).body["sid"]
    path = f"/v2/Services/{binding}/Verifications"
    assert verify.get(f"{path}/{TO}").status == 404
    assert verify.post(f"{path}/{TO}", Status=status).status == 404
    assert verify.get(f"{path}/{sid}").body["status"] == "pending"

    answer = verify.post(f"{path}/{sid}", Status=status)

    assert answer.body["status"] == status


def test_wrong_guesses_are_counted_for_all_services(verify_with, outbox):
    verify = verify_with(OTP_FAILED_CHECKS_PER_PHONE="2/1h")
    shop, bank = verify.service(), verify.service(FriendlyName="Bank")
    for service in (shop, bank):
        verify.send(service=service)
        verify.check(other_than(*outbox.codes), service)

    assert verify.check(outbox.code, bank).error[:2] == (429, 60202)


def test_failed_checks_in_a_row_are_counted_for_all_services(verify_with, outbox):
    verify = verify_with(OTP_MAX_CONSECUTIVE_FAILURES="2")
    shop, bank = verify.service(), verify.service(FriendlyName="Bank")
    for service in (shop, bank):
        verify.send(service=service)
        verify.check(other_than(*outbox.codes), service)

    assert verify.check(outbox.code, bank).error[:2] == (429, 60202)


def test_messages_to_a_phone_are_counted_for_all_services(verify_with):
    verify = verify_with(OTP_SENDS_PER_PHONE="2/1h")
    verify.send(service=verify.service())
    verify.send(service=verify.service())

    assert verify.send().error[:2] == (429, 60203)


def test_a_program_that_approves_gives_no_wrong_guess_back(verify_with, outbox):
    verify = verify_with(OTP_FAILED_CHECKS_PER_PHONE="2/1h")
    verify.send()
    verify.check(other_than(outbox.code))
    verify.post(f"{LIST}/{TO}", Status="approved")
    verify.send()
    verify.check(other_than(outbox.code))

    assert verify.check(outbox.code).error[:2] == (429, 60202)


class Away:
    """Records that cannot be reached, as on another node of a Cluster."""

    def __getattr__(self, name):
        def ask(*_, **__):
            raise StoreUnavailable

        return ask


@pytest.fixture
def without_records(app_with, outbox):
    """The same, while what was told of verifications cannot be reached."""
    app = app_with(OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}")
    replace(app.extensions["otp_engine"], records=Away()).install(app)
    return Verify(app.test_client())


def test_what_has_happened_is_told_even_if_no_record_of_it_can_be_kept(
    without_records, outbox
):
    sent = without_records.send()
    wrong = without_records.check(other_than(outbox.code))
    right = without_records.check(outbox.code)

    assert (sent.status, wrong.status, right.status) == (201, 200, 200)
    assert right.body["status"] == "approved"
    assert len(sent.body["send_code_attempts"]) == 1


def test_what_was_cancelled_is_told_even_if_no_record_of_it_can_be_kept(
    without_records,
):
    without_records.send()

    answer = without_records.post(f"{LIST}/{TO}", Status="canceled")

    assert (answer.status, answer.body["status"]) == (200, "canceled")


def test_a_verification_of_another_service_is_not_found(verify):
    other, sid = verify.service(), verify.send().body["sid"]

    answer = verify.get(f"/v2/Services/{other}/Verifications/{sid}")

    assert answer.error[:2] == (404, 20404)


def test_no_number_stands_in_redis_in_plain(verify, client):
    verify.send()

    assert b"9445012345" not in everything_in(client)


def test_a_sid_leads_to_its_number_during_a_rotation_of_the_pepper(app_with, outbox):
    old, new = (base64.b64encode(c * 32).decode() for c in (b"p", b"q"))
    keys = {"OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}"}
    before = Verify(app_with(OTP_PEPPER=old, **keys).test_client())
    sid = before.send().body["sid"]
    rotating = app_with(OTP_PEPPER=new, OTP_PEPPER_PREVIOUS=old, **keys)
    after = Verify(rotating.test_client())

    assert after.get(f"{LIST}/{sid}").body["to"] == TO
    assert after.check(outbox.code, VerificationSid=sid).body["status"] == "approved"


def test_a_sid_leads_nowhere_once_its_pepper_is_gone(app_with):
    old, new = (base64.b64encode(c * 32).decode() for c in (b"p", b"q"))
    keys = {"OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}"}
    sid = Verify(app_with(OTP_PEPPER=old, **keys).test_client()).send().body["sid"]
    after = Verify(app_with(OTP_PEPPER=new, **keys).test_client())

    assert after.get(f"{LIST}/{sid}").error[:2] == (404, 20404)


def test_a_lookup_tells_the_kind_of_line_where_the_service_wants_one(verify):
    sid = verify.service(LookupEnabled="true")

    assert verify.send(service=sid).body["lookup"]["carrier"]["type"] == "mobile"


class Broken:
    """Records with a bug, whose error quotes what it was given."""

    def __getattr__(self, name):
        def ask(*args, **_):
            raise RuntimeError(args)

        return ask


def test_an_unexpected_failure_is_twilios_500(app_with):
    app = app_with(OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}")
    replace(app.extensions["otp_engine"], records=Broken()).install(app)

    answer = Verify(app.test_client()).send()

    assert answer.error == (500, 20500, "An internal server error has occurred")
