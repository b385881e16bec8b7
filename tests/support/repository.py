"""The git repository of this tree, which an unpacked archive lacks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import redis_server

ROOT = Path(__file__).parents[2]


def list_files(folder: str) -> set[str]:
    """Return the files below *folder* that git tracks or would add.

    Without git or its repository, the test is skipped, or fails with OTP_REQUIRE_GIT=1.
    """
    listed = _git("ls-files", "-co", "--exclude-standard", folder)
    if listed.returncode:
        _skip("this tree is not a clone")
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


def require_commit(commit: str) -> None:
    """Skip the test if the history lacks *commit*, or fail it in CI."""
    if _git("cat-file", "-e", f"{commit}^{{commit}}").returncode:
        _skip(f"this clone has no commit {commit}")


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    git = redis_server.program("git", required_by="OTP_REQUIRE_GIT")
    return subprocess.run(
        [git, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def _skip(problem: str) -> None:
    if os.environ.get("OTP_REQUIRE_GIT") == "1":
        pytest.fail(f"{problem}, and OTP_REQUIRE_GIT=1")
    pytest.skip(problem)
