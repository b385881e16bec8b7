"""Items of values of the policy that are lists, such as `on, SN=off, +22177=off`.

Each item has a key: its text before `=`, or all of it. Changes of different items do
not affect each other.
"""

from __future__ import annotations

import re

from otp_engine.domain.policy.policy import PARSERS, format_value

_SEPARATOR = re.compile("[,;]")
_NO_ITEM = frozenset({"off", "none"})
"""Words for a list without items; every parser of a list accepts `off`."""


def split(text: str) -> list[str]:
    """Return the items of a value."""
    parts = (part.strip() for part in _SEPARATOR.split(text))
    return [part for part in parts if part]


def key_of(item: str) -> str:
    """Return what an item is about."""
    return item.partition("=")[0].strip()


def find(text: str, key: str) -> str | None:
    """Return the item with that key; None if there is none."""
    return next((item for item in split(text) if key_of(item) == key), None)


def replace(name: str, text: str, key: str, item: str | None) -> str:
    """Return a value with another item of one key, in its canonical form.

    Args:
        name: The name of the value.
        text: The value.
        key: The key.
        item: The item with that key; None removes it.
    """
    items = split(text)
    if item == key:
        # In a list of keys alone, these words stand for no item.
        items = [other for other in items if other not in _NO_ITEM]
    keys = [key_of(other) for other in items]
    new = [item] if item is not None else []
    at = keys.index(key) if key in keys else len(items)
    joined = ", ".join([*items[:at], *new, *items[at + 1 :]]) or "off"
    try:
        return format_value(PARSERS[name](joined))
    except (KeyError, ValueError):
        # A later release can have other names and forms.
        return joined
