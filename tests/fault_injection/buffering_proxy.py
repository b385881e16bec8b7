"""nginx with the configuration of `deploy/proxy`, in front of a service."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support import redis_server

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "proxy" / "nginx.conf"
_LISTEN, _SERVICE = "listen 8080;", "http://127.0.0.1:3000;"


@contextmanager
def in_front_of(
    port: int,
    folder: Path,
    *,
    changes: Mapping[str, str] | None = None,
    certificate: Path | None = None,
) -> Iterator[int]:
    """Run nginx with `deploy/proxy/nginx.conf` on a free port; yield that port.

    Without nginx, the test is skipped, or fails with OTP_REQUIRE_PROXIES=1.

    Args:
        port: The port of the service.
        folder: The folder of the files that nginx writes.
        changes: More texts of the configuration to replace, with their new texts.
        certificate: The file of a certificate and of its key, with which nginx accepts
            TLS only.
    """
    program = redis_server.program("nginx", required_by="OTP_REQUIRE_PROXIES")
    proxy_port = redis_server.free_port()
    text = CONFIGURATION.read_text()
    listen = f"listen 127.0.0.1:{proxy_port};"
    if certificate:
        files = f" ssl_certificate {certificate}; ssl_certificate_key {certificate};"
        listen = listen.replace(";", " ssl;") + files
    ports = {
        _LISTEN: listen,
        _SERVICE: f"http://127.0.0.1:{port};",
    }
    for old, new in {**ports, **(changes or {})}.items():
        assert old in text
        text = text.replace(old, new)
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    command = [program, "-p", str(folder), "-c", str(configuration)]
    with subprocess.Popen([*command, "-g", "daemon off;"]) as nginx:
        try:
            redis_server.wait_until(lambda: redis_server.listens(proxy_port))
            yield proxy_port
        finally:
            nginx.terminate()
