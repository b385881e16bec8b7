"""The trees that the benchmark compares."""

from __future__ import annotations

import subprocess

import pytest

from tests.bench.trees import checkout
from tests.support import redis_server


@pytest.fixture
def repository(tmp_path):
    redis_server.program("git", required_by="OTP_REQUIRE_GIT")
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for text in ("first", "second"):
        (folder / "file").write_text(text)
        git(folder, "add", "file")
        git(folder, "commit", "--quiet", "--message", text)
    return folder


def git(folder, *words):
    who = ("-c", "user.name=Tester", "-c", "user.email=tester@example.com")
    command = ["git", *who, *words]
    subprocess.run(command, cwd=folder, check=True)


def test_checkout_has_the_files_of_the_commit(repository):
    with checkout("HEAD~1", repository) as tree:
        assert (tree / "file").read_text() == "first"

    assert not tree.exists()
    assert (repository / "file").read_text() == "second"


def test_folder_is_used_as_it_is(repository):
    with checkout(str(repository)) as tree:
        assert tree == repository

    assert tree.exists()


def test_unknown_commit_is_an_error(repository):
    with (
        pytest.raises(subprocess.CalledProcessError),
        checkout("no-such-commit", repository),
    ):
        pass
