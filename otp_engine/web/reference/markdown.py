"""HTML of the texts of the reference, which have code in backticks."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")


def inline(text: str) -> Markup:
    """Return HTML for one paragraph with code in backticks."""
    html = _CODE.sub(r"<code>\1</code>", str(escape(text)))
    return Markup(html)  # noqa: S704 - every part is escaped
