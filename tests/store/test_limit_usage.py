"""The usage of limits, and its deletion; on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.domain.inspection import PhoneInspector
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.phones import numbers
from otp_engine.domain.services import Service
from otp_engine.errors import RateLimited
from tests.support.fakes import different_code
from tests.support.tuning import with_policy

SHOP = Service(sid="VA1", namespace="VA1", brand="Shop")
NAMESPACES = ["", "VA1"]


@pytest.fixture
def limited(engine):
    return with_policy(
        engine,
        sends_per_phone=Limit.parse("2/10m, 9/1d"),
        failed_checks_per_phone=Limit.parse("3/1h"),
        sends_total=Limit.parse("5/1h"),
    )


@pytest.fixture
def inspector(limited):
    store = limited.store
    return PhoneInspector(
        store, store.limit_usage, store.guard, limited.peppers, limited.policy
    )


def test_unused_phone_has_no_usage_and_no_pending_verification(inspector, alice, redis):
    inspection = inspector.inspect(alice.address, NAMESPACES)

    assert inspection.pending == []
    assert {window_usage.used for window_usage in inspection.limit_usage} == {0}
    assert redis.dbsize() == 0


def test_inspection_returns_usage_and_reset_of_each_window(
    limited, inspector, alice, check_request, outbox
):
    limited.send(alice)
    limited.send(replace(alice, service=SHOP))
    limited.check(check_request(different_code(*outbox.codes)))

    usage = {
        (window_usage.limit_name, str(window_usage.window)): window_usage
        for window_usage in inspector.inspect(alice.address, NAMESPACES).limit_usage
    }

    used = {key: window_usage.used for key, window_usage in usage.items()}
    assert used == {
        ("sends_per_phone", "2/10m"): 2,
        ("sends_per_phone", "9/1d"): 2,
        ("failed_checks_per_phone", "3/1h"): 1,
        ("max_consecutive_failures", "100/30d"): 1,
        ("sends_total", "5/1h"): 2,
    }
    full = usage["sends_per_phone", "2/10m"].resets_in
    assert timedelta(minutes=9) < full <= timedelta(minutes=10)
    assert not usage["sends_per_phone", "9/1d"].resets_in


def test_inspection_returns_pending_verification_of_each_namespace(
    limited, inspector, alice
):
    limited.send(alice)
    limited.send(replace(alice, service=SHOP))

    pending = inspector.inspect(alice.address, NAMESPACES).pending

    assert [shown.namespace for shown in pending] == NAMESPACES


def test_inspection_returns_usage_of_shadow_windows(engine, store, alice):
    limited = with_policy(
        engine,
        sends_per_phone=Limit.parse("5/10m, 1/10m shadow"),
        sends_total=Limit.parse("9/1h, 1/1h shadow"),
    )
    limited.send(alice)
    limited.send(alice)

    inspector = PhoneInspector(
        store, store.limit_usage, store.guard, limited.peppers, limited.policy
    )

    used = {
        (window_usage.limit_name, str(window_usage.window)): window_usage.used
        for window_usage in inspector.inspect(alice.address, NAMESPACES).limit_usage
    }
    del used["failed_checks_per_phone", "1000/1h"]
    del used["max_consecutive_failures", "100/30d"]
    assert used == {
        ("sends_per_phone", "5/10m"): 2,
        ("sends_per_phone", "1/10m shadow"): 1,
        ("sends_total", "9/1h"): 2,
        ("sends_total", "1/1h shadow"): 1,
    }


def test_inspection_uses_no_attempt(limited, inspector, alice, check_request, outbox):
    limited.send(alice)
    for _ in range(20):
        inspector.inspect(alice.address, NAMESPACES)

    assert limited.check(check_request(outbox.code)).approved


def test_deleted_phone_has_unused_limits_and_no_pending_verification(
    limited, inspector, alice, check_request, outbox
):
    limited.send(alice)
    limited.send(replace(alice, service=SHOP))
    with pytest.raises(RateLimited):
        limited.send(alice)

    assert inspector.delete(alice.address, NAMESPACES)

    assert inspector.inspect(alice.address, NAMESPACES).pending == []
    limited.send(alice)
    assert not inspector.delete(numbers.parse("+919445067890", "IN"), NAMESPACES)


def test_deletion_of_phone_keeps_usage_of_global_limits(limited, inspector, alice):
    limited.send(alice)

    inspector.delete(alice.address, NAMESPACES)

    usage = inspector.inspect(alice.address, NAMESPACES).limit_usage
    assert {window_usage.limit_name: window_usage.used for window_usage in usage}[
        "sends_total"
    ] == 1
