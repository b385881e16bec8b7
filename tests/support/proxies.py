"""The proxies of `deploy/proxy` with TLS, in front of a service."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fault_injection import buffering_proxy
from tests.support import certificates, redis_server

FOLDER = Path(__file__).parents[2] / "deploy" / "proxy"
NAMES = ("nginx", "caddy", "haproxy")


@dataclass(frozen=True, slots=True)
class Answer:
    """The response of a proxy."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class TlsProxy:
    """A proxy that runs.

    Attributes:
        port: Its port, with TLS.
        authority: The file of the certificate authority.
    """

    port: int
    authority: Path

    @property
    def url(self) -> str:
        """The URL of the service for its clients."""
        return f"https://127.0.0.1:{self.port}"

    def connect(self, source: str = "127.0.0.1") -> http.client.HTTPSConnection:
        """Return a connection from the address *source*."""
        return http.client.HTTPSConnection(
            "127.0.0.1",
            self.port,
            timeout=30,
            source_address=(source, 0),
            context=ssl.create_default_context(cafile=self.authority),
        )

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        source: str = "127.0.0.1",
    ) -> Answer:
        """Send one request on a connection of its own."""
        with closing(self.connect(source)) as connection:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())


@contextmanager
def in_front_of(
    name: str, port: int, folder: Path, *, changes: Mapping[str, str] | None = None
) -> Iterator[TlsProxy]:
    """Run one proxy of `deploy/proxy` in front of the service at *port*.

    Without the program, the test is skipped, or fails with OTP_REQUIRE_PROXIES=1.

    Args:
        name: One of `NAMES`.
        port: The port of the service.
        folder: An empty folder for its files.
        changes: More texts of the configuration to replace, with their new texts.
    """
    authority = certificates.authority(folder, "authority")
    certificate = authority.issue()
    if name == "nginx":
        with buffering_proxy.in_front_of(
            port, folder, changes=changes, certificate=certificate
        ) as listening:
            yield TlsProxy(listening, authority.path)
        return
    listening = redis_server.free_port()
    run = {"caddy": _run_caddy, "haproxy": _run_haproxy}[name]
    command, path, text, own = run(listening, certificate)
    for old, new in {**own, "127.0.0.1:3000": f"127.0.0.1:{port}"}.items():
        assert old in text, old
        text = text.replace(old, new)
    for old, new in (changes or {}).items():
        assert old in text, old
        text = text.replace(old, new)
    configuration = folder / path
    configuration.write_text(text)
    with subprocess.Popen(
        [*command, str(configuration)],
        env={"HOME": str(folder), "PATH": "/usr/bin"},
    ) as process:
        try:
            redis_server.wait_until(
                lambda: process.poll() is not None or redis_server.listens(listening)
            )
            assert process.poll() is None
            yield TlsProxy(listening, authority.path)
        finally:
            process.terminate()


_Plan = tuple[list[str], str, str, dict[str, str]]


def _run_caddy(port: int, certificate: Path) -> _Plan:
    program = _program("caddy")
    version = subprocess.run(
        [program, "version"], check=True, capture_output=True, text=True
    ).stdout
    own = {
        "{$DOMAIN:otp.example.com} {": f"https://127.0.0.1:{port} {{\n"
        f"tls {certificate} {certificate}",
        "admin off": "admin off\nauto_https disable_redirects",
    }
    if re.match(r"v?2\.[0-6]\.", version):
        own["request_buffers 64KiB"] = "buffer_requests"
    command = [program, "run", "--adapter", "caddyfile", "--config"]
    return command, "Caddyfile", (FOLDER / "Caddyfile").read_text(), own


def _run_haproxy(port: int, certificate: Path) -> _Plan:
    own = {
        "bind :443 ssl crt /etc/haproxy/otp.example.com.pem": f"bind 127.0.0.1:{port}"
        f" ssl crt {certificate}"
    }
    text = (FOLDER / "haproxy.cfg").read_text()
    return [_program("haproxy"), "-db", "-f"], "haproxy.cfg", text, own


def _program(name: str) -> str:
    return redis_server.program(name, required_by="OTP_REQUIRE_PROXIES")
