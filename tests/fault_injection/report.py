"""The results of the trials, as the page docs/reliability.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import machine

HEAD = """# Reliability

Each promise of the [README](../README.md#what-it-promises) is tested under faults and \
load.
The worst value of all runs counts, not the mean.
`make trials` runs all tests and writes this page; `make fault-tests` runs a short \
form with smaller numbers.
The tests are in [`tests/fault_injection`](../tests/fault_injection).
Each trial has the commit that it was measured on: some tests ran again alone.

"""
SUMMARY = "## Summary"
TRIALS = "## Trials"
DETAILS = "## Details"
_README = Path(__file__).parents[2] / "README.md"
_OTHER = "other properties"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, and its bound.

    Attributes:
        worst: The worst value of all runs.
        bound: The largest permitted value; None without a promise.
        least: Whether the bound is the smallest permitted value.
        unit: The unit, with a space before it.
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
    """The record of one trial.

    Attributes:
        title: The name of its row.
        promise: The number of a promise of the README, or its text.
        done: The steps, in enough detail to repeat them.
        runs: Number of runs.
        reason: The known reason of a failure.
        whole: Whether it runs in full, on an idle machine.
        figures: The measured values.
        table: More measured values, as a Markdown table.
        aborted: Whether it ended before it measured its values.
    """

    title: str
    promise: str = ""
    done: str = ""
    runs: int = 1
    reason: str = ""
    whole: bool = True
    figures: list[Figure] = field(default_factory=list)
    table: str = ""
    aborted: bool = False

    def describe(self, title: str, done: str, *, promise: str, runs: int = 1) -> None:
        """Set the title, the steps and the promise of this trial."""
        self.title, self.done = title, done
        self.promise, self.runs = promise, runs

    def at_most(self, name: str, worst: float, bound: float, unit: str = "") -> None:
        """Record a value that must not be larger than *bound*."""
        self.figures.append(Figure(name, worst, bound, unit=unit))

    def at_least(self, name: str, worst: float, bound: float, unit: str = "") -> None:
        """Record a value that must not be smaller than *bound*."""
        self.figures.append(Figure(name, worst, bound, least=True, unit=unit))

    def within(self, name: str, worst: float, bound: float, unit: str = " s") -> None:
        """Record a time, which has a bound in the full form only.

        The short form runs next to other work, which delays any response.
        """
        if self.whole:
            self.at_most(name, worst, bound, unit)
        else:
            self.record(name, worst, unit)

    def record(self, name: str, worst: float, unit: str = "") -> None:
        """Record a value without a bound."""
        self.figures.append(Figure(name, worst, unit=unit))

    @property
    def exceeded(self) -> list[Figure]:
        return [figure for figure in self.figures if not figure.holds]

    @property
    def passed(self) -> bool:
        return bool(self.figures) and not self.exceeded and not self.aborted


def page(trials: Iterable[Trial], *, previous: str = "") -> str:
    """Return the whole page, for this machine.

    Args:
        trials: The trials of this run.
        previous: The previous page, with the other trials.
    """
    rows = {title_of(row): row for row in rows_of(previous)}
    details = details_of(previous)
    for trial in trials:
        rows[trial.title], details[trial.title] = _row(trial), detail(trial)
    return render(rows, details, machine.sentence())


def render(rows: Mapping[str, str], details: Mapping[str, str], machine: str) -> str:
    """Return the page of these trials.

    Args:
        rows: The row of each trial, by its title.
        details: What was done and measured, by the title.
        machine: The sentence about the machine.
    """
    titles = sorted(rows)
    passed = sum(not _failed(row) for row in rows.values())
    parts = [
        f"{HEAD}{passed} of {len(rows)} trials passed.\n{machine}",
        f"{SUMMARY}\n\n{_summary(rows.values())}",
        "A promise without a trial has the tests that the README lists.",
        "\n".join(
            [
                f"{TRIALS}\n",
                "| trial | runs | promise | result | when |",
                "|---|---|---|---|---|",
                *(rows[title] for title in titles),
            ]
        ),
        f"{DETAILS}\n\nEach figure is the worst one, with its bound in brackets.",
        *(f"### {title}\n\n{details[title]}" for title in titles),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(rows: Iterable[str]) -> str:
    """Return a table with one row for each promise of the README."""
    promises = dict(
        re.findall(r"^\| (\d+) \| (.+?\.)(?= )", _README.read_text(), re.MULTILINE)
    )
    trials: dict[str, list[str]] = {number: [] for number in [*promises, _OTHER]}
    for row in rows:
        for number in promises_of(row) or [_OTHER]:
            trials[number].append(row)
    lines = ["| promise | trials | failed |", "|---|---|---|"]
    for number, group in trials.items():
        text = f"{number}. {promises[number]}" if number in promises else number
        failed = sorted(title_of(row) for row in group if _failed(row))
        lines.append(f"| {text} | {len(group)} | {'; '.join(failed)} |")
    return "\n".join(lines)


def promises_of(row: str) -> list[str]:
    """Return the numbers of the promises that the trial of *row* verifies."""
    cell = row.split(" | ")[2]
    numbers = re.match(r"\d+(?:, \d+)*", cell)
    return numbers[0].split(", ") if numbers else []


def _row(trial: Trial) -> str:
    result = "pass" if trial.passed else "**FAIL**"
    cells = (trial.title, f"{trial.runs:,}", trial.promise, result, machine.when())
    return f"| {' | '.join(cells)} |"


def detail(trial: Trial) -> str:
    """Return what was done and measured in *trial*."""
    parts = [f"{trial.done[:1].upper()}{trial.done[1:]}."]
    if trial.figures:
        parts.append("\n".join(f"- {figure}" for figure in trial.figures))
    if trial.table:
        parts.append(trial.table)
    if not trial.passed:
        parts.append(f"**FAIL**: {trial.reason or 'not understood yet.'}")
    return "\n\n".join(parts)


def _failed(row: str) -> bool:
    return "**FAIL**" in row


def rows_of(page: str) -> list[str]:
    """Return the rows of the trials on *page*."""
    lines = page.partition("| trial |")[2].partition("\n\n")[0].splitlines()
    return [line for line in lines if line.startswith("| ")]


def details_of(page: str) -> dict[str, str]:
    """Return the details of each trial on *page*, by its title."""
    _, *parts = page.partition(DETAILS)[2].split("\n### ")
    details = {}
    for part in parts:
        title, _, text = part.partition("\n")
        details[title] = text.strip()
    return details


def title_of(row: str) -> str:
    """Return the title of *row*."""
    return row.split(" | ", 1)[0].removeprefix("| ")


def _number(value: float) -> str:
    return (
        f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    )
