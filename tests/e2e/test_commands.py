"""Each command once as a process of its own; `tests/test_cli*.py` test what they do."""

from __future__ import annotations

import pytest

from tests.support import server_process


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("--version", "otp-engine "),
        ("serve -h", "Usage: "),
        ("keys pepper", "OTP_PEPPER="),
        ("keys factor", "OTP_FACTOR_KEY="),
        ("keys new shop", "OTP_API_KEYS=shop:sha256:"),
        ("calibrate --seconds 0.05 --rate 0.1", "owasp"),
        ("doctor", "✓ the sender (twilio) answers"),
        ("inspect 9445012345", "+91********45"),
        ("forget 9445012345", "✗ "),
    ],
)
def test_command_runs_as_a_process(shared_environ, command, output):
    result = server_process.run(*command.split(), **shared_environ)

    assert output in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_policy_change_of_a_process_is_listed_as_an_event(shared_environ):
    change = server_process.run("policy", "set", "ttl", "5m", **shared_environ)
    events = server_process.run("events", "--kind", "policy", **shared_environ)

    assert "is live" in change.stderr
    assert "ttl = 5m" in events.stdout
