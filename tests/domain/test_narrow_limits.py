"""Limits of single countries, prefixes, channels and networks, on both stores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from otp_engine.domain.models import SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.errors import DeliveryFailed, RateLimited
from tests.support.tuning import with_policy

# Two numbers of one prefix, and one of another.
FIRST, SECOND, OTHER = "+919445012345", "+919445067890", "+919876543210"


@pytest.fixture
def engine_with(engine):
    def build(**texts):
        values = {name: PARSERS[name](text) for name, text in texts.items()}
        return with_policy(engine, **values)

    return build


def request(number, **fields):
    return SendRequest(address=numbers.parse(number, "IN"), **fields)


def refusal(engine, send_request):
    with pytest.raises(RateLimited) as raised:
        engine.send(send_request)
    return raised.value.limit, raised.value.identifier


def test_country_with_a_limit_of_its_own_does_not_have_the_default(engine_with):
    engine = engine_with(sends_per_country="1/1h, IN=2/1h")
    engine.send(request(FIRST))
    engine.send(request(SECOND))

    assert refusal(engine, request(OTHER)) == ("sends_per_country", "IN")


def test_other_countries_have_the_default(engine_with):
    engine = engine_with(sends_per_country="1/1h, SN=off")
    engine.send(request(FIRST))

    assert refusal(engine, request(SECOND)) == ("sends_per_country", "IN")


def test_prefix_limits_its_numbers_together(engine_with):
    engine = engine_with(sends_per_prefix="+919445=1/1h")
    engine.send(request(FIRST))

    assert refusal(engine, request(SECOND)) == ("sends_per_prefix", "+919445")


def test_numbers_without_a_named_prefix_have_no_limit(engine_with):
    engine = engine_with(sends_per_prefix="+919445=1/1h, +22177=1/1h")
    engine.send(request(FIRST))

    engine.send(request(OTHER))


@pytest.mark.parametrize(
    ("text", "prefix"),
    [("+91=2/1h, +919445=1/1h", "+919445"), ("+91=1/1h, +919445=2/1h", "+91")],
)
def test_every_matching_prefix_applies(engine_with, text, prefix):
    engine = engine_with(sends_per_prefix=text)
    engine.send(request(FIRST))

    assert refusal(engine, request(SECOND)) == ("sends_per_prefix", prefix)


def test_rejected_message_does_not_count_for_its_prefix(engine_with, outbox):
    engine = engine_with(sends_per_prefix="+919445=1/1h")
    outbox.error = DeliveryFailed()
    with pytest.raises(DeliveryFailed):
        engine.send(request(FIRST))
    outbox.error = None

    engine.send(request(SECOND))


def test_channel_limits_its_messages(engine_with):
    engine = engine_with(sends_per_channel="9/1h, sms=1/1h")
    engine.send(request(FIRST))

    assert refusal(engine, request(OTHER)) == ("sends_per_channel", "sms")


@pytest.mark.parametrize(
    ("network", "clients"),
    [
        ("203.0.113.0/24", ["203.0.113.7", "203.0.113.8"]),
        ("2001:db8::/32", ["2001:db8:1:2::/64", "2001:db8:3:4::/64"]),
    ],
)
def test_clients_of_a_network_share_its_limit(engine_with, network, clients):
    engine = engine_with(sends_per_network=f"{network}=1/1h")
    engine.send(request(FIRST, client_ip=clients[0]))

    refused = refusal(engine, request(OTHER, client_ip=clients[1]))

    assert refused == ("sends_per_network", network)


@pytest.mark.parametrize("client_ip", ["203.0.114.7", None])
def test_client_outside_of_the_network_is_not_limited(engine_with, client_ip):
    engine = engine_with(sends_per_network="203.0.113.0/24=1/1h")
    engine.send(request(FIRST, client_ip="203.0.113.7"))

    engine.send(request(SECOND, client_ip=client_ip))
    engine.send(request(OTHER, client_ip=client_ip))


def test_network_is_counted_before_the_phone(engine_with, outbox):
    engine = engine_with(
        sends_per_network="203.0.113.0/24=2/1h", sends_per_phone="1/1h"
    )
    engine.send(request(FIRST, client_ip="203.0.113.7"))
    phone = refusal(engine, request(FIRST, client_ip="203.0.113.7"))

    network = refusal(engine, request(SECOND, client_ip="203.0.113.8"))

    assert (phone[0], network[0]) == ("sends_per_phone", "sends_per_network")
    assert len(outbox.messages) == 1


def test_simultaneous_sends_stay_within_the_limits_of_a_prefix(engine_with, outbox):
    engine = engine_with(sends_per_prefix="+919445=7/1h, +91944=9/1h")
    requests = [request(f"+9194450{n:05}") for n in range(100)]

    def try_to_send(send_request):
        try:
            engine.send(send_request)
        except RateLimited as error:
            return error.identifier
        return "sent"

    with ThreadPoolExecutor(16) as threads:
        outcomes = list(threads.map(try_to_send, requests))

    assert outcomes.count("sent") == 7
    assert set(outcomes) == {"sent", "+919445"}
    assert len(outbox.messages) == 7


def test_window_in_shadow_mode_of_a_prefix_refuses_nothing(engine_with, outbox):
    engine = engine_with(sends_per_prefix="+919445=1/1h shadow")
    engine.send(request(FIRST))

    result = engine.send(request(SECOND))

    [usage] = result.limit_usage
    assert (usage.identifier, usage.would_refuse) == ("+919445", True)
