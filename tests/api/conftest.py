from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from otp_engine.store.redis_store import RedisStore
from tests.support.app_cache import AppCache
from tests.support.fakes import FakeSender


@pytest.fixture
def store(empty_shared_store) -> RedisStore:
    return empty_shared_store


@pytest.fixture(scope="session")
def shared_outbox() -> FakeSender:
    return FakeSender()


@pytest.fixture
def outbox(shared_outbox) -> FakeSender:
    shared_outbox.messages.clear()
    shared_outbox.error = shared_outbox.full = None
    return shared_outbox


@pytest.fixture(scope="session")
def apps(shared_store, shared_outbox) -> AppCache:
    return AppCache(shared_store, shared_outbox)


@pytest.fixture
def app_with(apps, store, outbox) -> Callable[..., Flask]:
    """Return a function that returns the app of some settings, for several tests."""
    return apps.get


@pytest.fixture
def new_app(apps, store, outbox) -> Callable[..., Flask]:
    """Return a function that builds an app for a test that changes the app."""
    return apps.build


@pytest.fixture
def client(app_with) -> FlaskClient:
    return app_with().test_client()
