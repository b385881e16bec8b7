from __future__ import annotations

import pytest

from otp_engine.domain.event_webhook.posts import ACCEPTED, DROPPED
from otp_engine.ops.prometheus import PrometheusMetrics


def counted(metrics, name):
    """Return the counts of a metric that are not zero, by outcome."""
    page = metrics.render(None)[0].decode()
    prefix = f'{name}_total{{outcome="'
    samples = [
        line.removeprefix(prefix).split('"} ')
        for line in page.splitlines()
        if line.startswith(prefix)
    ]
    return {outcome: float(count) for outcome, count in samples if float(count)}


@pytest.mark.parametrize(
    ("outcome", "label"),
    [
        (ACCEPTED, "accepted"),
        ("status 404", "4xx"),
        ("status 503", "5xx"),
        ("no answer in time", "no_answer"),
        ("not connected: its host name is not known", "no_answer"),
    ],
)
def test_post_is_counted_by_the_class_of_its_outcome(outcome, label):
    metrics = PrometheusMetrics()

    metrics.event_webhook.count_post(outcome)
    metrics.service_webhooks.count_post(outcome)

    assert counted(metrics, "otp_event_webhook_posts") == {label: 1}
    assert counted(metrics, "otp_service_webhook_posts") == {label: 1}


def test_dropped_notice_is_counted_by_itself():
    metrics = PrometheusMetrics()

    metrics.service_webhooks.count_post(DROPPED)

    assert counted(metrics, "otp_service_webhook_posts") == {"dropped": 1}
