"""The metrics of a process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from otp_engine.config import Settings
from otp_engine.crypto.factor_keys import decrypt_data_key
from otp_engine.domain.phones import countries
from otp_engine.domain.policy.policy import Policy
from otp_engine.errors import DataKeyLost
from otp_engine.store.redis_store import RedisStore

if TYPE_CHECKING:
    # For the type checker only, for the reason in `build_metrics`.
    from otp_engine.ops.prometheus import PrometheusMetrics


METRICS_DIR_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with the directory of the metrics that the workers share."""


def build_metrics(settings: Settings, directory: str | None) -> PrometheusMetrics:
    """Register the metrics of this process.

    Args:
        settings: The settings of the operator.
        directory: The directory of the metrics that several processes share.
    """
    # `prometheus_client` reads the variable of the directory when it is imported. The
    # parent of the workers imports this module before it creates the directory.
    from otp_engine.ops.prometheus import PrometheusMetrics  # noqa: PLC0415 - see above

    counted = countries.counted(settings.policy.allowed_countries)
    metrics = PrometheusMetrics(directory, sorted(counted), settings.offered_channels)
    if directory is None:
        # Of several processes, the one that applies a policy sets the gauges.
        metrics.events.set_policy(0, settings.policy)
    return metrics


def add_store_gauges(
    settings: Settings,
    store: RedisStore,
    metrics: PrometheusMetrics,
    current_policy: Callable[[], Policy],
) -> Callable[[], None]:
    """Add the gauges that are read from the store.

    Args:
        settings: The settings of the operator.
        store: The store.
        metrics: Exposes the gauges.
        current_policy: Returns the live policy, and sets its gauges.

    Returns:
        A function that reads them, and the live policy.
    """
    guard = metrics.add_guard(store.guard.list_notable)
    budget = metrics.add_budget(
        store.budget.read, lambda: current_policy().budget_rules(settings.currency)
    )
    providers = metrics.add_providers(
        lambda: store.provider_health.read().figures(current_policy().slow_after),
        settings.steps,
    )
    factor_key = None
    if settings.factor_keys:
        factor_key = metrics.add_factor_key(partial(_is_usable, settings, store))

    def refresh() -> None:
        current_policy()
        guard.refresh()
        budget.refresh()
        providers.refresh()
        if factor_key:
            factor_key.refresh()

    return refresh


def _is_usable(settings: Settings, store: RedisStore) -> bool:
    """Return whether a factor key decrypts the data key, or there is none yet."""
    try:
        encrypted = store.data_key.get()
    except DataKeyLost:
        return False
    if encrypted is None:
        return True
    return decrypt_data_key(settings.factor_keys, encrypted) is not None
