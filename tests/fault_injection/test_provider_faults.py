"""A provider that is slow, hangs, disconnects or sends an invalid answer."""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from otp_engine.app import MAX_CONCURRENT_SENDS
from tests.fault_injection.load import (
    all_at_once,
    check,
    numbers,
    play,
    send,
    share_out,
)
from tests.support import redis_server, twilio_server
from tests.support.fakes import different_code

WORKERS = 2
FAILURES = 5
PAUSE_SECONDS = 10
READ_SECONDS = 8
DRIP_SECONDS = 12


def drip(handler):
    """Answer as it should be, a byte a second."""
    handler.send_response(201)
    handler.send_header("Content-Length", "60")
    handler.end_headers()
    for _ in range(60):
        handler.wfile.write(b" ")
        if handler.twilio.let_go.wait(1):
            return


LONG = pytest.mark.whole
FAULTS = [
    pytest.param(twilio_server.refuse(429, 20429), {503}, 1, id="answers 429"),
    pytest.param(twilio_server.refuse(500), {504}, 1, id="answers 500"),
    pytest.param(twilio_server.refuse(503), {504}, 1, id="answers 503"),
    pytest.param(twilio_server.reset, {504}, 1, id="resets the connection"),
    pytest.param(
        twilio_server.garbage(201, "<html>"), {504}, 1, id="answers with garbage"
    ),
    pytest.param(twilio_server.hang, {504}, READ_SECONDS + 1, marks=LONG, id="hangs"),
    pytest.param(drip, {504}, DRIP_SECONDS + 1, marks=LONG, id="answers byte by byte"),
]


@pytest.mark.parametrize(("behave", "expected", "seconds"), FAULTS)
def test_the_provider(behave, expected, seconds, trial, whole, served_by, twilio):
    trial.did(
        "300 sends by 20 people, then sends until one is accepted again",
        promise="7; a circuit breaker",
    )
    served, phones = served_by(WORKERS), iter(numbers(100_000))
    twilio.behave = behave
    asked = [send(next(phones)) for _ in range(300)]
    replies = share_out(served.port, asked, 20)
    handed_over = len(twilio.messages)
    refused = [reply for reply in replies if reply.status == 503]
    others = [reply for reply in replies if reply.status not in expected | {503}]
    trial.at_most("other statuses", len(others), 0)
    # Who was on the way when the circuit opened is not called back.
    most = WORKERS * FAILURES + 20
    trial.at_most("sends that reached the provider", handed_over, most)
    trial.within("slowest answer", max(r.seconds for r in replies), seconds)
    waits = [int(reply.headers["retry-after"]) for reply in refused]
    trial.at_most("Retry-After while the circuit is open", max(waits), PAUSE_SECONDS)
    if whole:
        twilio.behave = twilio_server.accept
        healed = time.monotonic()
        redis_server.wait_until(
            lambda: all_at_once(served.port, [send(next(phones))])[0].status == 201
        )
        back = time.monotonic() - healed
        trial.within("recovery after the fault", back, PAUSE_SECONDS + seconds)
    each = Counter(message["To"] for message in twilio.messages)
    trial.at_most("messages of one send", max(each.values()), 1)


@pytest.mark.whole
def test_checks_while_the_provider_hangs(trial, served_by, twilio):
    """At the default cost of a hash, which is what a check takes its time for."""
    rounds = 5
    trial.did(
        "250 checks, then as many while 200 clients send to a provider that hangs: as"
        " many as the cap lets through wait, the others come back every second",
        promise="8",
        runs=rounds,
    )
    ratios, worst, most = [], 0.0, 0
    for n in range(rounds):
        served = served_by(WORKERS, OTP_ARGON2="owasp")
        phones = numbers(100, first=n * 10_000)
        share_out(served.port, list(map(send, phones)), 2)
        before, _ = p99(served, twilio, phones[:50])
        twilio.behave, over = twilio_server.hang, threading.Event()
        others = iter(numbers(9_000, first=n * 10_000 + 100))
        crowd = [patient(others, over) for _ in range(200)]
        enough = len(twilio.messages) + WORKERS * MAX_CONCURRENT_SENDS
        with ThreadPoolExecutor(1) as threads:
            threads.submit(play, served.port, crowd, pause=1, over=1)
            redis_server.wait_until(partial(twilio.has, enough))
            meanwhile, refused = p99(served, twilio, phones[50:])
            over.set()
            twilio.let_go.set()
        twilio.let_go, twilio.behave = threading.Event(), twilio_server.accept
        ratios.append(meanwhile / before)
        worst, most = max(worst, meanwhile), max(most, refused)
    trial.at_most("p99 of a check meanwhile, as a multiple", max(ratios), 2)
    trial.tell("the same, median of the runs", statistics.median(ratios))
    trial.tell("p99 of a check meanwhile", worst, " s")
    trial.at_most("checks rejected meanwhile", most, 0)


def patient(phones, over):
    """A client that requests a code until one is on the way."""
    for phone in phones:
        if over.is_set() or (yield send(phone)).status != 503:
            return


def p99(served, twilio, phones):
    """Seconds of the slowest but one in a hundred of 250 checks; and the refused."""
    codes = [different_code(twilio.code_to(phone)) for phone in phones]
    calls = [check(*typed) for typed in zip(phones, codes, strict=True)] * 5
    replies = share_out(served.port, calls, 2)
    seconds = [reply.seconds for reply in replies if reply.status == 201]
    return statistics.quantiles(seconds, n=100)[98], len(replies) - len(seconds)
