"""The previous release, as a tree of files that runs beside this one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import trees
from tests.support import repository

VERSION = "0.1.0"
COMMIT = "b5eb8813f1310dfa8297a449ee7a98b9d3546146"
"""The last commit before the first entry under *Unreleased* of CHANGELOG.md."""


@contextmanager
def checkout() -> Iterator[Path]:
    """Extract the release to a temporary folder; skip the test without its commit."""
    repository.require_commit(COMMIT)
    with trees.checkout(COMMIT) as tree:
        yield tree
