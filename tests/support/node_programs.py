"""Programs for Node, with packages in the versions of a lock file."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "e2e" / "node"
_TIMEOUT = 300  # seconds


def install(cache: pytest.Cache) -> Path:
    """Return a folder with the programs and their packages.

    The first run downloads the packages, and npm verifies their hashes. Later runs, and
    the other process of the same run, use the same folder. Without Node or without the
    registry the test is skipped.

    Args:
        cache: The cache of pytest, which has the folder.
    """
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("Node is not installed")
    lock_file = (SOURCES / "package-lock.json").read_bytes()
    folder = cache.mkdir(f"node-{hashlib.sha256(lock_file).hexdigest()[:12]}")
    complete = folder / "complete"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
        if not complete.exists():
            _download(folder)
            complete.touch()
    return folder


def _download(folder: Path) -> None:
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    command = ["npm", "ci", *options]
    # npm needs a home for its cache, and the settings of the registry.
    result = subprocess.run(
        command,
        cwd=folder,
        env=os.environ,
        capture_output=True,
        timeout=_TIMEOUT,
        check=False,
    )
    if result.returncode:
        pytest.skip("npm could not download the packages")
