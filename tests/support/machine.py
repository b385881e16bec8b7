"""The machine and the commit that figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def when() -> str:
    """Return the date and the commit, and whether the files have changed since."""
    commit = _output("git", "rev-parse", "--short", "HEAD")
    # Without the pages themselves, which a measurement rewrites.
    status = ("status", "--porcelain", "-uno", "--", ".", ":!docs")
    changed = " with changes" if _output("git", *status) else ""
    return f"{datetime.now(UTC):%Y-%m-%d}, `{commit}`{changed}"


def sentence() -> str:
    """Return a sentence about this machine."""
    redis = _output("redis-server", "--version").partition("v=")[2].partition(" ")[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"The machine: a shared virtual one with {os.cpu_count()} cores"
        f" ({_processor()}) and {memory:.0f} GiB, {platform.system()}"
        f" {platform.release()}, Python {platform.python_version()}, Redis {redis};"
        " service, Redis, provider and clients all on it."
    )


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _output(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip()
