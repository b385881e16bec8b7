"""The figures of several rounds, and their tables."""

from __future__ import annotations

import pytest

from tests.bench.figures import (
    AFTER,
    BEFORE,
    Figures,
    number,
    percentile,
    replace_blocks,
)


def test_table_shows_median_and_range_of_the_rounds():
    figures = Figures()
    for value in (30, 10, 200):
        figures.add(AFTER, "load", "checks a second", value, goal="≥ 20")
    figures.add(AFTER, "cpu", "ms a check", 0.5)

    assert figures.tables() == {
        "load": "|  | median | min–max | goal |\n| --- | --- | --- | --- |\n"
        "| checks a second | 30 | 10–200 | ≥ 20 |",
        "cpu": "|  | median | min–max | goal |\n| --- | --- | --- | --- |\n"
        "| ms a check | 0.5 |  |  |",
    }


def test_ratio_is_the_median_of_the_ratios_of_each_round():
    figures = Figures()
    # The machine was ten times slower in the second round, for both trees.
    for before, after in [(10, 5), (100, 40), (10, 6)]:
        figures.add(BEFORE, "cpu", "ms", before)
        figures.add(AFTER, "cpu", "ms", after)

    last = figures.tables()["cpu"].splitlines()[-1]

    assert last == "| ms | 10 | 10–100 | 6 | 5–40 | 0.50 |  |"


def test_rounds_are_those_of_one_group():
    figures = Figures()
    for _ in range(3):
        figures.add(AFTER, "cpu", "ms", 1)
    figures.add(AFTER, "cpu", "other", 1)
    figures.add(AFTER, "hashes", "a second", 1)

    assert (figures.rounds("cpu"), figures.rounds("hashes")) == (3, 1)


def test_quantity_of_one_tree_has_no_ratio():
    figures = Figures()
    figures.add(BEFORE, "cpu", "ms", 0)
    figures.add(AFTER, "cpu", "ms", 1)
    figures.add(AFTER, "cpu", "new", 1)

    rows = figures.tables()["cpu"].splitlines()[-2:]

    assert rows == ["| ms | 0 |  | 1 |  |  |  |", "| new |  |  | 1 |  |  |  |"]


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (99.95, "100"), (1234.5, "1,234"), (0, "0")]
)
def test_number_has_three_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50), (0.99, 99), (0.991, 100), (1, 100), (0, 1)]
)
def test_percentile_is_a_measured_value(share, value):
    assert percentile(range(100, 0, -1), share) == value


def test_only_the_text_between_markers_is_replaced():
    page = (
        "a\n<!-- bench x -->\nold\n<!-- end x -->\nb\n"
        "<!-- bench y -->\nkept\n<!-- end y -->\n"
    )

    assert replace_blocks(page, {"x": "| new |"}) == (
        "a\n<!-- bench x -->\n\n| new |\n\n<!-- end x -->\nb\n"
        "<!-- bench y -->\nkept\n<!-- end y -->\n"
    )


def test_page_without_markers_is_an_error():
    with pytest.raises(ValueError, match="no block x"):
        replace_blocks("<!-- bench x -->\n", {"x": ""})
