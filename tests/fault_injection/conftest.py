"""Each trial has a short form, `make fault-tests`, and a full one, `make trials`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fault_injection import report
from tests.fault_injection.report import Trial
from tests.support import redis_server, server_process, twilio_server

FOUND = pytest.StashKey[list[Trial]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="run the trials in full")
    parser.addoption("--report", type=Path, help="write the results to this file")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FOUND] = []
    config.addinivalue_line(
        "markers", "whole: too long, or too exact, for the short form"
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
    # Of some trials only: the others keep the rows they have.
    write(session.config, keep=bool(session.config.getoption("keyword")))


def write(config: pytest.Config, *, keep: bool) -> None:
    """Write the page; *keep* keeps the rows of trials that did not run."""
    path, found = config.getoption("--report"), config.stash[FOUND]
    if path and found:
        before = path.read_text() if keep and path.exists() else ""
        path.parent.mkdir(exist_ok=True)
        path.write_text(report.page(found, before=before))


@pytest.fixture
def whole(pytestconfig: pytest.Config) -> bool:
    """Whether the trials run in full."""
    return bool(pytestconfig.getoption("--whole"))


@pytest.fixture
def trial(request: pytest.FixtureRequest, *, whole: bool) -> Iterator[Trial]:
    """Yield the record of what a trial does and measures.

    Bounds are checked at the end, so that one exceeded bound hides no other.
    """
    words = re.sub(r"[_\[\]]", " ", request.node.name.removeprefix("test_")).strip()
    title = (words[0].upper() + words[1:]).replace("redis", "Redis")
    title = title.replace("api key", "API key").replace("ook alike", "ook-alike")
    trial = Trial(title, broke_off=True, whole=whole)
    request.config.stash[FOUND].append(trial)
    yield trial
    trial.broke_off = not trial.figures
    # After each: some take minutes, and the machine may stop.
    write(request.config, keep=True)
    assert trial.beyond == []


@pytest.fixture
def twilio() -> Iterator[twilio_server.Twilio]:
    """Run a provider that a trial controls."""
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[redis_server.RedisProcess]:
    """A Redis that keeps things as the one of `docker-compose.yml` does."""
    with redis_server.restartable_redis(
        tmp_path, *redis_server.options_of_compose()
    ) as server:
        yield server


@pytest.fixture
def environ(
    own_redis: redis_server.RedisProcess, twilio: twilio_server.Twilio
) -> dict[str, str]:
    """Production, but for what would get into the way of every trial but its own."""
    return server_process.production(own_redis.url, twilio.url) | {
        "OTP_ARGON2": "m=64,t=1,p=1",
        "OTP_SENDS_TOTAL": "off",
        "OTP_CHECKS_PER_IP": "off",
    }


@pytest.fixture
def served_by(
    environ: dict[str, str],
) -> Iterator[Callable[..., server_process.ServerProcess]]:
    """Serve by so many workers, until the trial is over."""
    with ExitStack() as stack:

        def serve(workers: int = 2, **more: str) -> server_process.ServerProcess:
            words = ("--workers", str(workers))
            return stack.enter_context(
                server_process.running_server(*words, **environ | more)
            )

        yield serve
