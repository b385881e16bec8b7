"""The factors of authenticator apps, if the operator has set a factor key."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from otp_engine.config import Settings
from otp_engine.domain.engine import Engine
from otp_engine.domain.factors.data_keys import DataKeys
from otp_engine.domain.factors.factors import Factors
from otp_engine.domain.factors.notices import Notify, ignore_notice
from otp_engine.store.redis_store import RedisStore


def build_data_keys(settings: Settings, store: RedisStore) -> DataKeys | None:
    """Return what reads the data key; None if factors are not configured.

    Args:
        settings: The settings, with the factor keys.
        store: Stores the data key.
    """
    if not settings.factor_keys:
        return None
    return DataKeys(
        store.data_key,
        settings.factor_keys,
        random_bytes=os.urandom,
        clock=time.monotonic,
    )


def build_factors(
    settings: Settings,
    store: RedisStore,
    data_keys: DataKeys | None,
    notify: Notify = ignore_notice,
) -> Callable[[Engine], Factors] | None:
    """Return what builds the factors under the policy of an engine.

    Args:
        settings: The settings of the operator.
        store: Stores entities and factors.
        data_keys: Reads the data key, for all requests, because it caches the key.
        notify: Receives a notice of each change.

    Returns:
        None if factors are not configured.
    """
    if data_keys is None:
        return None

    def build(engine: Engine) -> Factors:
        return Factors(
            engine=engine,
            store=store.factors,
            data_keys=data_keys,
            brand=settings.brand,
            notify=notify,
        )

    return build
