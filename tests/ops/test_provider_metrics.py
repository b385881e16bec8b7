"""The gauges of the weights of providers."""

from __future__ import annotations

import pytest

from otp_engine.domain.channels import Channel
from otp_engine.domain.routing.health import HealthFigures
from otp_engine.domain.routing.steps import Step
from otp_engine.errors import StoreUnavailable
from otp_engine.ops.provider_metrics import ProviderMetrics
from tests.support.clock import Clock

TWILIO = Step(Channel.SMS, "twilio")
AWS = Step(Channel.SMS, "aws")
SLOW = HealthFigures(weight=70, late_share=0.4, errors=3.5)


@pytest.fixture
def clock():
    return Clock()


class _Weights:
    def __init__(self) -> None:
        self.weights: dict[Step, HealthFigures] = {}
        self.error: Exception | None = None
        self.reads = 0

    def read(self) -> dict[Step, HealthFigures]:
        self.reads += 1
        if self.error:
            raise self.error
        return self.weights


@pytest.fixture
def weights():
    return _Weights()


@pytest.fixture
def metrics(weights, clock):
    return ProviderMetrics(weights.read, [TWILIO, AWS], clock)


def _values(metrics: ProviderMetrics, index: int = 0) -> dict[tuple[str, str], float]:
    family = list(metrics.collect())[index]
    return {
        (sample.labels["channel"], sample.labels["provider"]): sample.value
        for sample in family.samples
    }


def test_providers_are_at_rest_before_the_first_refresh(metrics):
    assert _values(metrics) == {("sms", "twilio"): 100, ("sms", "aws"): 100}


def test_weight_is_that_of_the_store(metrics, weights):
    weights.weights = {TWILIO: SLOW}

    metrics.refresh()

    assert _values(metrics) == {("sms", "twilio"): 70, ("sms", "aws"): 100}
    assert _values(metrics, 1) == {("sms", "twilio"): 0.4, ("sms", "aws"): 0}
    assert _values(metrics, 2) == {("sms", "twilio"): 3.5, ("sms", "aws"): 0}


def test_step_that_is_not_configured_has_no_series(metrics, weights):
    weights.weights = {Step(Channel.SMS, "gone"): SLOW}

    metrics.refresh()

    assert ("sms", "gone") not in _values(metrics)


def test_weights_are_read_once_in_ten_seconds(metrics, weights, clock):
    metrics.refresh()
    clock.now += 9
    metrics.refresh()
    clock.now += 1
    metrics.refresh()

    assert weights.reads == 2


def test_last_weights_stay_without_redis(metrics, weights, clock):
    weights.weights = {TWILIO: SLOW}
    metrics.refresh()
    weights.error = StoreUnavailable()
    clock.now += 10

    metrics.refresh()

    assert _values(metrics)["sms", "twilio"] == 70
