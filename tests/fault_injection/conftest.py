"""Fixtures of the trials.

`make fault-tests` runs their short forms, and `make trials` their full ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fault_injection import report
from tests.fault_injection.report import Trial
from tests.support import redis_server, server_process, twilio_server

TRIALS = pytest.StashKey[list[Trial]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="run the trials in full")
    parser.addoption("--report", type=Path, help="write the results to this file")
    parser.addoption("--print", action="store_true", help="print the results")
    parser.addoption(
        "--compare", action="store_true", help="run the drill without the guard too"
    )
    parser.addoption("--seeds", default="1", help="seeds of the drill: 1,2,3")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TRIALS] = []
    config.addinivalue_line(
        "markers", "whole: runs in the full form only, as it is long or measures time"
    )


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    if config.getoption("--whole"):
        return
    long = [item for item in items if item.get_closest_marker("whole")]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)


def pytest_sessionfinish(session: pytest.Session) -> None:
    # A run of some trials keeps the rows of the others.
    write(session.config, keep=bool(session.config.getoption("keyword")))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.getoption("--print"):
        for trial in config.stash[TRIALS]:
            terminalreporter.section(trial.title)
            terminalreporter.write_line(report.detail(trial))


def write(config: pytest.Config, *, keep: bool) -> None:
    """Write the page; *keep* keeps the rows of trials that did not run."""
    path, trials = config.getoption("--report"), config.stash[TRIALS]
    if path and trials:
        previous = path.read_text() if keep and path.exists() else ""
        path.parent.mkdir(exist_ok=True)
        path.write_text(report.page(trials, previous=previous))


@pytest.fixture
def whole(pytestconfig: pytest.Config) -> bool:
    """Return whether the trials run in full."""
    return bool(pytestconfig.getoption("--whole"))


@pytest.fixture
def seeds(pytestconfig: pytest.Config) -> list[int]:
    """Return the seeds of the drill."""
    return [int(seed) for seed in pytestconfig.getoption("--seeds").split(",")]


@pytest.fixture
def trial(request: pytest.FixtureRequest, *, whole: bool) -> Iterator[Trial]:
    """Yield the record of a trial, and check the bounds of its figures at the end."""
    trial = Trial(request.node.name, aborted=True, whole=whole)
    request.config.stash[TRIALS].append(trial)
    yield trial
    trial.aborted = not trial.figures
    # After each trial, because some take minutes and the machine may stop.
    write(request.config, keep=True)
    assert trial.exceeded == []


@pytest.fixture
def twilio() -> Iterator[twilio_server.Twilio]:
    """Run a provider that a trial controls."""
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[redis_server.RedisProcess]:
    """Run a Redis with the options of `docker-compose.yml`."""
    with redis_server.restartable_redis(
        tmp_path, *redis_server.options_of_compose()
    ) as server:
        yield server


@pytest.fixture
def environ(
    own_redis: redis_server.RedisProcess, twilio: twilio_server.Twilio
) -> dict[str, str]:
    """Return a production environment with cheap hashes and without shared limits."""
    return server_process.production(own_redis.url, twilio.url) | {
        "OTP_ARGON2": "m=64,t=1,p=1",
        "OTP_SENDS_TOTAL": "off",
        "OTP_CHECKS_PER_IP": "off",
    }


@pytest.fixture
def start_service(
    environ: dict[str, str],
) -> Iterator[Callable[..., server_process.ServerProcess]]:
    """Return a function that starts a service for the rest of the trial."""
    with ExitStack() as stack:

        def start(workers: int = 2, **more: str) -> server_process.ServerProcess:
            title = ("--workers", str(workers))
            return stack.enter_context(
                server_process.running_server(*title, **environ | more)
            )

        yield start
