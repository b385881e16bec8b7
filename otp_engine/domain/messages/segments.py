"""The number of segments that a text is billed as (3GPP TS 23.038).

A single segment has 160 characters of the GSM 7-bit alphabet, and each of several has
153. A text with any other character has 70 UTF-16 units in a single segment, and 67 in
each of several. A character of two units or septets is never split between segments.
"""

from __future__ import annotations

from collections.abc import Iterable

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM_7 = _BASIC | _EXTENDED
_SEPTETS = (160, 153)
_UNITS = (70, 67)


def count(text: str) -> int:
    """Return the number of segments of *text*; an empty text has one."""
    if _BASIC.issuperset(text):
        length, (single, each) = len(text), _SEPTETS
    elif _GSM_7.issuperset(text):
        # A character of the extension table takes two septets.
        length = len(text) + sum(text.count(char) for char in _EXTENDED)
        single, each = _SEPTETS
    else:
        length, (single, each) = len(text.encode("utf-16-le")) // 2, _UNITS
    if length <= single:
        return 1
    if length == len(text):
        return -(-length // each)
    doubled = _EXTENDED if single == _SEPTETS[0] else _pairs(text)
    return _fill([2 if char in doubled else 1 for char in text], each)


def _pairs(text: str) -> frozenset[str]:
    """Return the characters of *text* that take two UTF-16 units."""
    return frozenset(char for char in text if char > "\uffff")


def _fill(widths: Iterable[int], size: int) -> int:
    """Return the number of segments of *size* that characters of *widths* fill."""
    segments, used = 1, 0
    for width in widths:
        if used + width > size:
            segments, used = segments + 1, 0
        used += width
    return segments
