"""Fallbacks under reports that arrive several times at several instances."""

from __future__ import annotations

import pytest
import redis

from otp_engine.store import keys
from tests.support import server_process
from tests.support.fallback_reports import (
    SETTINGS,
    fallbacks,
    phone,
    report_each_twice,
)


@pytest.fixture
def instances(environ):
    environ |= SETTINGS
    with (
        server_process.running_server("--workers", "2", **environ) as first,
        server_process.running_server("--workers", "2", **environ) as second,
    ):
        yield first, second


@pytest.fixture
def index(environ):
    """Return a function that returns the members of the index of due fallbacks."""
    with redis.Redis.from_url(environ["REDIS_URL"]) as client:
        yield lambda: client.zrange(keys.DUE_FALLBACKS, 0, -1)


def test_reports_of_undelivered_lead_to_one_fallback_each(
    trial, whole, instances, twilio, index
):
    count = 200 if whole else 20
    trial.describe(
        "Reports of undelivered messages",
        f"{count} messages by WhatsApp, and twice the report that each is undelivered"
        " to each of 2 instances with 2 workers, at once",
        promise="one fallback for each undelivered message",
        runs=count,
    )
    statuses = report_each_twice(instances, twilio, index, count)

    sent = fallbacks(twilio)
    by_phone = [sent[phone(n)] for n in range(count)]
    trial.at_most("fallbacks of a message, most", max(by_phone), 1)
    trial.at_least("fallbacks of a message, fewest", min(by_phone), 1)
    trial.at_most("fallbacks of other numbers", sent.total() - sum(by_phone), 0)
    trial.at_least("reports accepted", statuses[204], 4 * count)
