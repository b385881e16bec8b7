"""The results of the trials, as a page."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

HEAD = """# Reliability

Each promise of the [README](../README.md#what-it-promises) is tested under faults and \
load.
A row has the worst value of all runs, not the mean.
`make trials` runs all tests and writes this page; `make fault-tests` runs a short \
form with smaller numbers.
The tests are in [`tests/fault_injection`](../tests/fault_injection).
Each row has the commit that it was measured on: some tests ran again alone.

"""


@dataclass(frozen=True, slots=True)
class Figure:
    """Something measured, and how far it may go.

    Attributes:
        worst: The worst value of all runs.
        bound: What it may be at most, or at least; None where no value is promised.
    """

    name: str
    worst: float
    bound: float | None = None
    least: bool = False
    unit: str = ""

    @property
    def holds(self) -> bool:
        if self.bound is None:
            return True
        return self.worst >= self.bound if self.least else self.worst <= self.bound

    def __str__(self) -> str:
        text = f"{self.name}: {_number(self.worst)}{self.unit}"
        if self.bound is None:
            return text
        sign = "≥" if self.least else "≤"
        return f"{text} ({sign} {_number(self.bound)}{self.unit})"


@dataclass(slots=True)
class Trial:
    """One trial while it runs.

    Attributes:
        title: What is tested.
        promise: The number of a promise of the README, or a promise in words.
        done: What was done, in enough detail to repeat it.
        runs: How many times.
        reason: Why it cannot pass, should it not.
        whole: Whether it runs in full, on a machine that does nothing else.
    """

    title: str
    promise: str = ""
    done: str = ""
    runs: int = 1
    reason: str = ""
    whole: bool = True
    figures: list[Figure] = field(default_factory=list)
    broke_off: bool = False

    def did(self, done: str, *, promise: str, runs: int = 1) -> None:
        """Describe what this trial does, and for which promise."""
        self.done, self.promise, self.runs = done, promise, runs

    def at_most(self, name: str, worst: float, bound: float, unit: str = "") -> None:
        """Keep a figure that must not be larger."""
        self.figures.append(Figure(name, worst, bound, unit=unit))

    def at_least(self, name: str, worst: float, bound: float, unit: str = "") -> None:
        """Keep a figure that must not be smaller."""
        self.figures.append(Figure(name, worst, bound, least=True, unit=unit))

    def within(self, name: str, worst: float, bound: float, unit: str = " s") -> None:
        """Keep a time, which is bounded only where the trial runs in full.

        The short form runs beside other work, which makes any answer late.
        """
        if self.whole:
            self.at_most(name, worst, bound, unit)
        else:
            self.tell(name, worst, unit)

    def tell(self, name: str, worst: float, unit: str = "") -> None:
        """Keep a figure that nothing is promised about."""
        self.figures.append(Figure(name, worst, unit=unit))

    @property
    def beyond(self) -> list[Figure]:
        return [figure for figure in self.figures if not figure.holds]

    @property
    def passed(self) -> bool:
        return bool(self.figures) and not self.beyond and not self.broke_off


def page(trials: Iterable[Trial], *, before: str = "") -> str:
    """Return the whole page, for this machine.

    Args:
        before: A page; its rows stay where a trial did not run again.
    """
    rows = {title_of(row): row for row in rows_of(before)}
    rows |= {trial.title: _row(trial) for trial in trials}
    passed = sum("**FAIL**" not in row for row in rows.values())
    lines = [
        f"{HEAD}{passed} of {len(rows)} trials passed.",
        _machine(),
        "",
        "| trial | what was done | runs | promise | worst seen (and bound) | | when |",
        "|---|---|---|---|---|---|---|",
        *(rows[title] for title in sorted(rows)),
    ]
    return "\n".join(lines) + "\n"


def _row(trial: Trial) -> str:
    seen = "<br>".join(map(str, trial.figures))
    cells = (trial.title, trial.done, f"{trial.runs:,}", trial.promise, seen)
    return f"| {' | '.join((*cells, _verdict(trial), _when()))} |"


def _verdict(trial: Trial) -> str:
    if trial.passed:
        return "pass"
    return f"**FAIL**: {trial.reason or 'not understood yet.'}"


def rows_of(page: str) -> list[str]:
    """Return the rows of *page* that are trials."""
    lines = page.splitlines()
    return [x for x in lines if x.startswith("| ") and not x.startswith("| trial |")]


def title_of(row: str) -> str:
    """Return what is tried in *row*."""
    return row.split(" | ", 1)[0].removeprefix("| ")


def _when() -> str:
    commit = _said("git", "rev-parse", "--short", "HEAD")
    # Except the page itself, which each trial rewrites.
    status = ("status", "--porcelain", "-uno", "--", ".", ":!docs")
    changed = " with changes" if _said("git", *status) else ""
    return f"{datetime.now(UTC):%Y-%m-%d}, `{commit}`{changed}"


def _machine() -> str:
    redis = _said("redis-server", "--version").partition("v=")[2].partition(" ")[0]
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


def _said(*command: str) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def _number(value: float) -> str:
    return (
        f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    )
