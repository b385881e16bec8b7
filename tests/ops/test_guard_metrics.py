from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.domain.pumping_guard.listing import ListedPlace
from otp_engine.domain.pumping_guard.places import Place
from otp_engine.errors import StoreUnavailable
from otp_engine.ops.guard_metrics import GuardMetrics
from tests.support.clock import Clock
from tests.support.fakes import by_name
from tests.support.metrics_page import values
from tests.support.redis_server import wait_until
from tests.support.settings import RELAXED

SUSPENDED = ListedPlace.of("+22177999", Place(unproven=10.0, at=1_000, until=2_000))
SENEGAL = ListedPlace.of("SN", Place(unproven=12.5, at=1_000))


class Guard:
    """A guard with places that the test sets."""

    def __init__(self):
        self.places, self.reads, self.is_available = [], 0, True

    def read(self):
        self.reads += 1
        if not self.is_available:
            raise StoreUnavailable
        return self.places


@pytest.fixture
def guard():
    return Guard()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def metrics(guard, clock):
    return GuardMetrics(guard.read, ["IN"], clock)


def exposed(metrics):
    registry = CollectorRegistry()
    registry.register(metrics)
    return values(generate_latest(registry).decode())


def test_values_are_those_of_the_store(metrics, guard):
    guard.places = [SUSPENDED, SENEGAL]

    metrics.refresh()

    assert exposed(metrics) == {
        "otp_guard_suspended{country=IN,level=block}": 0,
        "otp_guard_suspended{country=IN,level=country}": 0,
        "otp_guard_suspended{country=IN,level=network}": 0,
        "otp_guard_suspended{country=SN,level=block}": 1,
        "otp_guard_unproven_messages{country=IN}": 0,
        "otp_guard_unproven_messages{country=SN}": 12.5,
    }


def test_place_that_is_lifted_is_no_longer_exposed(metrics, guard, clock):
    guard.places = [SUSPENDED]
    metrics.refresh()
    guard.places = []
    clock.now += 30

    metrics.refresh()

    assert "otp_guard_suspended{country=SN,level=block}" not in exposed(metrics)


def test_metrics_without_a_reading_have_no_values(metrics):
    assert exposed(metrics) == {}


def test_store_is_read_at_most_every_30_seconds(metrics, guard, clock):
    for seconds in (0, 29, 1, 29, 1):
        clock.now += seconds
        metrics.refresh()

    assert guard.reads == 3


def test_store_that_does_not_answer_leaves_the_values(metrics, guard, clock):
    guard.places = [SENEGAL]
    metrics.refresh()
    guard.is_available = False
    clock.now += 30

    metrics.refresh()

    assert exposed(metrics)["otp_guard_unproven_messages{country=SN}"] == 12.5


def test_scrape_shows_what_an_operator_has_suspended(store, outbox):
    app = create_app(config.load(RELAXED), store=store, senders=by_name(outbox))
    client = app.test_client()
    store.guard.suspend("SN", datetime.now(UTC) + timedelta(hours=1))

    def suspended():
        page = values(client.get("/metrics").text)
        return page.get("otp_guard_suspended{country=SN,level=country}")

    wait_until(lambda: suspended() == 1)
