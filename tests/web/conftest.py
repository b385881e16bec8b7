from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from otp_engine.store.redis_store import RedisStore
from tests.support.app_cache import AppCache
from tests.support.verify_page import Person


@pytest.fixture
def store(empty_shared_store) -> RedisStore:
    return empty_shared_store


@pytest.fixture(scope="session")
def apps(shared_store) -> AppCache:
    return AppCache(shared_store)


@pytest.fixture
def app_with(apps, store) -> Callable[..., Flask]:
    """Return a function that returns the app of some settings, for several tests."""
    return apps.get


@pytest.fixture
def client(app_with) -> FlaskClient:
    return app_with().test_client()


@pytest.fixture
def person(client) -> Person:
    return Person(client)
