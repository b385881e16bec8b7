"""A parser of `/metrics`."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families


def values(page: str) -> dict[str, float]:
    """Return each value of a page by its name: `name{label=value,...}`."""
    return {
        sample.name + _written(sample.labels): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def _written(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return f"{{{pairs}}}" if pairs else ""
