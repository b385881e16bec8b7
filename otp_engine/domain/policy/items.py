"""Items of values of the policy that are lists, such as `on, SN=off, +22177=off`.

Each item has a key: its text before `=`, or all of it. Changes of different items do
not affect each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from otp_engine.domain.policy.policy import PARSERS, format_value

_SEPARATOR = re.compile("[,;]")
_NO_ITEM = frozenset({"off", "none"})
"""Words for a list without items; every parser of a list accepts `off`."""


def parse(text: str) -> dict[str, str]:
    """Return the items of a value by their keys, in the order of the value."""
    parts = (part.strip() for part in _SEPARATOR.split(text))
    return {part.partition("=")[0].strip(): part for part in parts if part}


def replace(name: str, text: str, changes: Mapping[str, str | None]) -> str:
    """Return a value with other items, in its canonical form.

    Args:
        name: The name of the value.
        text: The value.
        changes: The new items by their keys; None removes one.
    """
    items: dict[str, str | None] = {**parse(text), **changes}
    if any(key == item for key, item in changes.items()):
        # In a list of keys alone, these words stand for no item.
        items = {key: item for key, item in items.items() if key not in _NO_ITEM}
    joined = ", ".join(item for item in items.values() if item is not None) or "off"
    try:
        return format_value(PARSERS[name](joined))
    except (KeyError, ValueError):
        # A later release can have other names and forms.
        return joined
