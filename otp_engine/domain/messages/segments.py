"""The number of segments that a text is billed as (3GPP TS 23.038).

A single segment has 160 characters of the GSM 7-bit alphabet, and each of several has
153. A text with any other character has 70 UTF-16 units in a single segment, and 67 in
each of several.
"""

from __future__ import annotations

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
        length = len(text)
        single, each = _SEPTETS
    elif _GSM_7.issuperset(text):
        # A character of the extension table takes two septets.
        length = len(text) + sum(text.count(char) for char in _EXTENDED)
        single, each = _SEPTETS
    else:
        length = len(text.encode("utf-16-le")) // 2
        single, each = _UNITS
    return 1 if length <= single else -(-length // each)
