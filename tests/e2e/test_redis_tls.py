"""The service and its commands with a Redis that accepts TLS 1.3 only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.support import certificates, redis_server, server_process

# As many threads of a worker can wait for Redis at once.
BURST = 32


@pytest.fixture
def environ(tmp_path):
    ours = certificates.authority(tmp_path, "ours")
    options = ("--tls-protocols", "TLSv1.3", *ours.server_options())
    with redis_server.redis_with_tls(tmp_path, ours.path, *options) as port:
        url = f"rediss://127.0.0.1:{port}?ssl_ca_certs={ours.path}"
        yield server_process.production(url, "http://127.0.0.1") | {
            # A busy machine is no failure.
            "OTP_REDIS_TIMEOUT": "5000ms"
        }


def test_burst_on_a_new_service_is_served_over_tls(environ):
    with (
        server_process.running_server("--workers", "1", **environ) as server,
        ThreadPoolExecutor(BURST) as threads,
    ):
        check = partial(
            server.post,
            "/auth/verify_otp",
            {"phone": "9445012345", "otp": "123456"},
            authorization="Bearer shop-secret-0123456789",
        )
        responses = [threads.submit(check) for _ in range(BURST)]
        statuses = {response.result().status for response in responses}

    assert statuses == {404}
    assert "redis:" not in "".join(server.stderr)


def test_command_reads_the_policy_over_tls_each_time(environ):
    results = [server_process.run("policy", "show", **environ) for _ in range(5)]

    assert {result.returncode for result in results} == {0}
