"""Check that each row of docs/reliability.md was measured on the current code.

`make release-check` runs this file. A row fails the check if it has no commit, an
unknown one, or one from before the last change of the code.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.fault_injection.report import rows_of, title_of

# A row measures the service, its deployment and the trial itself.
MEASURED = ("otp_engine", "deploy", "tests/fault_injection")

_WHEN = re.compile(r"\d{4}-\d\d-\d\d, `(?P<commit>[0-9a-f]+)` \|$")


def stale_rows(page: str, repository: Path) -> list[str]:
    """Return the titles of the rows of *page* that were measured on other code.

    Args:
        page: The text of docs/reliability.md.
        repository: The root of a working tree of git.
    """
    rows = rows_of(page)
    return [title_of(row) for row in rows if not _is_current(row, repository)]


def _is_current(row: str, repository: Path) -> bool:
    # A row that was measured "with changes" has no commit to compare with.
    match = _WHEN.search(row)
    return match is not None and _is_unchanged_since(match["commit"], repository)


def _is_unchanged_since(commit: str, repository: Path) -> bool:
    # The working tree counts as well. An unknown commit is an error, so not zero.
    command = ("git", "diff", "--quiet", commit, "--", *MEASURED)
    return subprocess.run(command, cwd=repository, check=False).returncode == 0


def main() -> None:
    """Exit with 1 and a message if a row is stale or the page has no rows."""
    repository = Path(__file__).parents[2]
    page = (repository / "docs" / "reliability.md").read_text()
    if not rows_of(page):
        sys.exit("docs/reliability.md has no rows: run `make trials`")
    if stale := stale_rows(page, repository):
        lines = [f"{len(stale)} rows of docs/reliability.md are of other code:", *stale]
        sys.exit("\n  ".join([*lines, "run `make trials`, or `make trials only=NAME`"]))


if __name__ == "__main__":
    main()
