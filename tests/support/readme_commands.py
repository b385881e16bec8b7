"""The commands of the page of an example, which start the service and the example."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import documented_blocks, redis_server
from tests.support.example_apps import EXAMPLES, ROOT

# The tests have the packages: tests/examples/test_requirements.py compares their
# versions, and `node.install` runs the same `npm ci`.
_INSTALL = ("python3 -m venv ", "pip install ", "npm ci ")
# `make run` would install the project first.
_MAKE = (
    'make() { test "$*" = run && exec python -m otp_engine serve --dev --port 3000; }'
)


@dataclass(frozen=True)
class Started:
    """The service and an example, as the page of the example starts them.

    Attributes:
        service: The URL of the service.
        app: The URL of the example.
    """

    service: str
    app: str


@contextmanager
def started(
    name: str, folder: Path, installed: Path | None = None
) -> Iterator[Started]:
    """Run the first two blocks of the page of an example, until the block ends.

    The commands are unchanged, except that free ports replace 3000 and 8000, and that
    they install nothing.

    Args:
        name: The folder in `examples`.
        folder: An empty folder for a copy of the example.
        installed: A folder with the example and its packages for Node.
    """
    page = f"examples/{name}/README.md"
    of_service, of_app, *_ = (
        block for block in documented_blocks.blocks() if block.page == page
    )
    ports = {"3000": redis_server.free_port(), "8000": redis_server.free_port()}
    urls = Started(*(f"http://localhost:{port}" for port in ports.values()))
    copy = folder / "examples" / name
    shutil.copytree(installed or EXAMPLES / name, copy, symlinks=True)
    environ = {
        "PORT": str(ports["8000"]),
        "PUBLIC_URL": urls.app,
        "ENGINE_URL": urls.service,
    }
    with ExitStack() as stack:
        for block, port, variables in (
            (of_service, ports["3000"], {}),
            (of_app, ports["8000"], environ),
        ):
            commands = [_MAKE, *(command.line for command in block.commands)]
            lines = [line for line in commands if not line.startswith(_INSTALL)]
            script = re.sub(
                r"\b[38]000\b", lambda found: str(ports[found[0]]), "\n".join(lines)
            )
            stack.enter_context(_running(script, folder, port, variables))
        yield urls


@contextmanager
def _running(
    script: str, folder: Path, port: int, environ: Mapping[str, str]
) -> Iterator[None]:
    """Run a script of a shell and all that it starts, from when it listens on."""
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(
            ["/bin/bash", "-e", "-c", script],
            cwd=folder,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}",
                "PYTHONDONTWRITEBYTECODE": "1",
                **environ,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            redis_server.wait_until(
                lambda: redis_server.listens(port) or process.poll() is not None
            )
            output.seek(0)
            assert process.poll() is None, output.read()
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
