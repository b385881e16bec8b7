"""The pinned requirements of the Python examples."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.support.example_apps import EXAMPLES, ROOT

REQUIREMENTS = sorted(EXAMPLES.glob("*/requirements.txt"))
LOCKED = dict(
    re.findall(
        r"^([\w-]+)==([\w.]+)",
        (ROOT / "requirements-dev.txt").read_text(),
        re.MULTILINE,
    )
)


@pytest.mark.unit
@pytest.mark.parametrize("example", ["django", "fastapi", "single-page"])
def test_example_has_the_versions_of_the_tests(example):
    text = (EXAMPLES / example / "requirements.txt").read_text()
    pins = re.findall(r"^([\w-]+)(?:\[\w+\])?==([\w.]+)$", text, re.MULTILINE)

    assert pins
    assert pins == [(pin[1], LOCKED[pin[1]]) for pin in pins if pin]


@pytest.mark.unit
def test_client_accepts_the_versions_of_the_tests():
    project = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())

    assert project["project"]["dependencies"] == ["httpx>=0.27,<1"]
    assert LOCKED["httpx"].startswith("0.")
