"""A Redis that does not reply, or has replies that get lost."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from otp_engine.store.lua_scripts import ALLOW_OOM_FLAG, load
from tests.fault_injection import fault_proxy
from tests.fault_injection.fault_proxy import Fault, Loss
from tests.fault_injection.load import (
    Call,
    Reply,
    check,
    numbers,
    run_clients,
    run_in_parallel,
    run_in_shares,
    run_users,
    send,
)
from tests.support import redis_server, server_process
from tests.support.fakes import different_code

TITLES = {
    Fault.BLACK_HOLE: "drops every packet",
    Fault.REFUSING: "rejects connections",
    Fault.SLOW: "answers a second late",
}


STEPS = (
    *("reserve_send", "acquire_destination", "commit_send"),
    *("reserve_check", "approve"),
)


@pytest.fixture
def proxy(own_redis):
    with fault_proxy.to(own_redis.port) as proxy:
        yield proxy


@pytest.fixture
def served(proxy, environ):
    """Run a service that reaches Redis through the proxy."""
    environ |= {
        "REDIS_URL": f"redis://127.0.0.1:{proxy.port}",
        # A limit that no client reaches, so that each step runs.
        "OTP_SENDS_TOTAL": "1000000/1h",
    }
    with server_process.running_server("--workers", "2", **environ) as server:
        yield server


def slowest(replies):
    return max(reply.seconds for reply in replies)


def retry_until_accepted(port, call):
    """Repeat *call* retry_until_accepted the reply is 201, and return that reply."""
    replies = []

    def answered():
        replies.extend(run_in_parallel(port, [call]))
        return replies[-1].status == 201

    redis_server.wait_until(answered)
    return replies[-1]


def person(calls, end):
    """Yield *calls* retry_until_accepted *end*."""
    for call in calls:
        if time.monotonic() > end:
            return
        yield call


def run_users_and_probe(seconds, port, live, phones):
    """Check and send for each of *live*; return the replies, also of /healthz."""
    end = time.monotonic() + seconds
    people = [
        person([check(phone, "00000000"), *map(send, phones[n :: len(live)])] * 99, end)
        for n, phone in enumerate(live)
    ]
    with ThreadPoolExecutor(1) as threads:
        alive = threads.submit(
            run_clients,
            port,
            lambda _: Call("/healthz"),
            clients=1,
            until=lambda: time.monotonic() > end,
            pause=0.01,
        )
        return run_users(port, people, pause=0.5), alive.result()


@pytest.mark.parametrize("fault", TITLES, ids=TITLES.get)
def test_unresponsive_redis_is_503_within_a_second(
    fault, trial, whole, served, proxy, twilio
):
    rounds, clients, seconds = (5, 200, 5.0) if whole else (1, 40, 1.0)
    trial.describe(
        f"Redis {TITLES[fault]}",
        f"{clients} clients sending and checking for {seconds:.0f} s while Redis"
        f" {TITLES[fault]}, and one that requests `/healthz`",
        promise="8",
        runs=rounds,
    )
    answers: list[Reply] = []
    healthz: list[Reply] = []
    back, sent, spent = [], 0, 0
    for n in range(rounds):
        live, phones = numbers(clients, n * 2_000), numbers(1_000, n * 2_000 + 1_000)
        run_in_shares(served.port, list(map(send, live)), 4)
        sent -= len(twilio.messages)
        proxy.set_fault(fault)
        user_replies, alive = run_users_and_probe(seconds, served.port, live, phones)
        answers, healthz = answers + user_replies, healthz + alive
        sent += len(twilio.messages)
        proxy.clear_fault()
        healed = time.monotonic()
        wrong = [check(phone, different_code(twilio.code_to(phone))) for phone in live]
        after = [retry_until_accepted(served.port, call) for call in wrong]
        back.append(after[0].ended - healed)
        spent += sum(4 - int(reply.headers["otp-attempts-left"]) for reply in after)

    bad = [r for r in answers if r.status != 503 or r.headers.get("retry-after") != "1"]
    trial.record("requests", len(answers))
    trial.at_most("other answers than 503 with Retry-After", len(bad), 0)
    # Two timeouts are 0.75 s; 200 clients on the cores of the service take the rest.
    trial.within("slowest answer", slowest(answers), 1.5)
    trial.within("slowest `/healthz`", slowest(healthz), 1)
    trial.at_most("messages sent", sent, 0)
    trial.record("attempts used by checks without an answer", spent)
    trial.within("recovery after the fault", max(back), 2)


def digests(name):
    """Return the digests of the script, for Redis 6.2 and for Redis 7."""
    return [
        hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().encode()
        for text in (ALLOW_OOM_FLAG + load(name), load(name))
    ]


@pytest.mark.parametrize("loss", list(Loss), ids=lambda loss: loss.name.lower())
def test_lost_reply_of_redis_changes_no_response(
    loss, trial, whole, served, proxy, twilio
):
    rounds = 20 if whole else 2
    trial.describe(
        f"An answer of Redis is lost by {loss.name.lower()}",
        f"the answer to each of {', '.join(STEPS)} lost once after it was"
        f" carried out, by {loss.name.lower()}, over a send, a wrong and a right check",
        promise="1, 2, 3",
        runs=rounds * 5,
    )
    run_in_parallel(
        served.port, [send(numbers(1)[0]), check(numbers(1)[0], "000000")] * 9
    )
    unlike, attempts, sent, slow = 0, [], [], 0.0
    for n, phone in enumerate(numbers(rounds * 5, first=1)):
        before = len(twilio.messages)
        for step in STEPS[n % 5 :][:1]:
            proxy.lose_replies(digests(step), loss)
        replies = run_in_parallel(served.port, [send(phone)])
        right = twilio.code_to(phone)
        for code in (different_code(right), right, right):
            replies += run_in_parallel(served.port, [check(phone, code)])
        sent.append(len(twilio.messages) - before)
        attempts.append(5 - int(replies[1].headers.get("otp-attempts-left", "0")))
        unlike += [reply.status for reply in replies] != [201, 201, 201, 404]
        unlike += not replies[2].approved
        slow = max(slow, slowest(replies))
        assert proxy.lost_replies == n + 1

    trial.at_most("answers that differ from those without a loss", unlike, 0)
    trial.at_most("attempts used by phone check", max(attempts), 1)
    trial.at_most("messages of phone send", max(sent), 1)
    trial.within("slowest answer", slow, 1.5)
