from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.app import create_app
from tests.support.settings import RELAXED


@pytest.fixture
def app_with(store):
    """Build the app of the local stack, with some settings other than its own."""

    def build(**environ):
        return create_app(config.read(RELAXED | environ), store=store)

    return build


@pytest.fixture
def http(app_with):
    return app_with().test_client()
