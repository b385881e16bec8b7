"""The wheel and the source distribution, built and installed as people do it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sys.prefix) / "bin"
# An installed program must not find the modules or the settings of the tests.
_OURS = re.compile(r"PYTHON|COVERAGE|VIRTUAL_ENV|OTP_|MAKE|MFLAGS")


def clean_environ(**added: str) -> dict[str, str]:
    """Return the variables of this machine without those of the tests."""
    own = {name: text for name, text in os.environ.items() if not _OURS.match(name)}
    return own | added


def build(folder: Path) -> None:
    """Run `make dist` with *folder* as its output."""
    venv = Path(sys.prefix)
    subprocess.run(
        [
            *("make", "--silent", "-o", f"{venv}/.ready", "dist"),
            *(f"venv={venv}", f"dist={folder}"),
        ],
        cwd=ROOT,
        env=clean_environ(),
        check=True,
        capture_output=True,
    )


def write_constraints(folder: Path, locked: str = "requirements-dev.txt") -> Path:
    """Write the locked versions without their hashes, which a local wheel lacks."""
    pins = re.findall(
        r"^([^\s#]+==[^\\\n]+)", (ROOT / locked).read_text(), re.MULTILINE
    )
    path = folder / "constraints.txt"
    path.write_text("\n".join(pins))
    return path


def version() -> str:
    """Return the version of this package."""
    text = (ROOT / "otp_engine" / "__init__.py").read_text()
    match = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    assert match
    return match[1]
