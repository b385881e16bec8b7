"""A change of the policy while clients send."""

from __future__ import annotations

import time

from tests.fault_injection.load import numbers, run_clients, send
from tests.support.command_line import run

WORKERS = 2
LIVE_WITHIN = 2
OBSERVED_SECONDS = 4


def run_sends(port, phones):
    end = time.monotonic() + OBSERVED_SECONDS
    return run_clients(
        port,
        lambda _: send(next(phones)),
        clients=2,
        until=lambda: time.monotonic() > end,
        pause=0.005,
    )


def test_policy_change_is_live(trial, whole, start_service, environ):
    rounds = 10 if whole else 2
    trial.describe(
        "A policy change while clients send",
        "`policy set sending off`, then on, while two clients send",
        promise="a change of the policy is live within two seconds",
        runs=2 * rounds,
    )
    server, phones = start_service(WORKERS), iter(numbers(1_000_000))
    last_of_former, former_after_observation = [], 0
    for status, value in [(503, "off"), (201, "on")] * rounds:
        changed = run("policy", "set", "sending", value, **environ)
        assert changed.exit_code == 0, changed.stderr
        written = time.monotonic()
        replies = run_sends(server.port, phones)
        former = [reply.started for reply in replies if reply.status != status]
        last_of_former.append(max(former, default=written) - written)
        # Sixteen requests rarely miss one of the workers.
        former_after_observation += sum(
            reply.status != status for reply in replies[-16:]
        )
    trial.within("last send under the former policy", max(last_of_former), LIVE_WITHIN)
    trial.at_most("the same, of the last 16 sends", former_after_observation, 0)
