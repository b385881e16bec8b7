"""Metrics with labels, and a cache of their children."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from prometheus_client.metrics import MetricWrapperBase

T = TypeVar("T", bound=MetricWrapperBase)

_MAX_CACHED = 1024


def build(
    metric_type: Callable[..., T],
    *args: Any,  # noqa: ANN401 - the arguments of the type
    **options: Any,  # noqa: ANN401 - as above
) -> Callable[..., T]:
    """Return a function from label values to the child of a new metric.

    `labels` of `prometheus_client` costs more than the count itself, so the function
    holds the children.

    Args:
        metric_type: `Counter` or `Histogram`.
        args: The name of the metric, its documentation and the names of its labels.
        options: Other arguments of the type.

    Returns:
        The method `labels` of the metric, with a cache.
    """
    return lru_cache(_MAX_CACHED)(metric_type(*args, **options).labels)
