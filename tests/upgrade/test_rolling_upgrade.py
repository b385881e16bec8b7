"""An instance of the previous release beside one of this, during a rolling upgrade.

The tests share one Redis, and each has phones of its own.
"""

from __future__ import annotations

import itertools
import json

import pytest

from tests.upgrade.history import MAX_CHECKS
from tests.upgrade.requests import FULL_IP_LIMIT, FULL_PHONE_LIMIT

pytestmark = pytest.mark.e2e
APPROVED = {"VerificationStatus": "approved"}
_NUMBERS = itertools.count(9_445_060_000)
both_ways = pytest.mark.parametrize(
    ("first", "second"), [("old", "new"), ("new", "old")]
)


@pytest.fixture
def phone():
    return f"+91{next(_NUMBERS)}"


@pytest.fixture
def sender(pair, first):
    return getattr(pair, first)


@pytest.fixture
def checker(pair, second):
    return getattr(pair, second)


@both_ways
def test_code_of_one_release_is_approved_once_by_the_other(sender, checker, phone):
    code = sender.send_code(phone)

    approved = checker.check(phone, code)
    again = sender.check(phone, code)

    assert approved.body == APPROVED
    assert again.body["error"] == "verification_not_found"


@both_ways
def test_resend_by_the_other_release_keeps_the_first_code(sender, checker, phone):
    code = sender.send_code(phone)
    checker.send_code(phone)

    response = sender.check(phone, code)

    assert response.body == APPROVED


@both_ways
def test_failed_checks_of_both_releases_count_together(sender, checker, phone):
    code = sender.send_code(phone)
    checker.fail(phone, code, MAX_CHECKS - 2)
    sender.fail(phone, code, 2)

    response = checker.check(phone, code)

    assert (response.status, response.body["error"]) == (429, "too_many_attempts")


@both_ways
def test_sends_of_both_releases_count_together(sender, checker, phone):
    for client in [sender] * (FULL_PHONE_LIMIT - 1) + [checker]:
        client.send_code(phone)

    refused = [client.send(phone).status for client in (sender, checker)]

    assert refused == [429, 429]


@both_ways
def test_requests_of_one_address_count_together(sender, checker, phone, first):
    address = {"old": "192.0.2.1", "new": "192.0.2.2"}[first]
    for client in [sender] * (FULL_IP_LIMIT - 1) + [checker]:
        client.send_code(f"+91{next(_NUMBERS)}", client_ip=address)

    refused = [
        client.send(phone, client_ip=address).status for client in (sender, checker)
    ]

    assert refused == [429, 429]


@both_ways
def test_handle_of_one_release_is_accepted_by_the_other(sender, checker, phone):
    handle = sender.send(phone, bind=True).headers["otp-verification"]

    response = checker.check(phone, sender.code(phone), verification=handle)

    assert response.body == APPROVED


@both_ways
def test_service_of_one_release_is_used_by_the_other(sender, checker, phone):
    service = sender.v2("Services", FriendlyName="Shop", CodeLength="8").body["sid"]
    path = f"Services/{service}"

    created = checker.v2(f"{path}/Verifications", To=phone, Channel="sms")
    read = sender.v2(f"{path}/Verifications/{created.body['sid']}")

    assert len(checker.code(phone)) == 8
    assert (created.status, read.body["status"]) == (201, "pending")


def test_policy_of_this_release_is_read_by_the_previous_one(pair):
    pair.run_new("policy", "set", "sends_total", "7000/1h", "--reason", "launch")

    shown = json.loads(pair.run_old("policy", "show", "--json"))

    assert shown["sends_total"]["value"] == "7000/1h"


def test_value_that_the_previous_release_lacks_leaves_the_others_in_force(pair):
    pair.run_new("policy", "set", "slow_after", "25s")
    pair.run_new("policy", "set", "ttl", "7m")

    shown = json.loads(pair.run_old("policy", "show", "--json"))

    assert shown["ttl"]["value"] == "7m"
    assert "slow_after" not in shown


def test_version_of_the_previous_release_keeps_values_that_it_lacks(pair):
    pair.run_new("policy", "set", "slow_after", "26s")
    pair.run_old("policy", "set", "max_checks", "4")

    shown = json.loads(pair.run_new("policy", "show", "--json"))["values"]

    assert shown["slow_after"]["value"] == "26s"
    assert shown["max_checks"]["value"] == "4"
    pair.run_new("policy", "unset", "max_checks")


def test_previous_release_serves_while_it_cannot_read_a_value(pair, phone):
    pair.run_new("policy", "set", "sends_per_country", "60/10m, SN=5/10m")

    code = pair.old.send_code(phone)

    assert pair.new.check(phone, code).body == APPROVED
    pair.run_new("policy", "unset", "sends_per_country")


def test_events_of_this_release_are_listed_by_the_previous_one(pair, phone):
    code = pair.new.send_code(phone)
    pair.new.check(phone, code)

    listed = pair.run_old("events", "--json").splitlines()

    kinds = {json.loads(line)["kind"] for line in listed}
    assert {"sent", "approved"} <= kinds
