"""Items of values of the policy that are lists, such as `on, SN=off, +22177=off`.

Each item has a key: its text before `=`, or all of it. Changes of different items do
not affect each other.
"""

from __future__ import annotations

from collections.abc import Iterable

_EMPTY = frozenset({"none", ""})


def split(text: str) -> list[str]:
    """Return the items of a value, without the word for an empty list."""
    parts = (part.strip() for part in text.split(","))
    return [part for part in parts if part not in _EMPTY]


def join(items: Iterable[str]) -> str:
    """Return the text of a value with these items."""
    return ", ".join(items) or "none"


def key_of(item: str) -> str:
    """Return what an item is about."""
    return item.partition("=")[0].strip()


def find(text: str, key: str) -> str | None:
    """Return the item with that key; None if there is none."""
    return next((item for item in split(text) if key_of(item) == key), None)


def replace(text: str, key: str, item: str | None) -> str:
    """Return a value with another item of one key.

    Args:
        text: The value.
        key: The key.
        item: The item with that key; None removes it.
    """
    items = split(text)
    keys = [key_of(other) for other in items]
    new = [item] if item is not None else []
    at = keys.index(key) if key in keys else len(items)
    return join([*items[:at], *new, *items[at + 1 :]])
