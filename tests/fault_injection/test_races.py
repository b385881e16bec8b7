"""Parallel requests to several workers."""

from __future__ import annotations

import secrets
from collections import Counter

import pytest

from tests.fault_injection.load import (
    check,
    numbers,
    retry_while_overloaded,
    run_in_parallel,
    send,
)
from tests.support import server_process
from tests.support.fakes import different_code, extract_code


@pytest.fixture
def served(environ):
    with server_process.running_server("--workers", "4", **environ) as served:
        yield served


def codes_by_phone(twilio):
    return {message["To"]: extract_code(message["Body"]) for message in twilio.messages}


def send_from_own_addresses(served, n, phones):
    """Send to each of *phones*, eight at a time, each from its own address."""
    few = 8
    for at in range(0, len(phones), few):
        calls = [
            send(phone, client_ip=f"10.{n}.{at // few}.{m}")
            for m, phone in enumerate(phones[at : at + few])
        ]
        yield from run_in_parallel(served.port, calls)


def test_parallel_checks_use_at_most_five_attempts(trial, whole, served, twilio):
    rounds = 50 if whole else 3
    trial.describe(
        "Parallel checks",
        "1,000 parallel checks over 4 workers, one right code among them",
        promise="1, 2",
        runs=rounds,
    )
    compared, approved, failed = [], [], 0
    for phone in numbers(rounds):
        assert run_in_parallel(served.port, [send(phone)])[0].status == 201
        right = codes_by_phone(twilio)[phone]
        wrong = [check(phone, different_code(right)) for _ in range(999)]
        wrong.insert(secrets.randbelow(1_000), check(phone, right))
        replies = run_in_parallel(served.port, wrong)
        compared.append(sum(reply.approved or reply.failed_check for reply in replies))
        approved.append(sum(reply.approved for reply in replies))
        failed += sum(reply.status not in {201, 404, 429, 503} for reply in replies)

    trial.at_most("attempts counted", max(compared), 5)
    trial.at_least("attempts counted, fewest", min(compared), 1)
    trial.at_most("approvals", max(approved), 1)
    trial.at_most("500s and lost connections", failed, 0)


def test_parallel_correct_checks_are_approved_once(trial, whole, served, twilio):
    rounds = 200 if whole else 10
    trial.describe(
        "Parallel correct checks",
        "200 parallel checks of the right code",
        promise="1",
        runs=rounds,
    )
    approved, failed = [], 0
    for phone in numbers(rounds):
        run_in_parallel(served.port, [send(phone)])
        right = codes_by_phone(twilio)[phone]
        replies = run_in_parallel(served.port, [check(phone, right)] * 200)
        approved.append(sum(reply.approved for reply in replies))
        failed += sum(reply.status not in {201, 404, 429, 503} for reply in replies)

    trial.at_most("approvals, most", max(approved), 1)
    trial.at_least("approvals, fewest", min(approved), 1)
    trial.at_most("500s and lost connections", failed, 0)


def test_resends_add_no_attempts(trial, environ, twilio):
    trial.describe(
        "Failed checks across resends",
        "20 re-sends and 5 failed checks after each, at one phone",
        promise="2",
        runs=1,
    )
    environ |= {"OTP_RESEND_COOLDOWN": "0s", "OTP_SENDS_PER_PHONE": "off"}
    phone, replies = numbers(1)[0], []
    with server_process.running_server("--workers", "4", **environ) as served:
        for _ in range(20):
            run_in_parallel(served.port, [send(phone)])
            wrong = different_code(*codes_by_phone(twilio).values())
            replies += run_in_parallel(served.port, [check(phone, wrong)] * 5)

    trial.at_most("attempts counted", sum(reply.failed_check for reply in replies), 5)
    refused = [reply for reply in replies if not reply.failed_check]
    trial.at_most(
        "other answers than 429",
        sum(reply.status != 429 for reply in refused),
        0,
    )


def test_parallel_sends_to_one_phone_send_one_message(trial, whole, served, twilio):
    rounds = 20 if whole else 2
    trial.describe(
        "Parallel sends to one phone",
        "500 parallel sends to one phone",
        promise="3",
        runs=rounds,
    )
    sent, waits = [], []
    for phone in numbers(rounds):
        before = len(twilio.messages)
        replies = run_in_parallel(served.port, [send(phone)] * 500)
        sent.append(len(twilio.messages) - before)
        assert {reply.status for reply in replies} <= {201, 429, 503}
        waits += [
            int(reply.headers["retry-after"])
            for reply in replies
            if reply.status == 429
        ]

    trial.at_most("messages accepted by the provider", max(sent), 1)
    trial.at_least("messages accepted by the provider, where fewest", min(sent), 1)
    trial.at_most("Retry-After of a rejection", max(waits), 30, " s")


def test_parallel_sends_from_one_address_stay_within_limit(
    trial, whole, environ, twilio
):
    rounds = 20 if whole else 2
    trial.describe(
        "Parallel sends from one address",
        "500 parallel sends to 500 phones from one address (limit 20/10m), then one to"
        " each phone from other addresses",
        promise="3; a refused request charges no limit",
        runs=rounds,
    )
    # With one send a phone, a rejected send that stays counted prevents the next one.
    environ |= {"OTP_SENDS_PER_PHONE": "1/1h", "OTP_SENDS_PER_IP": "20/10m"}
    # A send stays counted if Redis times out at its release.
    environ |= {"OTP_REDIS_TIMEOUT": "10000ms"}
    sent, charged = [], 0
    with server_process.running_server("--workers", "4", **environ) as served:
        for n in range(rounds):
            phones, before = numbers(500, first=n * 500), len(twilio.messages)
            calls = [send(phone, client_ip=f"198.51.100.{n}") for phone in phones]
            replies = retry_while_overloaded(served.port, calls)
            sent.append(len(twilio.messages) - before)
            refused = [r.call.phone for r in replies if r.status != 201]
            charged += sum(
                r.status == 429 for r in send_from_own_addresses(served, n, refused)
            )

    trial.at_most("messages accepted by the provider", max(sent), 20)
    trial.at_least("messages accepted by the provider, where fewest", min(sent), 20)
    trial.at_most("rejected sends that counted against their phone", charged, 0)
    each = Counter(message["To"] for message in twilio.messages)
    trial.at_most("messages to one phone", max(each.values()), 1)
