"""`otp-engine routes`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.config import load
from otp_engine.domain.channels import Channel
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.provider_rejections import ProviderRejection
from otp_engine.store.redis_store import RedisStore
from tests.support.command_line import run

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
NUMBER = "+919445012345"
ROUTES = "IN=whatsapp:console>call:console>sms:console, *=sms:twilio"


@pytest.fixture
def environ(environ):
    return environ | {
        "OTP_SENDER": "twilio,console",
        "OTP_ROUTES": ROUTES,
        "OTP_SENDS_PER_CHANNEL": "sms=1/1h",
    }


@pytest.fixture
def routes(environ):
    def run_routes(*arguments, **changes):
        return run("routes", *arguments, **(environ | changes))

    return run_routes


@pytest.fixture
def explain(routes):
    def steps(**changes):
        result = routes("explain", NUMBER, "--json", **changes)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return steps


def test_routes_are_shown_by_destination(routes):
    result = routes("show")

    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()[1:]] == [
        ["IN", "whatsapp:console", ">", "call:console", ">", "sms:console"],
        ["*", "sms:twilio"],
    ]


def test_default_steps_are_shown_for_numbers_without_a_route(routes):
    result = routes("show", OTP_ROUTES="off")

    [line] = result.stdout.splitlines()[1:]
    assert line.split() == ["others", "sms:twilio", ">", "sms:console"]


def test_step_of_a_missing_provider_is_a_warning(routes, policy, environ):
    run("policy", "set", "routes", "IN=sms:twilio", **environ)

    result = routes("show", OTP_SENDER="console", OTP_ROUTES="off")

    assert "routes has sms:twilio, and OTP_SENDER has no twilio" in result.stderr


def test_steps_are_explained_in_order_with_price_and_weight(explain):
    shown = explain()

    assert shown["phone"] == "+91********45"
    assert (shown["destination"], shown["excluded_by"]) == ("IN", None)
    assert [step["step"] for step in shown["steps"]] == [
        *("whatsapp:console", "call:console", "sms:console")
    ]
    assert {step["skipped"] for step in shown["steps"]} == {None}
    assert shown["steps"][2]["price"] == "0.0832"
    assert {step["weight"] for step in shown["steps"]} == {100}


def test_number_without_a_route_has_the_default_steps(explain):
    shown = explain(OTP_ROUTES="GB=sms:twilio")

    assert shown["destination"] is None
    assert [each["step"] for each in shown["steps"]] == ["sms:twilio", "sms:console"]


def test_steps_that_are_skipped_have_a_reason(explain, real_redis, environ):
    [pepper] = load(environ).peppers
    RedisStore(real_redis).mark_channel_unreachable(
        PhoneKey(pepper.pseudonymize("phone", NUMBER)),
        Channel.WHATSAPP,
        ProviderRejection.not_on_channel(),
    )

    shown = explain(OTP_CALL_COUNTRIES="GB", OTP_SENDING="on, channel:sms=off")

    assert [step["skipped"] for step in shown["steps"]] == [
        "a provider reported that the channel does not reach the phone",
        "call_countries does not have IN",
        "sending has channel:sms=off",
    ]


def test_number_that_is_excluded_has_the_rule(routes):
    result = routes("explain", NUMBER, OTP_SENDING="on, IN=off")

    assert result.exit_code == 0
    assert "sending refuses every message to this number" in result.stderr


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("+442079460018", "allowed_countries"),
        ("+911800123456", "number_type_not_allowed"),
    ],
)
def test_destination_that_is_not_allowed_has_the_rule(routes, number, rule):
    result = routes("explain", number, "--json")

    shown = json.loads(result.stdout)
    assert shown["excluded_by"] == rule
    assert {step["skipped"] for step in shown["steps"]} == {rule}


def test_suspended_place_of_the_pumping_guard_is_shown(routes, real_redis):
    block = numbers.parse(NUMBER, "IN").block
    until = datetime.now(UTC) + timedelta(hours=2)
    RedisStore(real_redis).guard.suspend(block, until)

    result = routes("explain", NUMBER, "--json", OTP_GUARD="on")

    assert json.loads(result.stdout)["excluded_by"] == "pumping_guard"


def test_unassigned_sandbox_number_is_shown_as_one(routes):
    last_day = datetime.now(UTC).date() + timedelta(days=30)

    result = routes(
        "explain",
        "+15550100001",
        OTP_TEST_NUMBERS=f"+15550100001:123456@{last_day}",
    )

    assert result.exit_code == 0
    assert result.stdout == (
        f"+1********01: a sandbox number, without messages through {last_day}\n"
    )


def test_landline_is_explained_with_calls_only(routes):
    result = routes("explain", "+912224935555", "--json")

    shown = json.loads(result.stdout)
    assert shown["excluded_by"] is None
    assert [step["skipped"] for step in shown["steps"]] == [
        *("a landline has no whatsapp", None, "a landline has no sms")
    ]


def test_full_limit_is_shown_with_the_steps_that_it_refuses(explain, service, environ):
    # The service of the test has none of the providers of the route.
    body = {"phone": NUMBER, "channel": "sms"}
    sent = service.post("/auth/send_otp", json=body, headers=KEY)
    assert sent.status_code == 201

    shown = explain()

    full = {
        step["step"]: [each["limit"] for each in step["full"]]
        for step in shown["steps"]
    }
    assert full == {
        "whatsapp:console": [],
        "call:console": [],
        "sms:console": ["sends_per_channel"],
    }


def test_output_contains_no_full_number(routes):
    result = routes("explain", NUMBER)

    assert "9445012345" not in result.output
    assert "can be sent" in result.stdout


def test_text_that_is_no_number_is_rejected(routes):
    result = routes("explain", "12")

    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("IN=sms:msg91", "routes has sms:msg91, and OTP_SENDER has no msg91"),
        ("IN=whatsapp:twilio", "routes has whatsapp:twilio, and twilio sends sms only"),
        ("IN=fax:twilio", "must have steps with a channel"),
    ],
)
def test_route_that_no_provider_can_take_is_not_stored(policy, text, problem):
    result = policy("set", "routes", text)

    assert result.exit_code == 1
    assert problem in result.stderr
    assert "version 1" not in policy("show").stdout
