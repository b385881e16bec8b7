"""A Redis with what the previous release stored."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from tests.support import redis_server, server_process, twilio_server
from tests.upgrade import previous_release, record, requests, stored_data

ROOT = Path(__file__).parents[2]


@dataclass
class Upgraded:
    """This release on the Redis of the previous one.

    Attributes:
        client: A client of the service.
        facts: What is known of the stored data outside of Redis.
        environ: The environment of the service.
    """

    client: requests.Client
    facts: dict[str, Any]
    environ: dict[str, str]

    def code(self, phone: str, which: int = -1) -> str:
        code: str = self.facts["codes"][phone][which]
        return code

    def run(self, *arguments: str) -> str:
        """Run a command of this release with `--json`, and return its output."""
        result = server_process.run(*arguments, "--json", **self.environ)
        assert result.returncode == 0, result.stderr
        return result.stdout


@pytest.fixture(scope="package")
def twilio():
    with twilio_server.running() as server:
        yield server


@pytest.fixture(scope="package")
def upgraded(twilio, tmp_path_factory):
    folder = tmp_path_factory.mktemp("upgraded")
    stored = json.loads(record.FILE.read_text())
    with (
        redis_server.redis_on_a_socket(folder) as url,
        redis_py.Redis.from_url(url) as client,
    ):
        stored_data.load(client, stored)
        environ = requests.environment(url, twilio)
        with server_process.running_server("--workers", "1", **environ) as server:
            yield Upgraded(requests.Client(server, twilio), stored["facts"], environ)


@dataclass
class Pair:
    """An instance of the previous release and one of this, on one Redis.

    Attributes:
        old: A client of the previous release.
        new: A client of this release.
        environ: The environment of both.
        tree: The files of the previous release.
    """

    old: requests.Client
    new: requests.Client
    environ: dict[str, str]
    tree: Path

    def run_old(self, *arguments: str) -> str:
        """Run a command of the previous release, and return its output."""
        return self._run(self.tree, *arguments)

    def run_new(self, *arguments: str) -> str:
        """Run a command of this release, and return its output."""
        return self._run(ROOT, *arguments)

    def _run(self, tree: Path, *arguments: str) -> str:
        result = subprocess.run(
            [*server_process.PROGRAM, *arguments],
            cwd=tree,
            env={"PATH": server_process.PATH["PATH"], **self.environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout


@pytest.fixture(scope="package")
def pair(twilio, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    with (
        previous_release.checkout() as tree,
        redis_server.redis_on_a_socket(folder) as url,
    ):
        environ = requests.environment(url, twilio)
        with (
            server_process.server_of_tree(tree, "--workers", "1", **environ) as old,
            server_process.running_server("--workers", "1", **environ) as new,
        ):
            yield Pair(
                requests.Client(old, twilio),
                requests.Client(new, twilio),
                environ,
                tree,
            )
