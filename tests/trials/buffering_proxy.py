"""The proxy that the README asks for, in front of a service."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import servers

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "proxy" / "nginx.conf"
_LISTEN, _SERVICE = "listen 8080;", "http://127.0.0.1:3000;"


@contextmanager
def in_front_of(port: int, folder: Path) -> Iterator[int]:
    """Run nginx as `deploy/proxy/nginx.conf` says, but for the ports; yields its own.

    Whoever has no nginx skips the test.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    own = servers.free_port()
    text = CONFIGURATION.read_text()
    assert _LISTEN in text
    assert _SERVICE in text
    text = text.replace(_LISTEN, f"listen 127.0.0.1:{own};")
    configuration = folder / "nginx.conf"
    configuration.write_text(text.replace(_SERVICE, f"http://127.0.0.1:{port};"))
    command = [program, "-p", str(folder), "-c", str(configuration)]
    with subprocess.Popen([*command, "-g", "daemon off;"]) as nginx:
        try:
            servers.wait_until(lambda: servers.listens(own))
            yield own
        finally:
            nginx.terminate()
