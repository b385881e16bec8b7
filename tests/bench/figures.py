"""Measured values of several rounds, and tables of them in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

BEFORE, AFTER = "before", "now"


@dataclass(slots=True)
class Series:
    """The values of one quantity, one for each round.

    Attributes:
        group: The table that shows it.
        name: The quantity with its unit.
        goal: The goal, as text.
        values: The values of each tree.
    """

    group: str
    name: str
    goal: str = ""
    values: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self) -> float | None:
        """Return the median over the rounds of the new value divided by the old one.

        Both values of a round were measured one after the other, so a machine that
        becomes slower changes both.
        """
        pairs = zip(
            self.values.get(BEFORE, []), self.values.get(AFTER, []), strict=False
        )
        # A difference of two times can be negative, and then has no ratio.
        ratios = [a / b for b, a in pairs if b > 0 and a >= 0]
        return median(ratios) if ratios else None


class Figures:
    """All series, in the order in which they were first added."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}

    def add(
        self, tree: str, group: str, name: str, value: float, goal: str = ""
    ) -> None:
        """Add the value of one round.

        Args:
            tree: `BEFORE` or `AFTER`.
            group: The table that shows it.
            name: The quantity with its unit.
            value: The value.
            goal: The goal, as text.
        """
        series = self._series.setdefault(name, Series(group, name, goal))
        series.values.setdefault(tree, []).append(value)

    def rounds(self, group: str) -> int:
        """Return the number of rounds of a group."""
        return max(
            len(values)
            for series in self._series.values()
            if series.group == group
            for values in series.values.values()
        )

    def median(self, tree: str, name: str) -> float:
        """Return the median over the rounds of one quantity."""
        return median(self._series[name].values[tree])

    def tables(self) -> dict[str, str]:
        """Return the table of each group."""
        groups = dict.fromkeys(series.group for series in self._series.values())
        return {group: self._table(group) for group in groups}

    def _table(self, group: str) -> str:
        shown = [series for series in self._series.values() if series.group == group]
        if any(BEFORE in series.values for series in shown):
            columns = ("", BEFORE, "min–max", AFTER, "min–max", "ratio", "goal")
            return table(columns, map(_compared, shown))
        rows = [
            (s.name, _middle(s.values[AFTER]), _range(s.values[AFTER]), s.goal)
            for s in shown
        ]
        return table(("", "median", "min–max", "goal"), rows)


def _compared(series: Series) -> list[str]:
    cells = [series.name]
    for tree in (BEFORE, AFTER):
        values = series.values.get(tree, [])
        cells += [_middle(values), _range(values)] if values else ["", ""]
    ratio = series.ratio()
    return [*cells, "" if ratio is None else f"{ratio:.2f}", series.goal]


def _middle(values: Sequence[float]) -> str:
    return number(median(values))


def _range(values: Sequence[float]) -> str:
    if len(values) == 1:
        return ""
    return f"{number(min(values))}–{number(max(values))}"


def number(value: float) -> str:
    """Return *value* with three significant digits, and integers in full."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest of *values* that at least *share* of them do not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * share // 1)
    return ordered[max(0, int(rank) - 1)]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def replace_blocks(page: str, blocks: Mapping[str, str]) -> str:
    """Return *page* with new text between the markers of each of *blocks*.

    The block `name` is between `<!-- bench name -->` and `<!-- end name -->`.

    Raises:
        ValueError: A marker is missing.
    """
    for name, text in blocks.items():
        start, end = f"<!-- bench {name} -->\n", f"<!-- end {name} -->"
        head, found, rest = page.partition(start)
        _, closed, tail = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"the page has no block {name}")
        page = f"{head}{start}\n{text}\n\n{end}{tail}"
    return page
