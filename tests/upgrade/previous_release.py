"""The previous release, as a tree of files that runs beside this one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bench import trees
from tests.support import redis_server

VERSION = "0.1.0"
COMMIT = "b5eb8813f1310dfa8297a449ee7a98b9d3546146"
"""The last commit before the first entry under *Unreleased* of CHANGELOG.md."""

_ROOT = Path(__file__).parents[2]


@contextmanager
def checkout() -> Iterator[Path]:
    """Extract the release to a temporary folder; skip the test without its commit."""
    git = redis_server.program("git", required_by="OTP_REQUIRE_GIT")
    found = subprocess.run(
        [git, "cat-file", "-e", f"{COMMIT}^{{commit}}"],
        cwd=_ROOT,
        capture_output=True,
        check=False,
    )
    if found.returncode:
        problem = f"this clone has no commit of the release {VERSION}"
        if os.environ.get("OTP_REQUIRE_GIT") == "1":
            pytest.fail(f"{problem}, and OTP_REQUIRE_GIT=1")
        pytest.skip(problem)
    with trees.checkout(COMMIT) as tree:
        yield tree
