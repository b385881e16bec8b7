"""A Redis that does not answer, or loses its answers on the way."""

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
    all_at_once,
    check,
    for_a_while,
    numbers,
    play,
    send,
    share_out,
)
from tests.support import redis_server, server_process
from tests.support.fakes import different_code

WORDS = {
    Fault.BLACK_HOLE: "drops every packet",
    Fault.REFUSING: "rejects connections",
    Fault.SLOW: "answers a second late",
}


@pytest.fixture
def proxy(own_redis):
    with fault_proxy.to(own_redis.port) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy, environ):
    """The service, which reaches its Redis only through the proxy."""
    environ |= {
        "REDIS_URL": f"redis://127.0.0.1:{proxy.port}",
        # A limit that no client reaches, so that each step runs.
        "OTP_SENDS_TOTAL": "1000000/1h",
    }
    with server_process.running_server("--workers", "2", **environ) as served:
        yield served


def slowest(replies):
    return max(reply.seconds for reply in replies)


def until(port, call):
    """Ask until *call* is answered with 201, and give that answer."""
    replies = []

    def answered():
        replies.extend(all_at_once(port, [call]))
        return replies[-1].status == 201

    redis_server.wait_until(answered)
    return replies[-1]


def person(calls, end):
    """A client that retries without end."""
    for call in calls:
        if time.monotonic() > end:
            return
        yield call


def crowd_of(seconds, port, live, phones):
    """Let each of *live* check, and send; what they and a watcher of /healthz see."""
    end = time.monotonic() + seconds
    people = [
        person([check(one, "00000000"), *map(send, phones[n :: len(live)])] * 99, end)
        for n, one in enumerate(live)
    ]
    with ThreadPoolExecutor(1) as threads:
        alive = threads.submit(
            for_a_while,
            port,
            lambda _: Call("/healthz"),
            clients=1,
            until=lambda: time.monotonic() > end,
            pause=0.01,
        )
        return play(port, people, pause=0.5), alive.result()


@pytest.mark.parametrize("fault", WORDS, ids=WORDS.get)
def test_redis(fault, trial, whole, behind, proxy, twilio):
    rounds, clients, seconds = (5, 200, 5.0) if whole else (1, 40, 1.0)
    trial.did(
        f"{clients} clients sending and checking for {seconds:.0f} s while Redis"
        f" {WORDS[fault]}, and one that requests `/healthz`",
        promise="8",
        runs=rounds,
    )
    answers: list[Reply] = []
    healthz: list[Reply] = []
    back, sent, spent = [], 0, 0
    for n in range(rounds):
        live, phones = numbers(clients, n * 2_000), numbers(1_000, n * 2_000 + 1_000)
        share_out(behind.port, list(map(send, live)), 4)
        sent -= len(twilio.messages)
        proxy.break_by(fault)
        told, alive = crowd_of(seconds, behind.port, live, phones)
        answers, healthz = answers + told, healthz + alive
        sent += len(twilio.messages)
        proxy.heal()
        healed = time.monotonic()
        wrong = [check(one, different_code(twilio.code_to(one))) for one in live]
        after = [until(behind.port, call) for call in wrong]
        back.append(after[0].ended - healed)
        spent += sum(4 - int(reply.headers["otp-attempts-left"]) for reply in after)

    bad = [r for r in answers if r.status != 503 or r.headers.get("retry-after") != "1"]
    trial.tell("requests", len(answers))
    trial.at_most("other answers than 503 with Retry-After", len(bad), 0)
    # Two timeouts are 0.75 s; 200 clients on the cores of the service take the rest.
    trial.within("slowest answer", slowest(answers), 1.5)
    trial.within("slowest `/healthz`", slowest(healthz), 1)
    trial.at_most("messages sent", sent, 0)
    trial.tell("attempts used by checks without an answer", spent)
    trial.within("recovery after the fault", max(back), 2)


def digests(name):
    """How the script is called by its digest, in either of its spellings."""
    return [
        hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().encode()
        for text in (ALLOW_OOM_FLAG + load(name), load(name))
    ]


@pytest.mark.parametrize("loss", list(Loss), ids=lambda loss: loss.name.lower())
def test_an_answer_of_redis_is_lost_by(loss, trial, whole, behind, proxy, twilio):
    rounds = 20 if whole else 2
    trial.did(
        "the answer to OPEN, TAKE, ARM, CLAIM and APPROVE lost once each after it was"
        f" carried out, by {loss.name.lower()}, over a send, a wrong and a right check",
        promise="1, 2, 3",
        runs=rounds * 5,
    )
    all_at_once(behind.port, [send(numbers(1)[0]), check(numbers(1)[0], "000000")] * 9)
    unlike, paid, sent, slow = 0, [], [], 0.0
    for n, phone in enumerate(numbers(rounds * 5, first=1)):
        before = len(twilio.messages)
        for step in ["open", "take", "arm", "claim", "approve"][n % 5 :][:1]:
            proxy.lose_answers_to(digests(step), loss)
        replies = all_at_once(behind.port, [send(phone)])
        right = twilio.code_to(phone)
        for code in (different_code(right), right, right):
            replies += all_at_once(behind.port, [check(phone, code)])
        sent.append(len(twilio.messages) - before)
        paid.append(5 - int(replies[1].headers.get("otp-attempts-left", "0")))
        unlike += [reply.status for reply in replies] != [201, 201, 201, 404]
        unlike += not replies[2].approved
        slow = max(slow, slowest(replies))
        assert proxy.lost == n + 1

    trial.at_most("answers that differ from those without a loss", unlike, 0)
    trial.at_most("attempts used by one check", max(paid), 1)
    trial.at_most("messages of one send", max(sent), 1)
    trial.within("slowest answer", slow, 1.5)
