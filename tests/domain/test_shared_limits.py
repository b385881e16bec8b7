"""Limits by API key, by IPv6 network and of all failed checks, on both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otp_engine.domain.limits import names
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.models import SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.errors import LimitExceeded, RateLimited
from tests.support.fakes import different_code
from tests.support.tuning import with_policy

BOB = SendRequest(address=numbers.parse("+919445067890", "IN"))


@pytest.fixture
def with_key_limits(engine):
    limit = LimitByName.parse("2/1h; shop=1/1h; free=off", names.KEY)
    return with_policy(engine, sends_per_key=limit, checks_per_key=limit)


@pytest.mark.parametrize(("client_name", "sends"), [("shop", 1), ("other", 2)])
def test_api_key_has_a_limit_of_sends(with_key_limits, alice, client_name, sends):
    send_request = replace(alice, client_name=client_name)
    for _ in range(sends):
        with_key_limits.send(send_request)

    with pytest.raises(RateLimited) as raised:
        with_key_limits.send(replace(BOB, client_name=client_name))

    assert raised.value.limit == "sends_per_key"
    with_key_limits.send(replace(BOB, client_name="another"))


@pytest.mark.parametrize(("client_name", "checks"), [("shop", 1), ("other", 2)])
def test_api_key_has_a_limit_of_checks(
    with_key_limits, alice, check_request, outbox, client_name, checks
):
    with_key_limits.send(replace(alice, client_name="free"))
    failed_check = replace(
        check_request(different_code(outbox.code)), client_name=client_name
    )
    for _ in range(checks):
        with_key_limits.check(failed_check)

    with pytest.raises(RateLimited) as raised:
        with_key_limits.check(failed_check)

    assert raised.value.limit == "checks_per_key"


@pytest.mark.parametrize("client_name", [None, "free"])
def test_client_without_a_limit_is_accepted(with_key_limits, alice, client_name):
    for _ in range(4):
        with_key_limits.send(replace(alice, client_name=client_name))


def test_failed_checks_of_all_phones_have_a_limit(engine, alice, check_request, outbox):
    engine = with_policy(engine, failed_checks_total=Limit.parse("1/1h"))
    engine.send(alice)
    engine.send(BOB)
    engine.check(check_request(different_code(*outbox.codes)))

    with pytest.raises(RateLimited) as raised:
        engine.check(replace(check_request(outbox.codes[1]), address=BOB.address))

    assert raised.value.limit == "failed_checks_total"


def test_right_code_does_not_count_as_a_failed_check(
    engine, alice, check_request, outbox
):
    engine = with_policy(engine, failed_checks_total=Limit.parse("1/1h"))
    for _ in range(3):
        engine.send(alice)
        assert engine.check(check_request(outbox.code)).approved


def test_check_refused_by_the_total_uses_no_attempt(
    engine, alice, check_request, outbox
):
    engine = with_policy(engine, failed_checks_total=Limit.parse("1/1h"))
    engine.send(alice)
    engine.check(check_request(different_code(outbox.code)))
    with pytest.raises(LimitExceeded):
        engine.check(check_request(outbox.code))

    pending = engine.get_pending(alice.address)

    assert pending.attempts_used == 1


IPV6 = [f"2001:db8:0:{n:x}::/64" for n in range(400)]


def test_wider_ipv6_networks_have_four_and_sixteen_times_the_limit(engine):
    engine = with_policy(engine, sends_per_ip=Limit.parse("1/10m"))
    accepted: list[str] = []
    # All networks are in one /48: a /64 twice, other /64s of its /56, and other /56s.
    for n, address in enumerate([IPV6[0], *IPV6]):
        number = numbers.parse(f"+9194450{n:05}", "IN")
        try:
            engine.send(SendRequest(address=number, client_ip=address))
        except RateLimited:
            continue
        accepted.append(address)

    assert accepted == [*IPV6[:4], *IPV6[256:260]]


def test_48_network_has_sixteen_times_the_limit_of_sends(engine):
    engine = with_policy(engine, sends_per_ip=Limit.parse("1/10m"))
    accepted = 0
    for n in range(20):
        number = numbers.parse(f"+9194450{n:05}", "IN")
        send_request = SendRequest(address=number, client_ip=f"2001:db8:0:{n:x}00::/64")
        try:
            engine.send(send_request)
        except RateLimited:
            continue
        accepted += 1

    assert accepted == 16


@pytest.mark.parametrize("address", [IPV6[0], IPV6[1]])
def test_56_network_has_four_times_the_limit_of_checks(
    engine, alice, check_request, outbox, address
):
    engine = with_policy(engine, checks_per_ip=Limit.parse("1/10m"), max_checks=100)
    engine.send(alice)
    failed_check = check_request(different_code(outbox.code))
    for other in IPV6[2:6]:
        engine.check(replace(failed_check, client_ip=other))

    with pytest.raises(RateLimited) as raised:
        engine.check(replace(failed_check, client_ip=address))

    assert raised.value.limit == "checks_per_ip"
