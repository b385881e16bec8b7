"""What a running service keeps of the environment at its start."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from otp_engine.config.secret_settings import FILES, SECRETS
from tests.fault_injection import raw_http
from tests.support import redis_server, server_process

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PHONE = {"phone": "9445012345"}
UNTYPED = (
    b"POST /auth/send_otp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b'Content-Length: 23\r\n\r\n{"phone": "9445012345"}'
)


@pytest.fixture
def in_files(own_environ, tmp_path):
    """Return the same settings, with each secret in a file."""
    environ = dict(own_environ)
    for name in set(SECRETS) & set(own_environ):
        path = tmp_path / f"{name}.secret"
        path.write_text(f"{environ.pop(name)}\n")
        environ[FILES[name]] = str(path)
    return environ


def workers(server):
    """Return the process ids of the workers, in the order of their start."""
    text = "".join(server.stderr)
    pids = re.findall(r"Spawning worker-\d+ with PID: (\d+)", text)
    return [int(pid) for pid in pids]


def replace_worker(server):
    """Kill the only worker, and wait until the next one listens."""
    os.kill(workers(server)[0], signal.SIGKILL)
    redis_server.wait_until(lambda: "".join(server.stderr).count("Started worker") == 2)
    redis_server.wait_until(lambda: redis_server.listens(server.port))


def started_with(pid):
    """Return the environment that the kernel shows for a process."""
    text = Path(f"/proc/{pid}/environ").read_text()
    return dict(item.partition("=")[::2] for item in text.split("\0") if item)


@pytest.mark.parametrize("source", ["own_environ", "in_files"])
def test_replacement_of_killed_worker_has_settings(request, source, twilio):
    environ = request.getfixturevalue(source)
    with server_process.running_server("--workers", "1", **environ) as server:
        replace_worker(server)

        assert server.post("/auth/send_otp", PHONE, **KEY).status == 201
        assert server.post("/auth/send_otp", PHONE).status == 401
    assert len(twilio.messages) == 1


def test_worker_restarts_without_deleted_secret_files(in_files):
    with server_process.running_server("--workers", "1", **in_files) as server:
        for variable in FILES.values():
            Path(in_files.get(variable, "/nowhere/none")).unlink(missing_ok=True)
        replace_worker(server)

        assert server.post("/auth/send_otp", PHONE, **KEY).status == 201


def test_secrets_in_files_are_in_no_environment_of_a_process(own_environ, in_files):
    secrets = [own_environ[name] for name in set(SECRETS) & set(own_environ)]
    with server_process.running_server("--workers", "2", **in_files) as server:
        shown = [
            started_with(pid) for pid in (server.process.pid, *workers(server)[:2])
        ]

    assert len(secrets) == 4
    for environ in shown:
        assert "OTP_PEPPER_FILE" in environ
        assert not any(secret in environ.values() for secret in secrets)


# Each would change a response if it became a part of the requests.
REQUEST_VARIABLES = {
    "HTTP_X_REQUEST_ID": "0123456789abcdef",
    "HTTP_ORIGIN": "https://evil.example",
    "HTTP_SEC_FETCH_SITE": "cross-site",
    "HTTP_X_FORWARDED_FOR": "203.0.113.3",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_TRANSFER_ENCODING": "chunked",
    "HTTP_COOKIE": "otp_verify=x",
    "CONTENT_TYPE": "text/plain",
    "CONTENT_LENGTH": "7",
    "REQUEST_METHOD": "DELETE",
    "PATH_INFO": "/nowhere",
    "SCRIPT_NAME": "/nowhere",
    "QUERY_STRING": "a=b",
    "REMOTE_ADDR": "203.0.113.3",
    "REMOTE_USER": "root",
    "SERVER_NAME": "evil.example",
    "HTTPS": "on",
    "wsgi.url_scheme": "ftp",
    "wsgi.input": "x",
    "werkzeug.request": "x",
    "werkzeug.debug.preserve_context": "x",
}


def test_environment_variables_do_not_become_parts_of_requests():
    with server_process.running_server("--dev", **REQUEST_VARIABLES) as server:
        health = server.get("/healthz")
        sent = server.post("/auth/send_otp", PHONE)
        untyped = raw_http.exchange(server.port, UNTYPED)

    assert health.status == 200
    assert health.headers["x-request-id"] != REQUEST_VARIABLES["HTTP_X_REQUEST_ID"]
    assert sent.status == 201
    # Without the header, there is no type.
    assert (untyped.status, untyped.error) == (415, "unsupported_media_type")


def test_key_in_the_environment_authenticates_no_request(own_environ, twilio):
    environ = own_environ | {"HTTP_AUTHORIZATION": KEY["Authorization"]}
    with server_process.running_server("--workers", "2", **environ) as server:
        # Each request is on a new connection, which either worker can accept.
        statuses = {server.post("/auth/send_otp", PHONE).status for _ in range(20)}
        for pid in workers(server):
            os.kill(pid, signal.SIGKILL)
        redis_server.wait_until(
            lambda: "".join(server.stderr).count("Started worker") == 4
        )
        redis_server.wait_until(lambda: redis_server.listens(server.port))
        statuses |= {server.post("/auth/send_otp", PHONE).status for _ in range(20)}

        assert server.post("/auth/send_otp", PHONE, **KEY).status == 201
    assert statuses == {401}
