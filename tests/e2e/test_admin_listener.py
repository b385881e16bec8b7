"""The listener for health checks and scrapes in the parent of the workers."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.support import redis_server, server_process
from tests.support.metrics_page import values

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
METRICS_KEY = "metrics-secret-0123456789-abcdef"
ADMIN = {"OTP_ADMIN_PORT": "0", "OTP_METRICS_KEY": METRICS_KEY}
PHONE = {"phone": "9445012345"}


def statuses(server):
    return [server.admin_get(path).status for path in ("/healthz", "/readyz")]


@pytest.fixture(scope="module")
def shared(shared_environ):
    """Run a service with two workers and an admin listener."""
    with server_process.running_server(
        "--workers", "2", **shared_environ, **ADMIN
    ) as server:
        yield server


def test_both_listeners_report_health(shared):
    assert statuses(shared) == [200, 200]
    assert [shared.get(path).status for path in ("/healthz", "/readyz")] == [200, 200]


def test_workers_have_a_lower_priority_than_the_parent(shared):
    parent = os.getpriority(os.PRIO_PROCESS, shared.process.pid)
    workers = [os.getpriority(os.PRIO_PROCESS, pid) for pid in shared.workers]

    assert workers == [parent + 10] * 2


def test_metrics_of_all_workers_are_on_the_admin_listener_only(shared, twilio):
    shared.post("/auth/send_otp", PHONE, **KEY)

    page = shared.admin_read("/metrics", Authorization=f"Bearer {METRICS_KEY}")

    sent = "otp_sends_total{channel=sms,country=IN,outcome=accepted}"
    assert values(page)[sent] == 1
    assert values(page)["otp_policy_sending_enabled"] == 1
    assert shared.get("/metrics").status == 404


def test_draining_service_is_not_ready_and_answers_until_its_end(own_environ):
    environ = own_environ | ADMIN | {"OTP_DRAIN": "60s"}
    with server_process.running_server("--workers", "1", **environ) as server:
        server.process.terminate()
        redis_server.wait_until(lambda: statuses(server) == [200, 503])

        assert server.post("/auth/send_otp", PHONE, **KEY).status == 201


def test_admin_listener_answers_until_the_last_request_is_complete(own_environ, twilio):
    def wait_for_test(handler):
        twilio.let_go.wait(60)
        handler.accept()

    twilio.behave = wait_for_test
    with (
        server_process.running_server(
            "--workers", "1", **own_environ, **ADMIN
        ) as server,
        ThreadPoolExecutor(1) as threads,
    ):
        sending = threads.submit(server.post, "/auth/send_otp", PHONE, **KEY)
        redis_server.wait_until(lambda: len(twilio.messages) == 1)
        server.process.terminate()
        redis_server.wait_until(lambda: server_process.is_free(server.port))
        reported = statuses(server)
        twilio.let_go.set()

        assert reported == [200, 503]
        assert sending.result().status == 201
        assert server.process.wait(60) == 0


def test_service_is_ready_again_when_its_only_worker_is_replaced(own_environ):
    with server_process.running_server(
        "--workers", "1", **own_environ, **ADMIN
    ) as server:
        [killed] = server.workers
        os.kill(killed, signal.SIGKILL)
        redis_server.wait_until(lambda: server.workers not in ([], [killed]))
        redis_server.wait_until(lambda: statuses(server) == [200, 200])

        assert server.get("/readyz").status == 200


def test_service_with_stopped_workers_is_neither_alive_nor_ready(own_environ):
    with server_process.running_server(
        "--workers", "2", **own_environ, **ADMIN
    ) as server:
        stopped = server.workers
        for worker in stopped:
            os.kill(worker, signal.SIGSTOP)
        try:
            redis_server.wait_until(lambda: statuses(server) == [503, 503])
        finally:
            for worker in stopped:
                os.kill(worker, signal.SIGCONT)

        redis_server.wait_until(lambda: statuses(server) == [200, 200])


def test_replaced_worker_of_killed_parent_holds_no_admin_port(own_environ, twilio):
    def wait_for_test(handler):
        twilio.let_go.wait(60)
        handler.accept()

    twilio.behave = wait_for_test
    with (
        server_process.running_server(
            "--workers", "1", **own_environ, **ADMIN
        ) as server,
        ThreadPoolExecutor(1) as threads,
    ):
        [killed] = server.workers
        os.kill(killed, signal.SIGKILL)
        redis_server.wait_until(
            lambda: sum("Started worker" in line for line in server.stderr) == 2
        )
        redis_server.wait_until(lambda: redis_server.listens(server.port))
        sending = threads.submit(server.post, "/auth/send_otp", PHONE, **KEY)
        redis_server.wait_until(lambda: len(twilio.messages) == 1)
        server.process.kill()
        server.process.wait(60)
        free = server_process.is_free(server.admin_port)
        twilio.let_go.set()

        assert free
        assert sending.result().status == 201


def test_admin_host_is_another_address_than_that_of_the_service(own_environ):
    environ = own_environ | ADMIN | {"OTP_ADMIN_HOST": "127.0.0.2"}
    with server_process.running_server("--workers", "1", **environ) as server:
        assert server.admin_host == "127.0.0.2"
        assert statuses(server) == [200, 200]


def test_admin_port_in_use_ends_the_start_with_one_line():
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = str(other.getsockname()[1])
        result = server_process.run(
            "serve", "--dev", "--port", "0", OTP_ADMIN_PORT=port
        )

    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line == (
        "✗ the admin listener (OTP_ADMIN_PORT) cannot listen on 127.0.0.1, port"
        f" {port}: Address already in use"
    )


def test_admin_port_of_the_service_itself_ends_the_start_with_one_line():
    port = str(redis_server.free_port())

    result = server_process.run("serve", "--dev", "--port", port, OTP_ADMIN_PORT=port)

    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line.startswith(f"✗ OTP_ADMIN_PORT is {port}, the port of the service")
