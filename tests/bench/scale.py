"""How the cost of sends and checks grows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.bench.load import Load

Part = Callable[[Load, Mapping[str, Path], Callable[[str], None]], str]

PARTS: dict[str, Part] = {}
