"""The pictures of the documents, which tests of the pages take.

`make pictures` stores each picture, and what it shows in `tests/pictures.json`: its
headings, labels, buttons and columns. Every other run compares both with the page, so
a picture of something that no longer exists fails the test that takes it.
"""

from __future__ import annotations

import json
import os
import re
import struct
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "images"
CONTENTS = ROOT / "tests" / "pictures.json"
# The texts of the elements that are visible without scrolling.
_IN_PICTURE = """(elements) => elements
  .filter((each) => each.checkVisibility())
  .filter((each) => {
    const { top, bottom } = each.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  })
  .map((each) => each.innerText)"""
_NAMED = "h1, h2, h3, legend, label, button, th, caption, summary"


def take(page: Page, name: str) -> None:
    """Take a screenshot; store it with OTP_PICTURES=1, else compare what it shows."""
    file = FOLDER / f"{name}.png"
    shown = _shown_by(page)
    if os.environ.get("OTP_PICTURES") == "1":
        page.screenshot(path=file)
        _store(name, shown)
        return
    screenshot = page.screenshot()
    assert stored().get(name) == shown, f"`make pictures` renews {file.name}"
    assert size(screenshot) == size(file.read_bytes()), "`make pictures` renews it"


def stored() -> dict[str, list[str]]:
    """Return what each picture shows."""
    contents: dict[str, list[str]] = json.loads(CONTENTS.read_text())
    return contents


def size(picture: bytes) -> tuple[int, int]:
    """Return the width and the height of a PNG file in pixels."""
    width, height = struct.unpack_from(">II", picture, 16)
    return width, height


def _shown_by(page: Page) -> list[str]:
    """Return the names of the parts in the picture, without its numbers."""
    texts: list[str] = page.locator(_NAMED).evaluate_all(_IN_PICTURE)
    return [re.sub(r"\d+", "#", " ".join(text.split())) for text in texts if text]


def _store(name: str, shown: list[str]) -> None:
    contents = stored() | {name: shown}
    text = json.dumps(contents, indent=2, sort_keys=True, ensure_ascii=False)
    CONTENTS.write_text(f"{text}\n")
