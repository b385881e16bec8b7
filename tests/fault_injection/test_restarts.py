"""Restarts of the service under load."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial

from tests.fault_injection.load import REFUSED, Call, check, numbers, run_users, send
from tests.support import redis_server, server_process
from tests.support.fakes import different_code

PEOPLE = 16
# Longer than the load balancer needs to react on a busy machine.
DRAIN_SECONDS = 3
PROBE_SECONDS = 0.1


@dataclass
class Balancer:
    """A load balancer that uses the instances that were ready at their last probe."""

    ready: dict[int, bool] = field(default_factory=dict)
    last: list[int] = field(default_factory=list)
    left: dict[int, float] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def watch(self, instances):
        """Probe the readiness of each of *instances* until `over` is set."""
        while not self.over.wait(PROBE_SECONDS):
            for instance in list(instances):
                was, ready = self.sends_to(instance), is_ready(instance)
                self.ready[instance.port] = ready
                if was and not ready:
                    self.left[instance.port] = time.monotonic()

    def choose(self, n):
        # A copy, because the other thread adds instances.
        ports = [port for port, ready in list(self.ready.items()) if ready]
        # Without a ready instance it keeps the last ones, as load balancers do.
        self.last = ports or self.last
        return self.last[n % len(self.last)]

    def sends_to(self, instance):
        return self.ready.get(instance.port, False)


def is_ready(instance):
    with suppress(OSError):
        return instance.get("/readyz").status == 200
    return False


def person(phones, twilio, balancer):
    """Request a code, check a wrong one, then the correct one."""
    for n, phone in enumerate(phones):
        if balancer.over.is_set():
            return
        sent = yield at(send(phone), balancer.choose(n))
        if sent.status != 201:
            continue
        right = twilio.code_to(phone)
        for code in (different_code(right), right):
            checked = yield at(check(phone, code), balancer.choose(n))
            while checked.status == 503:
                checked = yield at(check(phone, code), balancer.choose(n))


def at(call, port):
    return Call(call.path, call.body, port)


def test_rolling_restarts_reject_no_request(trial, whole, environ, twilio):
    rounds = 10 if whole else 1
    trial.describe(
        "Rolling restarts",
        "two instances of two workers with a load balancer that requests `/readyz` ten"
        " times a second, stopped in turn by SIGTERM with"
        f" `OTP_DRAIN={DRAIN_SECONDS}s` and started again, while {PEOPLE} clients"
        " send, and check a wrong and the correct code",
        promise="7; clients see no error",
        runs=rounds,
    )
    environ |= {"OTP_DRAIN": f"{DRAIN_SECONDS}s"}
    balancer, stopping, noticing = Balancer(), [], []
    with ExitStack() as stack, ThreadPoolExecutor(2) as threads:
        stack.callback(balancer.over.set)
        instances = [
            stack.enter_context(
                server_process.running_server("--workers", "2", **environ)
            )
            for _ in range(2)
        ]
        threads.submit(balancer.watch, instances)
        redis_server.wait_until(lambda: all(map(balancer.sends_to, instances)))
        every = [iter(numbers(100_000, first=n * 100_000)) for n in range(PEOPLE)]
        people = [person(phones, twilio, balancer) for phones in every]
        playing = threads.submit(run_users, instances[0].port, people)
        for n in range(2 * rounds):
            old = instances[n % 2]
            started, ended = stop(old)
            stopping.append(ended - started)
            noticing.append(max(0, balancer.left.get(old.port, ended) - started))
            new = stack.enter_context(
                server_process.running_server("--workers", "2", **environ)
            )
            instances[n % 2] = new
            redis_server.wait_until(partial(balancer.sends_to, new))
        balancer.over.set()
        replies = playing.result()

    check_promises(trial, replies, twilio)
    trial.within("slowest stop", max(stopping), 10)
    # As long as this is less than the drain, no connection should be refused.
    trial.record("from SIGTERM until the balancer reacts, longest", max(noticing), " s")


def stop(instance):
    """Stop *instance*, and return the times of the signal and of its end."""
    started = time.monotonic()
    instance.process.send_signal(signal.SIGTERM)
    assert instance.process.wait(30) == 0
    return started, time.monotonic()


def check_promises(trial, replies, twilio):
    statuses = Counter(reply.status for reply in replies)
    successes = [reply for reply in replies if reply.status == 201]
    sent = {
        reply.call.phone for reply in successes if reply.call.path.endswith("send_otp")
    }
    approved = {reply.call.phone for reply in replies if reply.approved}
    accepted = {message["To"] for message in twilio.messages}
    trial.record("requests", len(replies))
    trial.at_most("connections rejected", statuses[REFUSED], 0)
    lost = sum(number < 100 for number in statuses.elements()) - statuses[REFUSED]
    trial.at_most("requests without an answer", lost, 0)
    trial.record("answers that the service is busy", statuses[503])
    others = len(replies) - statuses[201] - statuses[503] - statuses[REFUSED] - lost
    trial.at_most("other answers", others, 0)
    trial.at_most("sends answered with 201 and not sent", len(sent - accepted), 0)
    # Each user may stop just before a check.
    trial.at_most("sent and not approved, at the end", len(sent - approved), PEOPLE)
