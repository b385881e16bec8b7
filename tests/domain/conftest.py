"""Fixtures of the live policy: an instance, its clock, its versions and its gauges."""

from __future__ import annotations

import pytest

from otp_engine.domain.policy.live import LivePolicy
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from tests.support.clock import Clock
from tests.support.live_policy import BASE_POLICY, PEPPER, FakeGauges, FakeVersionStore


@pytest.fixture
def version_store():
    return FakeVersionStore()


@pytest.fixture
def gauges():
    return FakeGauges()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def start(version_store, clock, gauges):
    """Return a function that starts an instance."""

    def start(*peppers):
        versions = SignedPolicyVersions(version_store, peppers or [PEPPER])
        return LivePolicy(
            BASE_POLICY, versions, lambda policy: policy, clock, gauges=gauges
        )

    return start


@pytest.fixture
def live(start):
    return start()
