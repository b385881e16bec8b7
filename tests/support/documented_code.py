"""The code blocks of docs/providers.md, which tests run."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"


def section(heading: str) -> str:
    """Return the text below a heading, up to the next heading."""
    return PAGE.read_text().split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]


def block(heading: str, language: str) -> str:
    """Return the first code block of a language below a heading."""
    match = re.search(rf"```{language}\n(.*?)```", section(heading), re.DOTALL)
    assert match
    return match[1]
