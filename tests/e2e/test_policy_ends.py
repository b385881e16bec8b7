"""A change of the policy of a running service ends by itself."""

from __future__ import annotations

import json

from tests.support import redis_server, server_process
from tests.support.command_line import run
from tests.support.metrics_page import values

METRICS_KEY = "metrics-secret-0123456789-abcdef"
KEY = {"Authorization": "Bearer shop-secret-0123456789"}


def versions(environ):
    """Return the versions that Redis has, without a command that adds one."""
    shown = run("events", "--kind", "policy", "--json", **environ).stdout
    return [json.loads(line) for line in shown.splitlines()]


def metric(server, name):
    page = server.read("/metrics", Authorization=f"Bearer {METRICS_KEY}")
    return values(page)[name]


def test_change_with_an_end_reverts_in_a_running_service(own_environ):
    environ = own_environ | {"OTP_SENDS_PER_IP": "off", "OTP_METRICS_KEY": METRICS_KEY}
    phones = (f"+9194450{number:05}" for number in range(20_000))

    def status(server):
        phone = {"phone": next(phones)}
        return server.post("/auth/send_otp", phone, **KEY).status

    def has_reverted(server):
        """Return whether a version follows; the request makes a worker look."""
        status(server)
        return len(versions(environ)) == 2

    with server_process.running_server("--workers", "2", **environ) as server:
        run("policy", "set", "sending", "off", "--for", "2s", **environ)
        redis_server.wait_until(lambda: has_reverted(server))
        redis_server.wait_until(lambda: {status(server) for _ in range(8)} == {201})
        redis_server.wait_until(lambda: metric(server, "otp_policy_version") == 2)
        enabled = metric(server, "otp_policy_sending_enabled")

    ended, temporary = json.loads(run("policy", "history", "--json", **environ).stdout)
    assert (ended["version"], temporary["version"]) == (2, 1)
    assert (ended["author"], ended["reason"]) == ("otp-engine", "version 1 ended")
    assert enabled == 1
    assert [event["version"] for event in versions(environ)] == [1, 2]


def test_scrape_of_an_idle_service_ends_a_change(own_environ):
    environ = own_environ | {"OTP_ADMIN_PORT": "0", "OTP_METRICS_KEY": METRICS_KEY}

    def has_reverted(server):
        server.admin_read("/metrics", Authorization=f"Bearer {METRICS_KEY}")
        return len(versions(environ)) == 2

    with server_process.running_server("--workers", "1", **environ) as server:
        run("policy", "set", "sending", "off", "--for", "1s", **environ)
        redis_server.wait_until(lambda: has_reverted(server))

    _, ended = versions(environ)
    assert (ended["author"], ended["reason"]) == ("otp-engine", "version 1 ended")
    assert ended["change"] == "sending = value of the environment"
