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


def build_factors(
    settings: Settings, store: RedisStore, notify: Notify = ignore_notice
) -> Callable[[Engine], Factors] | None:
    """Return what builds the factors under the policy of an engine.

    Args:
        settings: The settings, with the factor keys.
        store: Stores entities, factors and the data key.
        notify: Receives a notice of each change.

    Returns:
        None if factors are not configured.
    """
    if not settings.factor_keys:
        return None
    # One for all requests, because it caches the data key.
    data_keys = DataKeys(
        store.data_key,
        settings.factor_keys,
        random_bytes=os.urandom,
        clock=time.monotonic,
    )

    def build(engine: Engine) -> Factors:
        return Factors(
            engine=engine,
            store=store.factors,
            data_keys=data_keys,
            brand=settings.brand,
            notify=notify,
        )

    return build
