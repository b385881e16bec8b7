from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.app import create_app
from tests.api.conftest import RELAXED


@pytest.fixture
def client(one_client):
    """One store is enough: that both do the same is for the tests of the store."""
    return one_client


@pytest.fixture
def app_with(store):
    """Build the app of the local stack, with some settings other than its own."""

    def build(**environ):
        return create_app(config.load(RELAXED | environ), store=store)

    return build


@pytest.fixture
def http(app_with):
    return app_with().test_client()
