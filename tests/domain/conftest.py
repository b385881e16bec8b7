"""Fixtures of the live policy, and of an engine with other values of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otp_engine.domain.policy.live import LivePolicy
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from tests.support.clock import Clock
from tests.support.live_policy import BASE_POLICY, PEPPER, FakeGauges, FakeVersionStore
from tests.support.tuning import with_policy


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


@pytest.fixture
def emitted():
    return []


@pytest.fixture
def engine_with(engine, emitted):
    """Return a function that returns the engine with other values, as texts."""

    def build(**texts):
        values = {name: PARSERS[name](text) for name, text in texts.items()}
        return replace(with_policy(engine, **values), emit=emitted.append)

    return build
