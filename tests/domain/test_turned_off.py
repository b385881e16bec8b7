"""Sends and checks that a switch or a blocked network refuses, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from otp_engine.domain import engine_router
from otp_engine.domain.events import RequestRefused
from otp_engine.domain.models import SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.sandbox_numbers import SandboxNumbers
from otp_engine.errors import (
    ChannelNotAllowed,
    CountryNotAllowed,
    KeyNotAllowed,
    NetworkNotAllowed,
    OTPError,
    PrefixNotAllowed,
    RateLimited,
    SendingDisabled,
)
from otp_engine.senders.null import NullSender

BLOCKED_IP, OTHER_IP = "203.0.113.7", "198.51.100.7"


def build_router(engine):
    numbers_of_today = SandboxNumbers({}, lambda: date(2026, 11, 27))
    return engine_router.build(engine, numbers_of_today, {"null": NullSender()})


def outcome(engine, send_request):
    try:
        return type(engine.send(send_request))
    except OTPError as error:
        return type(error)


def refused(engine, send_request):
    with pytest.raises(OTPError) as raised:
        engine.send(send_request)
    return raised.value


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("off", SendingDisabled),
        ("off, SN=on", SendingDisabled),
        ("on, IN=off", CountryNotAllowed),
        ("on, +919445=off", PrefixNotAllowed),
        ("on, channel:sms=off", ChannelNotAllowed),
        ("on, key:shop=off", KeyNotAllowed),
        ("off, IN=on, key:shop=off", KeyNotAllowed),
    ],
)
def test_send_that_is_off_is_refused_with_the_reason(
    engine_with, alice, outbox, text, error
):
    engine = engine_with(sending=text)

    assert type(refused(engine, replace(alice, client_name="shop"))) is error
    assert outbox.messages == []


@pytest.mark.parametrize(
    "text",
    [
        *("on, SN=off", "on, +918=off", "on, key:other=off", "off, IN=on"),
        *("off, +919445=on", "off, key:shop=on", "off, channel:sms=on"),
    ],
)
def test_send_that_is_on_is_sent(engine_with, alice, outbox, text):
    engine_with(sending=text).send(replace(alice, client_name="shop"))

    assert len(outbox.messages) == 1


def test_safe_listed_number_is_off_with_its_country(engine_with, alice):
    engine = engine_with(sending="on, IN=off")

    error = refused(engine, replace(alice, geo_exempt=True))

    assert isinstance(error, CountryNotAllowed)


def test_send_that_is_off_counts_for_no_limit(engine_with, alice):
    refused(engine_with(sending="on, IN=off"), replace(alice, client_ip=OTHER_IP))
    engine = engine_with(sends_per_ip="1/1h", sends_total="1/1h")

    engine.send(replace(alice, client_ip=OTHER_IP))

    assert isinstance(refused(engine, alice), RateLimited)


def test_code_can_be_checked_after_sending_was_turned_off(
    engine_with, alice, check_request, outbox
):
    engine_with().send(alice)
    engine = engine_with(sending="on, IN=off, channel:sms=off")

    assert engine.check(check_request(outbox.code)).approved


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"sending": "on, IN=off"}, "sending"),
        ({"sending": "on, +919445=off"}, "sending"),
        ({"sending": "on, channel:sms=off"}, "sending"),
        ({"sending": "on, key:shop=off"}, "sending"),
        ({"blocked_networks": "203.0.113.0/24"}, "blocked_networks"),
        ({"allowed_countries": "SN"}, "country_not_allowed"),
    ],
)
def test_refused_send_emits_the_name_of_the_rule(
    engine_with, emitted, alice, values, rule
):
    engine = engine_with(**values)
    router = build_router(engine)

    refused(router.production, replace(alice, client_name="shop", client_ip=BLOCKED_IP))

    [event] = emitted
    assert isinstance(event, RequestRefused)
    assert event.limit == rule


@pytest.mark.parametrize("client_ip", ["203.0.113.7", "2001:db8:1:2::/64"])
def test_client_of_a_blocked_network_can_neither_send_nor_check(
    engine_with, alice, check_request, outbox, client_ip
):
    engine_with().send(alice)
    engine = engine_with(blocked_networks="203.0.113.0/24, 2001:db8::/32")

    with pytest.raises(NetworkNotAllowed):
        engine.send(replace(alice, client_ip=client_ip))
    with pytest.raises(NetworkNotAllowed):
        engine.check(check_request(outbox.code, client_ip))

    assert len(outbox.messages) == 1
    assert engine.check(check_request(outbox.code, OTHER_IP)).approved


def test_check_of_a_blocked_client_uses_no_attempt(
    engine_with, alice, check_request, outbox
):
    engine = engine_with(blocked_networks="203.0.113.0/24")
    engine.send(alice)
    with pytest.raises(NetworkNotAllowed):
        engine.check(check_request(outbox.code, BLOCKED_IP))

    assert engine.get_pending(alice.address).attempts_used == 0


@pytest.mark.parametrize("client_ip", [OTHER_IP, None])
def test_client_outside_of_blocked_networks_can_send(engine_with, alice, client_ip):
    engine = engine_with(blocked_networks="203.0.113.0/24")

    engine.send(replace(alice, client_ip=client_ip))


def test_allowed_countries_of_the_policy_replace_those_of_the_start(engine_with, alice):
    engine = engine_with(allowed_countries="SN")
    router = build_router(engine)
    senegal = SendRequest(address=numbers.parse("+221771234567", "SN"))

    router.production.send(senegal)

    assert isinstance(refused(router.production, alice), CountryNotAllowed)


def test_sandbox_is_on_and_unlimited_for_names(engine_with, alice):
    engine = engine_with(
        sending="off, IN=off",
        allowed_countries="SN",
        sends_per_country="IN=1/1h",
        sends_per_prefix="+91=1/1h",
        sends_per_channel="1/1h",
    )
    router = build_router(engine)

    for _ in range(2):
        router.sandbox.send(alice)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"blocked_networks": "203.0.113.0/24"}, NetworkNotAllowed),
        ({"sends_per_network": "203.0.113.0/24=1/1h"}, RateLimited),
    ],
)
def test_sandbox_counts_and_blocks_its_requester(engine_with, alice, values, error):
    engine = engine_with(**values)
    router = build_router(engine)
    send_request = replace(alice, client_ip=BLOCKED_IP)

    outcomes = [outcome(router.sandbox, send_request) for _ in range(2)]

    assert outcomes[-1] is error
