"""The packages for Node that the end-to-end tests download."""

from __future__ import annotations

import json

from tests.support.node_programs import SOURCES

PACKAGES = json.loads((SOURCES / "package-lock.json").read_text())["packages"]


def test_every_package_has_a_hash_and_no_host():
    downloaded = {name: entry for name, entry in PACKAGES.items() if name}

    assert len(downloaded) > 2
    assert [
        name for name, entry in downloaded.items() if "integrity" not in entry
    ] == []
    assert [name for name, entry in downloaded.items() if "resolved" in entry] == []


def test_versions_of_the_programs_are_pinned():
    wanted = json.loads((SOURCES / "package.json").read_text())["dependencies"]

    locked = {name: PACKAGES[f"node_modules/{name}"]["version"] for name in wanted}

    assert locked == wanted
