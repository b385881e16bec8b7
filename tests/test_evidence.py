"""A release needs trials that were run on its own code."""

from __future__ import annotations

import subprocess

import pytest

from tests.fault_injection import evidence, report
from tests.fault_injection.report import Trial
from tests.support import redis_server


@pytest.fixture
def repository(tmp_path):
    """A repository with a file in each folder that a row measures, and one beside."""
    redis_server.program("git", required_by="OTP_REQUIRE_GIT")
    git(tmp_path, "init", "--quiet")
    for name in (*evidence.MEASURED, "docs"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text("first")
    commit(tmp_path)
    return tmp_path


def git(folder, *words):
    who = ("-c", "user.name=Tester", "-c", "user.email=tester@example.com")
    command = ["git", *who, *words]
    run = subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return run.stdout.decode().strip()


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "A change")
    return git(folder, "rev-parse", "--short", "HEAD")


def page(*rows):
    """Write a page with rows of these titles and last cells."""
    head, title_row, line = "# Reliability", "| trial | when |", "|---|---|"
    cells = [f"| {title} | passed | {when} |" for title, when in rows]
    return "\n".join([head, "", title_row, line, *cells, ""])


def stale(repository, when):
    return evidence.stale_rows(page(("Restarts", when)), repository) == ["Restarts"]


def test_a_row_of_the_newest_code_is_current(repository):
    assert not stale(repository, f"2026-11-26, `{commit(repository)}`")


def test_a_row_stays_current_while_only_documents_change(repository):
    when = f"2026-11-26, `{commit(repository)}`"
    (repository / "docs" / "file").write_text("second")
    commit(repository)

    assert not stale(repository, when)


@pytest.mark.parametrize("folder", evidence.MEASURED)
def test_a_row_is_stale_once_what_it_measures_changes(repository, folder):
    when = f"2026-11-26, `{commit(repository)}`"
    (repository / folder / "file").write_text("second")

    assert stale(repository, when)
    commit(repository)
    assert stale(repository, when)


def test_a_row_of_uncommitted_or_unknown_code_is_stale(repository):
    newest = commit(repository)

    assert stale(repository, f"2026-11-26, `{newest}` with changes")
    assert stale(repository, "2026-11-26, `0123456`")
    assert stale(repository, "some day")


def test_only_the_stale_rows_are_named(repository):
    old = commit(repository)
    (repository / "otp_engine" / "file").write_text("second")
    new = commit(repository)
    rows = [("A flood", f"2026-11-26, `{new}`"), ("Restarts", f"2026-11-26, `{old}`")]

    assert evidence.stale_rows(page(*rows), repository) == ["Restarts"]


def test_nothing_is_current_without_a_repository(tmp_path):
    assert stale(tmp_path, "2026-11-26, `0123456`")


def test_rows_are_found_on_the_page_that_trials_write(repository):
    trial = Trial("Restarts", "7", "stopped in turn")
    trial.at_most("refused", 0, 0)

    assert evidence.stale_rows(report.page([trial]), repository) == ["Restarts"]
