"""`otp-engine` as a process, as operators run it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from otp_engine.cli import listen_address
from otp_engine.crypto import api_keys
from otp_engine.crypto.pepper import Pepper
from tests.support import redis_server, twilio_server

# Outside dev mode, a pepper of few different bytes is rejected.
PEPPER = Pepper(bytes(range(32)))
PROGRAM = [sys.executable, "-m", "otp_engine"]
# Coverage uses the second to measure other processes.
_INHERITED = ("PATH", "COVERAGE_PROCESS_CONFIG")
_LISTENS_AT = r"Listening at: http://(\S+):([0-9]+)"
_ADMIN_LISTENS_AT = r"admin listener: http://(\S+):([0-9]+)"
PATH = {name: os.environ[name] for name in _INHERITED if name in os.environ}


def production(redis_url: str, twilio_url: str) -> dict[str, str]:
    """Return the smallest environment that production starts with."""
    return {
        "REDIS_URL": redis_url,
        "OTP_PEPPER": base64.b64encode(PEPPER.secret).decode(),
        "OTP_API_KEYS": api_keys.env_entry("shop", "shop-secret-0123456789"),
        "TWILIO_ACCOUNT_SID": twilio_server.ACCOUNT,
        "TWILIO_AUTH_TOKEN": twilio_server.TOKEN,
        "TWILIO_MESSAGING_SERVICE_SID": twilio_server.SERVICE,
        "TWILIO_API_BASE_URL": twilio_url,
    }


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, with only the variables of *environ*."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=PATH | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@dataclass
class Response:
    """A response of the server."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class ServerProcess:
    """A running server, and the lines that it has written so far."""

    process: subprocess.Popen[str]
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return self._find(_LISTENS_AT)[1].strip("[]")

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._find(_LISTENS_AT)[2])

    @property
    def has_admin_listener(self) -> bool:
        """Whether it has an admin listener."""
        return bool(re.search(_ADMIN_LISTENS_AT, "".join(self.stderr)))

    @property
    def admin_host(self) -> str:
        """The address of its admin listener."""
        return self._find(_ADMIN_LISTENS_AT)[1].strip("[]")

    @property
    def admin_port(self) -> int:
        """The port of its admin listener."""
        return int(self._find(_ADMIN_LISTENS_AT)[2])

    def _find(self, pattern: str) -> re.Match[str]:
        match = re.search(pattern, "".join(self.stderr))
        assert match
        return match

    @property
    def workers(self) -> list[int]:
        """The process ids of its workers."""
        parent = self.process.pid
        listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def post(self, path: str, body: Mapping[str, Any], **headers: str) -> Response:
        """POST *body* as JSON on a new connection."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        content_type = {"Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body), content_type | headers)
        return _read(connection)

    def post_form(
        self, path: str, fields: Mapping[str, str], **headers: str
    ) -> Response:
        """POST *fields* as a form on a new connection."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        content_type = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urllib.parse.urlencode(fields)
        connection.request("POST", path, body, content_type | headers)
        return _read(connection)

    def post_bytes(self, path: str, body: bytes, **headers: str) -> int:
        """POST *body* as JSON on a new connection; return the status."""
        with closing(
            http.client.HTTPConnection(self.host, self.port, timeout=60)
        ) as connection:
            content_type = {"Content-Type": "application/json"}
            connection.request("POST", path, body, content_type | headers)
            return connection.getresponse().status

    def get(self, path: str) -> Response:
        """GET *path* on a new connection."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        connection.request("GET", path)
        return _read(connection)

    def admin_get(self, path: str) -> Response:
        """GET *path* of the admin listener."""
        address = (self.admin_host, self.admin_port)
        connection = http.client.HTTPConnection(*address, timeout=60)
        connection.request("GET", path)
        return _read(connection)

    def read(self, path: str, **headers: str) -> str:
        """GET *path*, and return the text of the response."""
        return _read_text(self.host, self.port, path, headers)

    def admin_read(self, path: str, **headers: str) -> str:
        """GET *path* of the admin listener, and return the text of the response."""
        return _read_text(self.admin_host, self.admin_port, path, headers)


def is_free(port: int) -> bool:
    """Return whether `otp-engine serve` would accept the port."""
    try:
        listen_address.find("127.0.0.1", port)
    except ValueError:
        return False
    return True


def running_server(
    *arguments: str, **environ: str
) -> AbstractContextManager[ServerProcess]:
    """Run a service with only the variables of *environ*.

    A `--host` and a `--port` in *arguments* replace 127.0.0.1 and a free port.
    """
    return _run_server(arguments, PATH | environ)


def untraced_server(
    *arguments: str, **environ: str
) -> AbstractContextManager[ServerProcess]:
    """Run a service as `running_server`, without the tracer of coverage."""
    return _run_server(arguments, {"PATH": PATH["PATH"]} | environ)


def server_of_tree(
    tree: Path, *arguments: str, **environ: str
) -> AbstractContextManager[ServerProcess]:
    """Run the service of another tree of files, without the tracer of coverage."""
    return _run_server(arguments, {"PATH": PATH["PATH"]} | environ, tree)


@contextmanager
def _run_server(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    tree: Path = Path(__file__).parents[2],
) -> Iterator[ServerProcess]:
    with subprocess.Popen(
        [*PROGRAM, "serve", "--port", str(redis_server.free_port()), *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Python imports the package in the current directory first.
        cwd=tree,
        start_new_session=True,
    ) as process:
        served = ServerProcess(process)
        readers = [
            threading.Thread(target=_collect, args=(stream, lines))
            for stream, lines in (
                (process.stdout, served.stdout),
                (process.stderr, served.stderr),
            )
        ]
        for reader in readers:
            reader.start()
        try:
            redis_server.wait_until(lambda: _started(served))
            # A worker logs that it has started before it listens.
            redis_server.wait_until(
                lambda: redis_server.listens(served.port, served.host)
            )
            if served.has_admin_listener:
                # The parent sees a worker just after it listens.
                redis_server.wait_until(
                    lambda: served.admin_get("/healthz").status == 200
                )
            yield served
        finally:
            process.terminate()
            process.wait(60)
            for reader in readers:
                reader.join()


def _collect(stream: IO[str] | None, lines: list[str]) -> None:
    for line in stream or ():
        lines.append(line)  # noqa: PERF402 - each must be visible at once


def _started(served: ServerProcess) -> bool:
    """Return whether every worker has started."""
    text = "".join(served.stderr)
    if served.process.poll() is not None:
        raise AssertionError(text)
    return 0 < text.count("Spawning worker") == text.count("Started worker")


def _read_text(host: str, port: int, path: str, headers: Mapping[str, str]) -> str:
    with closing(http.client.HTTPConnection(host, port, timeout=60)) as connection:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().read().decode()


def _read(connection: http.client.HTTPConnection) -> Response:
    try:
        response = connection.getresponse()
        text = response.read().decode()
        is_xml = "xml" in response.getheader("Content-Type", "")
        body = text if is_xml else json.loads(text or "null")
        return Response(response.status, dict(response.getheaders()), body)
    finally:
        connection.close()
