"""The packages for Node that the tests and the examples download."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCK_FILES = [
    *sorted(ROOT.glob("tests/**/package-lock.json")),
    *sorted(ROOT.glob("examples/*/package-lock.json")),
]
by_folder = pytest.mark.parametrize(
    "lock_file", LOCK_FILES, ids=[path.parent.name for path in LOCK_FILES]
)


@by_folder
def test_every_package_has_a_hash_and_no_host(lock_file):
    packages = json.loads(lock_file.read_text())["packages"]

    downloaded = {name: entry for name, entry in packages.items() if name}

    assert downloaded
    assert [
        name for name, entry in downloaded.items() if "integrity" not in entry
    ] == []
    assert [name for name, entry in downloaded.items() if "resolved" in entry] == []


@by_folder
def test_versions_of_the_packages_are_pinned(lock_file):
    packages = json.loads(lock_file.read_text())["packages"]
    wanted = json.loads(lock_file.with_name("package.json").read_text())["dependencies"]

    locked = {name: packages[f"node_modules/{name}"]["version"] for name in wanted}

    assert locked == wanted
