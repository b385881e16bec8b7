from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from otp_engine import config
from otp_engine.app import create_app
from tests.support.settings import RELAXED


@pytest.fixture
def app_with(store, outbox):
    """Build the app with some settings other than those of a relaxed dev mode."""

    def build(**environ):
        return create_app(config.load(RELAXED | environ), store=store, sender=outbox)

    return build


@pytest.fixture
def client(app_with) -> FlaskClient:
    return app_with().test_client()
