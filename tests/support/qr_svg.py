"""Reads QR codes of the service: draws the SVG, and decodes the picture."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import zxingcpp

_SVG = "{http://www.w3.org/2000/svg}"
_PIXELS = 4  # per module
_MOVE = re.compile(r"([Mmh])(-?[0-9.]+)(?:[ ,]?(-?[0-9.]+))?")


def parse(svg: str) -> ET.Element:
    """Return the element of a QR code."""
    return ET.fromstring(svg)  # noqa: S314 - it is the output of this service


def modules(svg: str) -> list[list[bool]]:
    """Return the rows of a QR code with its quiet zone; True is dark."""
    root = parse(svg)
    size = int(root.attrib["viewBox"].split()[2])
    rows = [[False] * size for _ in range(size)]
    (line,) = (path for path in root.iter(f"{_SVG}path") if "stroke" in path.attrib)
    x = y = 0.0
    for command, first, second in _MOVE.findall(line.attrib["d"]):
        if command == "h":
            for column in range(int(x), int(x + float(first))):
                rows[int(y)][column] = True
            x += float(first)
        else:
            start = (x, y) if command == "m" else (0.0, 0.0)
            x, y = start[0] + float(first), start[1] + float(second)
    return rows


def decode(svg: str) -> str:
    """Return the text of a QR code."""
    rows = modules(svg)
    pixels = bytes(
        0 if dark else 255
        for row in rows
        for _ in range(_PIXELS)
        for dark in row
        for _ in range(_PIXELS)
    )
    side = len(rows) * _PIXELS
    picture = zxingcpp.ImageView(pixels, side, side, zxingcpp.ImageFormat.Lum)
    # Of some texts the modules contain a row that other formats read as a barcode.
    (code,) = zxingcpp.read_barcodes(
        picture, formats=zxingcpp.barcode_formats_from_str("QRCode")
    )
    return code.text
