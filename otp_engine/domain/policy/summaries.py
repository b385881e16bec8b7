"""Values of the policy as short texts: a value can have 10,000 names."""

from __future__ import annotations

from collections.abc import Sequence

MAX_TEXT = 200
"""Characters of a value that are shown in full."""

_SHOWN_ITEMS = 5


def summary(text: str) -> str:
    """Return a value, or the start and the number of items of a long one."""
    if len(text) <= MAX_TEXT:
        return text
    items = _split(text)
    shown = _separator(text).join(items[:_SHOWN_ITEMS])
    if len(shown) > MAX_TEXT:
        shown = shown[:MAX_TEXT]
    return f"{shown} ... ({len(items)} items)"


def difference(old: str, new: str) -> str:
    """Return the items that differ between two values, if one of them is long.

    Returns:
        A text such as `added 203.0.113.0/24; removed SN=off and 3 others`; empty if
        both values are shown in full.
    """
    if max(len(old), len(new)) <= MAX_TEXT:
        return ""
    before, after = dict.fromkeys(_split(old)), dict.fromkeys(_split(new))
    parts = [
        *_listed("added", [item for item in after if item not in before]),
        *_listed("removed", [item for item in before if item not in after]),
    ]
    return "; ".join(parts)


def listed(items: Sequence[str]) -> str:
    """Return the first items, and the number of the others."""
    shown = ", ".join(item[:MAX_TEXT] for item in items[:_SHOWN_ITEMS])
    others = len(items) - _SHOWN_ITEMS
    return f"{shown} and {others} others" if others > 0 else shown


def _listed(verb: str, items: Sequence[str]) -> list[str]:
    return [f"{verb} {listed(items)}"] if items else []


def _separator(text: str) -> str:
    """Return what separates the items of a value: names of limits have semicolons."""
    return "; " if ";" in text else ", "


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(_separator(text).strip())]
