"""Programs for Node, with packages in the versions of a lock file."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import redis_server

PROGRAMS = Path(__file__).parents[1] / "node"
_OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")
_TIMEOUT = 300  # seconds


def install(cache: pytest.Cache, sources: Path = PROGRAMS) -> Path:
    """Return a folder with the files of *sources* and their packages.

    The first run downloads the packages, and npm verifies their hashes. Later runs, and
    the other processes of the same run, use the same folder. Without Node or without
    the registry the test is skipped, and fails with OTP_REQUIRE_NODE=1.

    Args:
        cache: The cache of pytest, which has the folder.
        sources: The folder with the programs, `package.json` and `package-lock.json`.
    """
    npm = redis_server.program("npm", required_by="OTP_REQUIRE_NODE")
    redis_server.program("node", required_by="OTP_REQUIRE_NODE")
    digest = hashlib.sha256((sources / "package-lock.json").read_bytes()).hexdigest()
    folder = cache.mkdir(f"node-{sources.name}-{digest[:12]}")
    complete = folder / "complete"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.copytree(
            sources,
            folder,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("node_modules"),
        )
        if not complete.exists():
            _download(npm, folder)
            complete.touch()
    return folder


def _download(npm: str, folder: Path) -> None:
    # npm needs a home for its cache, and the settings of the registry.
    result = subprocess.run(
        [npm, "ci", *_OPTIONS],
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
    )
    if result.returncode == 0:
        return
    if os.environ.get("OTP_REQUIRE_NODE") == "1":
        pytest.fail(f"npm ci failed, and OTP_REQUIRE_NODE=1:\n{result.stderr}")
    pytest.skip("npm could not download the packages")
