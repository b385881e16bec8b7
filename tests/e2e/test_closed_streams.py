"""The service with standard streams that are closed or cannot be written."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support import redis_server, server_process

SEND = json.dumps({"phone": "9445012345"}).encode()
JSON = {"Content-Type": "application/json"}


def status_of(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with closing(connection):
        try:
            connection.request(method, path, body, JSON)
            return connection.getresponse().status
        except OSError:
            return None


@contextmanager
def server(redirections):
    """Run a service with the *redirections* of a shell; yield its port and process."""
    port = redis_server.free_port()
    command = [*server_process.PROGRAM, "serve", "--dev", "--port", str(port)]
    with subprocess.Popen(
        ["/bin/sh", "-c", f'exec "$@" {redirections}', "sh", *command],
        env=server_process.PATH,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    ) as process:
        try:
            redis_server.wait_until(lambda: status_of(port, "GET", "/readyz") == 200)
            yield port, process
        finally:
            os.killpg(process.pid, signal.SIGTERM)


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&- >&- 2>&-"])
def test_service_with_closed_streams_sends_and_stops(closed):
    with server(closed) as (port, process):
        assert status_of(port, "POST", "/auth/send_otp", SEND) == 201

    assert process.returncode == 0


def test_no_connection_has_the_number_of_a_closed_stream():
    with server("<&- >&- 2>&-") as (_, process):
        streams = Path(f"/proc/{process.pid}/fd")
        targets = {(streams / number).readlink() for number in "012"}

    assert targets == {Path(os.devnull)}


def test_message_that_cannot_be_printed_is_unavailable_and_does_not_count():
    with server(">/dev/full") as (port, _):
        statuses = [status_of(port, "POST", "/auth/send_otp", SEND) for _ in range(2)]

    # A second send within the cooldown would be a 429 if the first one counted.
    assert statuses == [503, 503]
