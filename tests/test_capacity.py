"""The arithmetic of docs/capacity.md."""

from __future__ import annotations

import re
from math import ceil
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs" / "capacity.md").read_text()
A_DAY = (10_000, 100_000, 1_000_000, 5_000_000)
MESSAGES, CHECKS = 1.2, 1.3


def number(pattern: str) -> int:
    match = re.search(pattern, PAGE)
    assert match, pattern
    return int(match[1].replace(",", ""))


def size(kind: str) -> int:
    return number(rf"\| {kind} \| ([\d,]+) \|")


HASHES_A_CORE = number(r"one core serves (\d+) sends or checks a second")
BYTES_OF_MESSAGE = size("counted messages of a phone") + size("delivery of a message")


def example(a_day: int) -> list[str]:
    """Return the row of the examples with so many verifications a day."""
    peak = a_day / 10 / 3600 * 2
    cores = peak * (MESSAGES + CHECKS) / HASHES_A_CORE / 0.7
    stored = (
        a_day * MESSAGES * BYTES_OF_MESSAGE
        + peak * 600 * size("pending verification")
        + 30 * a_day * size("proven phone")
        + 200_000 * size("event, 200,000 at most")
    )
    return [
        f"{a_day:,}",
        f"{peak:.3g}",
        f"{cores:.2g}",
        str(max(2, ceil(cores / 2) + 1)),
        f"{max(256, ceil(2 * stored / 1e8) * 100):,}",
    ]


def test_examples_follow_from_the_formulas():
    rows = [f"| {' | '.join(example(a_day))} |\n" for a_day in A_DAY]

    assert "".join(rows) in PAGE, "".join(rows)


def test_formula_of_redis_has_the_measured_bytes():
    formula = re.search(r"^bytes = (.*)$", PAGE, re.MULTILINE)

    assert formula
    assert [int(n) for n in re.findall(r"× (\d+)(?!\d|,)", formula[1])] == [
        BYTES_OF_MESSAGE,
        600,
        size("pending verification"),
        size("proven phone"),
        size("event, 200,000 at most"),
    ]


def test_parts_of_the_memory_of_a_pod_add_up():
    after_load, hashes, threads = (
        number(rf"\| {part}[^|]* \| (\d+) \|")
        for part in ("the same after load", "hashes that run", "threads of a flood")
    )

    assert f"That is {after_load + hashes + threads} MiB" in PAGE


def test_cores_follow_from_the_measured_rate():
    performance = (Path(__file__).parents[1] / "docs" / "performance.md").read_text()
    row = next(
        line
        for line in performance.splitlines()
        if line.startswith("| checks a second at `owasp`")
    )

    on_two_cores = float(row.split("|")[4])

    assert round(on_two_cores / 2) == HASHES_A_CORE
