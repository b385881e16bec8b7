"""A provider that is slow, hangs, disconnects or sends an invalid response."""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from otp_engine.composition.capacity import MAX_CONCURRENT_SENDS
from tests.fault_injection.load import (
    check,
    numbers,
    run_in_parallel,
    run_in_shares,
    run_users,
    send,
)
from tests.support import redis_server, twilio_server
from tests.support.fakes import different_code

WORKERS = 2
FAILURES = 5
PAUSE_SECONDS = 10
RESPONSE_SECONDS = 8


def drip(handler):
    """Accept the message, with a byte of the response a second."""
    handler.send_response(201)
    handler.send_header("Content-Length", "60")
    handler.end_headers()
    for _ in range(60):
        handler.wfile.write(b" ")
        if handler.twilio.let_go.wait(1):
            return


LONG = pytest.mark.whole
FAULTS = [
    ("answers 429", twilio_server.refuse(429, 20429), {503}, 1),
    ("answers 500", twilio_server.refuse(500), {504}, 1),
    ("answers 503", twilio_server.refuse(503), {504}, 1),
    ("resets the connection", twilio_server.reset, {504}, 1),
    ("answers with garbage", twilio_server.garbage(201, "<html>"), {504}, 1),
    pytest.param("hangs", twilio_server.hang, {504}, RESPONSE_SECONDS + 1, marks=LONG),
    pytest.param("answers byte by byte", drip, {504}, RESPONSE_SECONDS + 1, marks=LONG),
]


@pytest.mark.parametrize(("fault", "behave", "expected", "seconds"), FAULTS)
def test_provider_fault_opens_breaker_and_repeats_no_message(
    fault, behave, expected, seconds, trial, whole, start_service, twilio
):
    trial.describe(
        f"The provider {fault}",
        "300 sends by 20 people, then sends until one is accepted again",
        promise="7; a circuit breaker",
    )
    served, phones = start_service(WORKERS), iter(numbers(100_000))
    twilio.behave = behave
    calls = [send(next(phones)) for _ in range(300)]
    replies = run_in_shares(served.port, calls, 20)
    handed_over = len(twilio.messages)
    refused = [reply for reply in replies if reply.status == 503]
    others = [reply for reply in replies if reply.status not in expected | {503}]
    trial.at_most("other statuses", len(others), 0)
    # Sends in flight when the breaker opens still reach the provider.
    most = WORKERS * FAILURES + 20
    trial.at_most("sends that reached the provider", handed_over, most)
    trial.within("slowest answer", max(r.seconds for r in replies), seconds)
    waits = [int(reply.headers["retry-after"]) for reply in refused]
    trial.at_most("Retry-After while the circuit is open", max(waits), PAUSE_SECONDS)
    if whole:
        twilio.behave = twilio_server.accept
        healed = time.monotonic()
        redis_server.wait_until(
            lambda: run_in_parallel(served.port, [send(next(phones))])[0].status == 201
        )
        back = time.monotonic() - healed
        trial.within("recovery after the fault", back, PAUSE_SECONDS + seconds)
    each = Counter(message["To"] for message in twilio.messages)
    trial.at_most("messages of one send", max(each.values()), 1)


@pytest.mark.whole
def test_hanging_provider_does_not_slow_checks(trial, start_service, twilio):
    rounds = 5
    trial.describe(
        "Checks while the provider hangs",
        "250 checks, then as many while 200 clients send to a provider that hangs: as"
        " many as the cap lets through wait, the others come back every second",
        promise="8",
        runs=rounds,
    )
    ratios, worst, most = [], 0.0, 0
    for n in range(rounds):
        served = start_service(WORKERS, OTP_ARGON2="owasp")
        phones = numbers(100, first=n * 10_000)
        run_in_shares(served.port, list(map(send, phones)), 2)
        before, _ = p99(served, twilio, phones[:50])
        twilio.behave, over = twilio_server.hang, threading.Event()
        others = iter(numbers(9_000, first=n * 10_000 + 100))
        users = [patient(others, over) for _ in range(200)]
        enough = len(twilio.messages) + WORKERS * MAX_CONCURRENT_SENDS
        with ThreadPoolExecutor(1) as threads:
            threads.submit(run_users, served.port, users, pause=1, ramp_up=1)
            redis_server.wait_until(partial(twilio.has, enough))
            meanwhile, refused = p99(served, twilio, phones[50:])
            over.set()
            twilio.let_go.set()
        twilio.let_go, twilio.behave = threading.Event(), twilio_server.accept
        ratios.append(meanwhile / before)
        worst, most = max(worst, meanwhile), max(most, refused)
    trial.at_most("p99 of a check meanwhile, as a multiple", max(ratios), 2)
    trial.record("the same, median of the runs", statistics.median(ratios))
    trial.record("p99 of a check meanwhile", worst, " s")
    trial.at_most("checks rejected meanwhile", most, 0)


def patient(phones, over):
    """Yield requests for a code until one is not answered with 503."""
    for phone in phones:
        if over.is_set() or (yield send(phone)).status != 503:
            return


def p99(served, twilio, phones):
    """Return the p99 of 250 checks in seconds, and the number of rejected ones."""
    codes = [different_code(twilio.code_to(phone)) for phone in phones]
    calls = [check(*typed) for typed in zip(phones, codes, strict=True)] * 5
    replies = run_in_shares(served.port, calls, 2)
    seconds = [reply.seconds for reply in replies if reply.status == 201]
    return statistics.quantiles(seconds, n=100)[98], len(replies) - len(seconds)
