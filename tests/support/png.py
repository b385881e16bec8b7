"""Decodes the screenshots of a browser, without a library for images."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {2: 3, 6: 4}  # by color type: RGB, and RGB with alpha


@dataclass(frozen=True)
class Picture:
    """Pixels of 8 bits for each channel, row by row."""

    width: int
    height: int
    channels: int
    pixels: bytes


def decode(data: bytes) -> Picture:
    """Return the picture of a PNG file (ISO/IEC 15948) that is not interlaced."""
    assert data.startswith(_SIGNATURE)
    header, compressed, at = b"", b"", len(_SIGNATURE)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            header = content
        elif kind == b"IDAT":
            compressed += content
        at += length + 12
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    assert (depth, interlaced) == (8, 0)
    channels = _CHANNELS[color]
    rows = _unfilter(zlib.decompress(compressed), width * channels, channels)
    return Picture(width, height, channels, rows)


def _unfilter(data: bytes, row_bytes: int, channels: int) -> bytes:
    """Return the rows without their filters, each of which predicts a byte."""
    result = bytearray()
    above = bytearray(row_bytes)
    for start in range(0, len(data), row_bytes + 1):
        kind = data[start]
        row = bytearray(data[start + 1 : start + 1 + row_bytes])
        for x, byte in enumerate(row):
            left = row[x - channels] if x >= channels else 0
            corner = above[x - channels] if x >= channels else 0
            row[x] = byte + _predict(kind, left, above[x], corner) & 0xFF
        result += row
        above = row
    return bytes(result)


def _predict(kind: int, left: int, up: int, corner: int) -> int:
    if kind < 4:
        return (0, left, up, (left + up) // 2)[kind]
    estimate = left + up - corner
    distances = [abs(estimate - each) for each in (left, up, corner)]
    return (left, up, corner)[distances.index(min(distances))]
