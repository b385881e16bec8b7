"""The limits of sends, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.errors import DeliveryFailed, RateLimited
from tests.support.tuning import with_policy

BOB = SendRequest(address=numbers.parse("+919445067890", "IN"))


def test_phone_limit_counts_all_verifications(engine, outbox, alice, check_request):
    engine = with_policy(engine, sends_per_phone=Limit.parse("2/10m"))
    for _ in range(2):
        engine.send(alice)
        engine.check(check_request(outbox.code))

    with pytest.raises(RateLimited) as raised:
        engine.send(alice)

    assert raised.value.limit == "sends_per_phone"
    assert engine.send(BOB)


def test_phone_limit_in_shadow_mode_refuses_no_send(engine, outbox, alice):
    engine = with_policy(engine, sends_per_phone=Limit.parse("1/10m shadow"))

    windows = [engine.send(alice).limit_usage[0] for _ in range(3)]

    assert len(outbox.messages) == 3
    assert [(window.used, window.would_refuse) for window in windows] == [
        (1, False),
        (1, True),
        (1, True),
    ]


def test_enforced_window_refuses_beside_a_window_in_shadow_mode(engine, outbox, alice):
    engine = with_policy(engine, sends_per_phone=Limit.parse("2/10m, 1/10m shadow"))
    would_refuse = [
        [window.would_refuse for window in engine.send(alice).limit_usage]
        for _ in range(2)
    ]

    with pytest.raises(RateLimited):
        engine.send(alice)

    assert would_refuse == [[False, False], [False, True]]
    assert len(outbox.messages) == 2


def test_released_send_is_removed_from_the_shadow_window(engine, outbox, alice):
    engine = with_policy(engine, sends_per_phone=Limit.parse("1/10m shadow"))
    outbox.error = DeliveryFailed(retry_elsewhere=True)
    with pytest.raises(DeliveryFailed):
        engine.send(alice)
    outbox.error = None

    assert [window.would_refuse for window in engine.send(alice).limit_usage] == [False]


def test_limit_in_shadow_mode_leaves_the_cooldown_unchanged(engine, alice):
    engine = with_policy(
        engine,
        resend_cooldown=timedelta(seconds=30),
        sends_per_phone=Limit.parse("1/10m shadow"),
    )
    engine.send(alice)

    with pytest.raises(RateLimited) as raised:
        engine.send(alice)

    assert raised.value.limit == "resend_cooldown"


def test_send_returns_the_usage_of_each_limit(engine, alice):
    engine = with_policy(
        engine,
        sends_per_phone=Limit.parse("3/10m"),
        sends_per_ip=Limit.parse("5/10m"),
        sends_total=Limit.parse("9/1h"),
    )
    engine.send(alice)

    send_result = engine.send(replace(alice, client_ip="203.0.113.7"))

    used = [
        (usage.limit_name, str(usage.window), usage.used)
        for usage in send_result.limit_usage
    ]
    assert used == [
        ("sends_per_phone", "3/10m", 2),
        ("sends_per_ip", "5/10m", 1),
        ("sends_total", "9/1h", 2),
    ]


def test_refusal_has_the_longest_wait(engine, alice):
    engine = with_policy(
        engine,
        resend_cooldown=timedelta(seconds=30),
        sends_per_phone=Limit.parse("1/10m, 1/24h"),
    )
    engine.send(alice)

    with pytest.raises(RateLimited) as raised:
        engine.send(alice)

    assert raised.value.retry_after > timedelta(hours=23)


@pytest.mark.parametrize(
    ("name", "send_request"),
    [
        ("sends_per_ip", SendRequest(address=BOB.address, client_ip="203.0.113.7")),
        ("sends_per_country", BOB),
        ("sends_per_channel", BOB),
        ("sends_total", BOB),
    ],
)
def test_shared_limit_counts_sends_to_all_phones(
    engine, outbox, alice, name, send_request
):
    engine = with_policy(engine, **{name: PARSERS[name]("1/10m")})
    engine.send(replace(alice, client_ip="203.0.113.7"))

    with pytest.raises(RateLimited) as raised:
        engine.send(send_request)

    assert raised.value.limit == name
    assert len(outbox.messages) == 1


def test_each_client_ip_has_its_own_limit(engine, alice):
    engine = with_policy(engine, sends_per_ip=Limit.parse("1/10m"))
    engine.send(replace(alice, client_ip="203.0.113.7"))

    assert engine.send(replace(BOB, client_ip="203.0.113.8"))


def test_send_without_client_ip_has_no_limit_by_ip(engine, alice):
    engine = with_policy(engine, sends_per_ip=Limit.parse("1/10m"))
    engine.send(alice)

    assert engine.send(BOB)


def test_send_refused_by_a_global_limit_is_released(engine, alice):
    # The limit of the phone counts the send before the global limit rejects it.
    without_total = with_policy(engine, sends_per_phone=Limit.parse("1/10m"))
    with_total = with_policy(without_total, sends_total=Limit.parse("1/10m"))
    with_total.send(BOB)
    with pytest.raises(RateLimited, match="Too many"):
        with_total.send(alice)

    send_result = without_total.send(alice)

    assert send_result.expires_in == timedelta(minutes=10)


def test_send_refused_by_the_phone_uses_no_global_limit(engine, alice):
    engine = with_policy(
        engine,
        resend_cooldown=timedelta(seconds=30),
        sends_total=Limit.parse("2/10m"),
    )
    engine.send(alice)
    with pytest.raises(RateLimited):
        engine.send(alice)

    assert engine.send(BOB)
