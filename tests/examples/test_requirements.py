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
@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.parent.name)
def test_example_has_the_versions_of_the_tests(path):
    lines = [line for line in path.read_text().splitlines() if line[:1] not in "#."]
    pins = [re.fullmatch(r"([\w-]+)(?:\[\w+\])?==([\w.]+)", line) for line in lines]

    assert pins
    assert [pin and pin[2] for pin in pins] == [LOCKED[pin[1]] for pin in pins if pin]


@pytest.mark.unit
def test_client_accepts_the_versions_of_the_tests():
    project = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())

    assert project["project"]["dependencies"] == ["httpx>=0.27,<1"]
    assert LOCKED["httpx"].startswith("0.")
