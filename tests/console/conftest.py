from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from flask import Flask

from otp_engine.store.redis_store import RedisStore
from tests.support.app_cache import AppCache
from tests.support.operators import KEYS, Operator
from tests.support.settings import PEPPER


@pytest.fixture
def store(empty_shared_store) -> RedisStore:
    return empty_shared_store


@pytest.fixture(scope="session")
def apps(shared_store) -> AppCache:
    return AppCache(shared_store)


@pytest.fixture
def app_with(apps, store) -> Callable[..., Flask]:
    """Return a function that returns the app of some settings, for several tests.

    All apps have one pepper, as the workers of a service.
    """
    return partial(apps.get, OTP_PEPPER=PEPPER)


@pytest.fixture
def operator(app_with) -> Operator:
    """Return an operator who is not signed in, of an app with keys."""
    return Operator(app_with(OTP_CONSOLE_KEY=KEYS))


@pytest.fixture
def alice(operator) -> Operator:
    """Return an operator who is signed in."""
    operator.sign_in()
    return operator


@pytest.fixture
def dev(app_with) -> Operator:
    """Return an operator of dev mode, which has no sign-in."""
    return Operator(app_with())
