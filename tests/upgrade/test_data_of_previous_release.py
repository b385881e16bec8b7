"""Today's code on what the previous release stored.

The tests share one Redis, and each has phones of its own.
"""

from __future__ import annotations

import json

import pytest

from tests.support.fakes import different_code
from tests.upgrade import previous_release, record
from tests.upgrade.history import (
    ADDRESS,
    BOUND,
    CANCELED,
    FAILED,
    FAILURES,
    FULL,
    LIVE,
    LOCKED,
    MAX_CHECKS,
    OF_ADDRESS,
    OF_SERVICE,
    RESENT,
    SAFE,
    USED,
)

pytestmark = pytest.mark.e2e
APPROVED = {"VerificationStatus": "approved"}


def test_stored_data_is_of_the_previous_release():
    stored = json.loads(record.FILE.read_text())

    assert stored["commit"] == previous_release.COMMIT
    assert stored["version"] == previous_release.VERSION
    assert len(stored["keys"]) > 30


def test_live_code_is_approved_once(upgraded):
    first = upgraded.client.check(LIVE, upgraded.code(LIVE))
    second = upgraded.client.check(LIVE, upgraded.code(LIVE))

    assert (first.status, first.body) == (201, APPROVED)
    assert second.body["error"] == "verification_not_found"


def test_used_code_stays_used(upgraded):
    response = upgraded.client.check(USED, upgraded.code(USED))

    assert response.body["error"] == "verification_not_found"


def test_earlier_code_of_a_resend_is_approved(upgraded):
    response = upgraded.client.check(RESENT, upgraded.code(RESENT, 0))

    assert response.body == APPROVED


def test_failed_checks_stay_counted(upgraded):
    wrong = different_code(upgraded.code(FAILED))

    response = upgraded.client.check(FAILED, wrong)

    left = MAX_CHECKS - FAILURES - 1
    assert response.headers["otp-attempts-left"] == str(left)


def test_right_code_after_the_last_attempt_is_refused(upgraded):
    response = upgraded.client.check(LOCKED, upgraded.code(LOCKED))

    assert (response.status, response.body["error"]) == (429, "too_many_attempts")


def test_handle_of_a_bound_verification_is_accepted(upgraded):
    handle = upgraded.facts["handle"]

    response = upgraded.client.check(BOUND, upgraded.code(BOUND), verification=handle)

    assert response.body == APPROVED


def test_full_limit_of_a_phone_refuses(upgraded):
    response = upgraded.client.send(FULL)

    assert response.status == 429
    assert '"sends_per_phone' in response.headers["ratelimit-policy"]


def test_full_limit_of_an_address_refuses_another_phone(upgraded):
    response = upgraded.client.send("+919445040001", client_ip=ADDRESS)

    assert response.status == 429


def test_resend_of_this_release_keeps_the_earlier_code(upgraded):
    phone = OF_ADDRESS[0]
    upgraded.client.send_code(phone)

    response = upgraded.client.check(phone, upgraded.code(phone))

    assert response.body == APPROVED


def test_code_of_a_service_is_approved(upgraded):
    path = f"Services/{upgraded.facts['service']}/VerificationCheck"

    response = upgraded.client.v2(path, To=OF_SERVICE, Code=upgraded.code(OF_SERVICE))

    assert response.body["status"] == "approved"


def test_service_with_its_limits_is_read(upgraded):
    sid, limit = upgraded.facts["service"], upgraded.facts["limit"]

    service = upgraded.client.v2(f"Services/{sid}").body
    buckets = upgraded.client.v2(f"Services/{sid}/RateLimits/{limit}/Buckets").body

    assert (service["friendly_name"], service["code_length"]) == ("Shop", 8)
    assert [(item["max"], item["interval"]) for item in buckets["buckets"]] == [(5, 60)]


def test_canceled_verification_is_read(upgraded):
    path = f"Services/{upgraded.facts['service']}/Verifications"

    response = upgraded.client.v2(f"{path}/{upgraded.facts['canceled']}")

    assert (response.body["status"], response.body["to"]) == ("canceled", CANCELED)


def test_number_of_the_safe_list_stays(upgraded):
    response = upgraded.client.v2(f"SafeList/Numbers/{SAFE}")

    assert response.status == 200


def test_policy_versions_are_live_and_in_the_history(upgraded):
    shown = json.loads(upgraded.run("policy", "show"))
    history = json.loads(upgraded.run("policy", "history"))

    assert shown["version"] == 3
    assert shown["values"]["sends_total"]["value"] == "5000/1h"
    assert shown["values"]["ttl"]["value"] == "5m"
    assert [version["version"] for version in history] == [3, 2, 1]
    assert history[1]["reason"] == "launch"


def test_events_are_listed(upgraded):
    lines = upgraded.run("events", "--since", "1d").splitlines()
    kinds = {json.loads(line)["kind"] for line in lines}

    assert kinds >= {
        "sent",
        "failed_check",
        "max_attempts_reached",
        "approved",
        "canceled",
        "policy",
    }
