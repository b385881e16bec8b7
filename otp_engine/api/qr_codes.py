"""QR codes (ISO/IEC 18004) as SVG."""

from __future__ import annotations

import io

_QUIET_ZONE = 4  # modules, on each side
_DARK, _LIGHT = "#000", "#fff"
_MAX_BYTES_OF_M = 2_331  # the capacity of the largest symbol at level M


def to_svg(text: str) -> str:
    """Return a QR code of *text* as an SVG element.

    The colors are fixed and include the quiet zone, because cameras can fail to read a
    code that a dark page turns into light modules. The element has a `viewBox` and no
    size, so that it fills the room that a page gives it. The page adds its role and its
    accessible name. A URI of 150 characters costs about 15 ms.

    Args:
        text: The text, at most 2,953 bytes of UTF-8. The longest URI has 2,475.

    Raises:
        ValueError: The text is longer.
    """
    # Importing it takes 50 ms, so only installations with a factor key do it.
    import segno  # noqa: PLC0415 - see above

    # Level M restores 15 % of a symbol, and L, which has room for names of emoji only,
    # 7 %. A higher level that needs no larger symbol is taken instead.
    level = "m" if len(text.encode()) <= _MAX_BYTES_OF_M else "l"
    code = segno.make_qr(text, error=level, encoding="utf-8")
    svg = io.BytesIO()
    code.save(
        svg,
        kind="svg",
        border=_QUIET_ZONE,
        dark=_DARK,
        light=_LIGHT,
        xmldecl=False,
        nl=False,
        svgclass=None,
        lineclass=None,
        omitsize=True,
    )
    return svg.getvalue().decode()
