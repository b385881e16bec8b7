"""What a trial finds is judged: outcomes always, times where it runs in full."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault_injection import report
from tests.fault_injection.report import Trial

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
MACHINE = "The machine: a test."


@pytest.mark.parametrize(("whole", "passed"), [(True, False), (False, True)])
def test_a_slow_answer_fails_a_trial_only_where_it_runs_in_full(whole, passed):
    trial = Trial("Restarts", whole=whole)
    trial.within("slowest stop", 11, 10)

    assert trial.passed == passed
    assert str(trial.figures[0]).startswith("slowest stop: 11 s")


@pytest.mark.parametrize("whole", [True, False])
def test_an_outcome_beyond_its_bound_fails_a_trial_in_either_form(whole):
    trial = Trial("Restarts", whole=whole)
    trial.at_most("connections refused", 1, 0)

    assert not trial.passed


def trial(title, promise, worst=0):
    """Return a trial with one figure, of at most 0."""
    made = Trial(title, promise, "clients `send`, one after the other", reason="late.")
    made.at_most("refused", worst, 0)
    made.record("slowest", 0.25, " s")
    return made


def summary(page):
    """Return the number of trials and the failed ones of each promise."""
    text = page.partition("## Summary")[2].partition("## Trials")[0]
    rows = [line[2:-2].split(" | ") for line in text.splitlines() if "| " in line[:2]]
    return {
        name.partition(".")[0]: (count, failed.strip())
        for name, count, failed in rows[1:]
    }


def test_page_has_summary_row_and_details_of_each_trial():
    page = report.page(
        [trial("Restarts", "7, 8"), trial("A flood", "a queue", worst=1)]
    )

    assert "1 of 2 trials passed." in page
    assert summary(page)["7"] == ("1", "")
    assert summary(page)["1"] == ("0", "")
    assert summary(page)["other properties"] == ("1", "A flood")
    assert "### Restarts\n\nClients `send`, one after the other." in page
    assert "- refused: 0 (≤ 0)\n- slowest: 0.25 s" in page
    assert "- refused: 1 (≤ 0)\n- slowest: 0.25 s\n\n**FAIL**: late." in page


def test_details_of_a_trial_have_its_table():
    made = trial("Drill", "7")
    made.table = "| a | b |\n| --- | --- |\n| 1 | 2 |"

    page = report.page([made])

    assert f"- slowest: 0.25 s\n\n{made.table}\n" in page
    assert report.details_of(page)["Drill"].endswith(made.table)
    assert len(report.rows_of(page)) == 1


def test_page_keeps_trials_that_did_not_run_again():
    first = report.page([trial("Restarts", "7"), trial("A flood", "8", worst=1)])

    page = report.page([trial("A flood", "8")], previous=first)

    assert [report.title_of(row) for row in report.rows_of(page)] == [
        "A flood",
        "Restarts",
    ]
    assert report.details_of(page)["Restarts"] == report.details_of(first)["Restarts"]
    assert summary(page)["8"] == ("1", "")


def test_aborted_trial_fails():
    page = report.page([Trial("Restarts", "7", "clients send", aborted=True)])

    assert summary(page)["7"] == ("1", "Restarts")


def test_published_page_is_what_the_report_writes():
    page = PAGE.read_text()
    rows = {report.title_of(row): row for row in report.rows_of(page)}
    [machine] = [line for line in page.splitlines() if line.startswith("The machine:")]

    assert len(rows) > 40
    assert page == report.render(rows, report.details_of(page), machine)


def test_rows_of_the_published_page_are_short():
    rows = report.rows_of(PAGE.read_text())

    assert max(len(row) for row in rows) < 200
