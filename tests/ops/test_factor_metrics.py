from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from otp_engine.domain.events import (
    ChallengeApproved,
    FactorApproved,
    FactorCheckFailed,
    FactorCheckRefused,
    FactorCheckUnavailable,
    FactorCreated,
    FactorDeleted,
    FactorVerified,
)
from otp_engine.errors import StoreUnavailable
from otp_engine.ops.factor_metrics import FactorCounters, FactorKeyMetrics

ENTITY: dict[str, Any] = {
    "identity_hash": "xBsuUixoSM3ju4Iw",
    "service": "VA" + "0" * 32,
}
FACTOR = ENTITY | {"factor_sid": "YF" + "1" * 32}


class FakeStore:
    def __init__(self):
        self.usable: bool | None = True
        self.reads = 0

    def read(self):
        self.reads += 1
        if self.usable is None:
            raise StoreUnavailable
        return self.usable


class FakeClock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def value_of(metrics):
    [family] = metrics.collect()
    return [sample.value for sample in family.samples]


def test_gauge_has_no_value_before_the_first_refresh():
    assert value_of(FactorKeyMetrics(FakeStore().read)) == []


def test_gauge_follows_the_store_after_half_a_minute():
    store, clock = FakeStore(), FakeClock()
    metrics = FactorKeyMetrics(store.read, clock)
    metrics.refresh()
    store.usable = False
    metrics.refresh()
    before = value_of(metrics)

    clock.now = 30.0
    metrics.refresh()

    assert (before, value_of(metrics)) == ([1], [0])
    assert store.reads == 2


def test_gauge_keeps_its_value_while_redis_does_not_reply():
    store, clock = FakeStore(), FakeClock()
    metrics = FactorKeyMetrics(store.read, clock)
    metrics.refresh()
    store.usable, clock.now = None, 30.0

    metrics.refresh()

    assert value_of(metrics) == [1]


def counted(*events):
    """Return the series that *events* raise, without labels of the identity."""
    registry = CollectorRegistry()
    counters = FactorCounters(registry)
    for event in events:
        counters.on_event(event)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.value and sample.name.endswith("_total")
    }


@pytest.mark.parametrize(
    ("event", "series"),
    [
        (FactorCreated(**FACTOR), {("otp_factor_changes_total", "created")}),
        (
            FactorVerified(**FACTOR),
            {
                ("otp_factor_changes_total", "verified"),
                ("otp_factor_checks_total", "approved"),
            },
        ),
        (FactorDeleted(**FACTOR), {("otp_factor_changes_total", "deleted")}),
        (
            FactorCheckFailed(**FACTOR, attempts_remaining=1),
            {("otp_factor_checks_total", "wrong")},
        ),
        (
            FactorCheckFailed(**FACTOR, attempts_remaining=0),
            {("otp_factor_checks_total", "wrong"), ("otp_factor_lockouts_total",)},
        ),
        (
            FactorApproved(**FACTOR, method="totp"),
            {("otp_factor_checks_total", "approved")},
        ),
        (
            FactorApproved(**FACTOR, method="recovery_code"),
            {
                ("otp_factor_checks_total", "approved"),
                ("otp_recovery_codes_used_total",),
            },
        ),
        (
            ChallengeApproved(**FACTOR, challenge_sid="YC" + "1" * 32),
            {("otp_factor_checks_total", "approved")},
        ),
        (
            FactorCheckRefused(**ENTITY, limit="failed_checks_per_factor"),
            {("otp_factor_checks_total", "refused")},
        ),
        (FactorCheckRefused(**ENTITY, limit="checks_per_ip", shadow=True), set()),
        (
            FactorCheckUnavailable(**ENTITY, reason="store"),
            {("otp_factor_checks_total", "unavailable")},
        ),
    ],
)
def test_event_raises_its_counters_by_one(event, series):
    assert counted(event) == dict.fromkeys(series, 1)


def test_known_series_start_at_zero():
    registry = CollectorRegistry()
    FactorCounters(registry)

    value = registry.get_sample_value("otp_factor_checks_total", {"outcome": "refused"})

    assert value == 0
