"""Marks that people type inside numbers and codes, and that mean nothing."""

from __future__ import annotations

import unicodedata

_SPACES_AND_DASHES = frozenset({"Zs", "Pd"})


def strip_separators(text: str) -> str:
    """Leave out every kind of space and dash (Unicode categories Zs and Pd).

    A pasted number often holds a no-break space or an en dash. Anything invisible
    (zero-width characters, direction marks, controls) stays, so that what reads the
    result refuses it.
    """
    return "".join(
        mark for mark in text if unicodedata.category(mark) not in _SPACES_AND_DASHES
    )
