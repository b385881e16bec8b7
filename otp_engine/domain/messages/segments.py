"""The number of segments that a text is billed as (3GPP TS 23.038).

A single segment has 160 characters of the GSM 7-bit alphabet, and each of several has
153. A text with any other character has 70 UTF-16 units in a single segment, and 67 in
each of several. A character of two units or septets is never split between segments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM_7 = _BASIC | _EXTENDED
_SEPTETS = (160, 153)
_UNITS = (70, 67)


class Encoding(StrEnum):
    """How a text is encoded, by its characters."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a text.

    Attributes:
        encoding: Its encoding.
        units: Its length in septets of GSM-7, or in UTF-16 units.
    """

    encoding: Encoding
    units: int


def measure(text: str) -> Size:
    """Return the encoding and the length of *text*."""
    if _BASIC.issuperset(text):
        return Size(Encoding.GSM_7, len(text))
    if _GSM_7.issuperset(text):
        # A character of the extension table takes two septets.
        extended = sum(text.count(char) for char in _EXTENDED)
        return Size(Encoding.GSM_7, len(text) + extended)
    return Size(Encoding.UCS_2, len(text.encode("utf-16-le")) // 2)


def outside_gsm_7(text: str) -> list[str]:
    """Return the characters of *text* that GSM-7 lacks, each once, sorted."""
    return sorted(set(text) - _GSM_7)


def count(text: str) -> int:
    """Return the number of segments of *text*; an empty text has one."""
    size = measure(text)
    length = size.units
    single, each = _SEPTETS if size.encoding is Encoding.GSM_7 else _UNITS
    if length <= single:
        return 1
    if length == len(text):
        return -(-length // each)
    doubled = _EXTENDED if size.encoding is Encoding.GSM_7 else _pairs(text)
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
