"""Parsers of the parameters of entities, factors and challenges.

Each takes the text, returns the value, and raises a `ValueError` if the text is not
valid. The error of these parameters is 60306.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from otp_engine import parsing
from otp_engine.api.verify_v2 import params
from otp_engine.domain.factors.models import Algorithm, TotpConfig

_CODE = re.compile(r"[0-9]{3,8}", re.ASCII)
_MAX_JSON_LENGTH = 1024


def code(text: str) -> str:
    """Parse a code; `parsing.normalize_typed` lists what is ignored.

    Text that cannot be a code uses no attempt.
    """
    digits = parsing.normalize_typed(text)
    if not _CODE.fullmatch(digits):
        raise ValueError("must be 3 to 8 digits")
    return digits


def algorithm(text: str) -> Algorithm:
    """Parse the name of a hash function."""
    return Algorithm(text)


def json_of_texts(text: str) -> str:
    """Parse a JSON object with only texts as values; return its canonical text."""
    values = params.json_object(text)
    if len(text) > _MAX_JSON_LENGTH or not all(
        isinstance(value, str) for value in values.values()
    ):
        raise ValueError(f"must be JSON of at most {_MAX_JSON_LENGTH} characters")
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def moment(text: str) -> datetime:
    """Parse a time in ISO 8601; without an offset it is in UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


CONFIG: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "Config.TimeStep": ("time_step", parsing.integer(20, 60)),
    "Config.Skew": ("skew", parsing.integer(0, 2)),
    "Config.CodeLength": ("code_length", parsing.integer(6, 8)),
    "Config.Alg": ("algorithm", algorithm),
}
"""The parameters of the configuration of a factor, with their fields and parsers."""

CONFIG_PARSERS = {name: parser for name, (_, parser) in CONFIG.items()}
"""The parsers of these parameters."""


def config(default: TotpConfig, values: Mapping[str, Any]) -> TotpConfig:
    """Return *default* with the parsed *values* of the parameters in `CONFIG`."""
    changes = {
        CONFIG[name][0]: value for name, value in values.items() if name in CONFIG
    }
    return replace(default, **changes)
