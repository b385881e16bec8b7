"""How many segments a text is billed as (3GPP TS 23.038).

160 characters of the GSM 7-bit alphabet fit one, or 153 in each of several; with a
single character outside of it, 70 UTF-16 units, or 67.
"""

from __future__ import annotations

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_SEPTETS = (160, 153)
_UNITS = (70, 67)


def count(text: str) -> int:
    """The segments of *text*; an empty one is one."""
    if set(text) <= _BASIC | _EXTENDED:
        length, (alone, each) = (
            len(text) + sum(text.count(c) for c in _EXTENDED),
            _SEPTETS,
        )
    else:
        length, (alone, each) = len(text.encode("utf-16-le")) // 2, _UNITS
    return 1 if length <= alone else -(-length // each)
