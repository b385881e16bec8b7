"""The trees of files that are measured."""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.service import ROOT


@contextmanager
def checkout(commit: str, repository: Path = ROOT) -> Iterator[Path]:
    """Extract *commit* to a temporary folder; use a folder as it is."""
    if Path(commit).is_dir():
        yield Path(commit).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        archive = Path(folder, "tree.tar")
        subprocess.run(
            ["git", "archive", "--output", archive, commit],  # noqa: S607 - the git on PATH
            cwd=repository,
            check=True,
        )
        tree = Path(folder, "tree")
        with tarfile.open(archive) as files:
            files.extractall(tree, filter="data")
        yield tree
