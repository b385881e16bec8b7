"""The examples as processes, in the way that their pages describe."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import redis_server

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@dataclass
class ExampleApp:
    """A running example.

    Attributes:
        url: Its URL for browsers.
        output: The lines that it has written so far.
    """

    url: str
    output: list[str] = field(default_factory=list)


@contextmanager
def running(
    name: str, command: list[str], port: int, environ: Mapping[str, str]
) -> Iterator[ExampleApp]:
    """Run a program in the folder of an example, until the block ends.

    Args:
        name: The folder in `examples`.
        command: The program and its arguments.
        port: The port that it listens on.
        environ: Its environment, besides the path.
    """
    with subprocess.Popen(
        command,
        cwd=EXAMPLES / name,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "client"),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **environ,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        app = ExampleApp(f"http://localhost:{port}")
        output = process.stdout
        assert output
        reader = threading.Thread(target=lambda: app.output.extend(output))
        reader.start()
        try:
            redis_server.wait_until(
                lambda: redis_server.listens(port) or process.poll() is not None
            )
            assert process.poll() is None, "".join(app.output)
            yield app
        finally:
            process.terminate()
            process.wait(30)
            reader.join()


@contextmanager
def running_django(
    port: int, database: Path, environ: Mapping[str, str]
) -> Iterator[ExampleApp]:
    """Run the Django example with a new database."""
    settings = {
        "SECRET_KEY": "a secret of the tests",
        "DEBUG": "1",
        "PUBLIC_URL": f"http://localhost:{port}",
        "DATABASE": str(database),
        **environ,
    }
    manage = [sys.executable, "manage.py"]
    subprocess.run(
        [*manage, "migrate", "--verbosity=0"],
        cwd=EXAMPLES / "django",
        env={"PYTHONPATH": str(ROOT / "client"), **settings},
        check=True,
        timeout=120,
    )
    command = [*manage, "runserver", "--noreload", f"127.0.0.1:{port}"]
    with running("django", command, port, settings) as app:
        yield app


@contextmanager
def running_fastapi(port: int, environ: Mapping[str, str]) -> Iterator[ExampleApp]:
    """Run the FastAPI example."""
    settings = {
        "SECRET_KEY": "a secret of the tests",
        "DEBUG": "1",
        "PUBLIC_URL": f"http://localhost:{port}",
        **environ,
    }
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--access-log"]
    with running(
        "fastapi", [*command, "--port", str(port), "app:app"], port, settings
    ) as app:
        yield app
