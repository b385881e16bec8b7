from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.app import create_app
from tests.support.settings import RELAXED
from tests.support.verify_page import Person


@pytest.fixture
def app_with(store):
    def build(**environ):
        return create_app(config.load(RELAXED | environ), store=store)

    return build


@pytest.fixture
def client(app_with):
    return app_with().test_client()


@pytest.fixture
def person(client):
    return Person(client)
