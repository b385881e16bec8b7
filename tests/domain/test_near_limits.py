"""Events of shared limits that are nearly full, on both stores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from otp_engine.domain.events import LimitNear
from otp_engine.domain.limits import near_limits
from otp_engine.domain.limits.limits import Limit, LimitHit, Window, WindowUsage
from otp_engine.domain.limits.near_limits import NearLimits
from otp_engine.domain.models import SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.errors import RateLimited
from otp_engine.store.limit_hits import RedisLimitHits
from otp_engine.store.redis_client import RedisClient
from tests.support.clock import Clock
from tests.support.fakes import different_code


def send(engine, count, **fields):
    for n in range(count):
        number = numbers.parse(f"+9194450{n:05}", "IN")
        engine.send(SendRequest(address=number, **fields))


def near(emitted):
    return [event for event in emitted if isinstance(event, LimitNear)]


@pytest.mark.parametrize(
    ("name", "text", "identifier"),
    [
        ("sends_total", "10/1h", ""),
        ("sends_per_country", "99/1h, IN=10/1h", "IN"),
        ("sends_per_channel", "10/1h", "sms"),
        ("sends_per_key", "shop=10/1h", "shop"),
    ],
)
def test_limit_that_reaches_80_percent_is_reported_once(
    engine_with, emitted, name, text, identifier
):
    engine = engine_with(**{name: text})

    send(engine, 10, client_name="shop")

    assert near(emitted) == [
        LimitNear(limit=name, identifier=identifier, used=8, count=10, period="1h")
    ]


def test_limit_below_80_percent_is_not_reported(engine_with, emitted):
    send(engine_with(sends_total="10/1h"), 7)

    assert near(emitted) == []


def test_event_is_emitted_although_a_later_limit_refuses(engine_with, emitted):
    engine = engine_with(sends_per_key="5/1h", sends_total="3/1h")
    send(engine, 3, client_name="shop")

    with pytest.raises(RateLimited):
        send(engine, 1, client_name="shop")

    assert [event.limit for event in near(emitted)] == ["sends_per_key"]


@pytest.mark.parametrize("text", ["10/1h shadow", "4/1h", "off"])
def test_limit_that_is_small_or_refuses_nothing_is_not_reported(
    engine_with, emitted, text
):
    send(engine_with(sends_total=text), 4)

    assert near(emitted) == []


def test_limit_of_a_client_ip_is_not_reported(engine_with, emitted):
    send(engine_with(sends_per_ip="5/1h"), 5, client_ip="203.0.113.7")

    assert near(emitted) == []


def test_failed_checks_of_all_phones_are_reported(
    engine_with, emitted, alice, check_request, outbox
):
    engine = engine_with(failed_checks_total="5/1h")
    engine.send(alice)
    for _ in range(4):
        engine.check(check_request(different_code(outbox.code)))

    assert near(emitted) == [
        LimitNear(
            limit="failed_checks_total", identifier="", used=4, count=5, period="1h"
        )
    ]


def test_simultaneous_sends_report_a_limit_once(engine_with, emitted):
    engine = engine_with(sends_total="20/1h")
    requests = [
        SendRequest(address=numbers.parse(f"+9194450{n:05}", "IN")) for n in range(20)
    ]
    with ThreadPoolExecutor(10) as threads:
        list(threads.map(engine.send, requests))

    assert [event.used for event in near(emitted)] == [16]


def test_each_part_of_a_split_limit_is_near_at_80_percent_of_itself(connection, redis):
    hits = RedisLimitHits(RedisClient(connection), shared_slots=2)
    hit = LimitHit("sends_total", "", Limit.parse("2000/1h"))
    # Random keys leave a part under 800 of 1,700 events in one run of 70.
    usages = [
        hits.acquire_hits([hit], idempotency_key=n.to_bytes(8))[0] for n in range(1_700)
    ]

    reached = [usage for usage in usages if usage.is_near]

    assert [usage.used for usage in reached] == [1_600, 1_600]


def usage(used=8, identifier="IN", period=timedelta(hours=1)):
    return WindowUsage(
        limit_name="sends_per_country",
        window=Window(10, period),
        used=used,
        resets_in=timedelta(),
        identifier=identifier,
        is_near=used == 8,
    )


def test_usage_that_stays_around_80_percent_is_reported_once_in_a_period():
    clock = Clock()
    reports = NearLimits(clock)
    counts = []
    for _ in range(3):
        for _ in range(60):
            counts += reports.to_report([usage(), usage(9)])
            clock.now += 60

    assert len(counts) == 3


def test_windows_and_identifiers_are_reported_apart():
    reports = NearLimits(Clock())

    found = reports.to_report(
        [usage(), usage(identifier="SN"), usage(period=timedelta(days=1)), usage()]
    )

    assert len(found) == 3


def test_reports_of_ended_periods_are_deleted():
    clock = Clock()
    reports = NearLimits(clock)
    for n in range(near_limits.MAX_STORED):
        reports.to_report([usage(identifier=str(n))])
    clock.now += 3_600

    reports.to_report([usage()])

    assert reports.stored == 1
