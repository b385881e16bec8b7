"""Engines with a changed policy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from otp_engine.domain.engine import Engine


def with_policy(engine: Engine, **values: Any) -> Engine:
    """Return the same engine with a policy that differs in *values*."""
    return replace(engine, policy=replace(engine.policy, **values))
