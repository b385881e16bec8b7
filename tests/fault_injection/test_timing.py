"""The content and the time of a response reveal nothing about codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from statistics import median

import pytest
import redis

from tests.fault_injection import raw_http
from tests.fault_injection.load import numbers
from tests.support import redis_server, server_process
from tests.support.fakes import extract_code

SEND, VERIFY = "/auth/send_otp", "/auth/verify_otp"
CODE = "000000"
# Each kind of request has phones of its own.
PHONES_APART = 1_000_000

Bodies = Mapping[str, dict[str, str]]


@pytest.fixture
def served(environ):
    environ |= {
        "OTP_RESEND_COOLDOWN": "0s",
        "OTP_MAX_CHECKS": "100",
        "OTP_FAILED_CHECKS_PER_PHONE": "100000/1h",
    }
    with server_process.running_server("--workers", "2", **environ) as served:
        yield served


@pytest.fixture
def times(whole):
    """Return the number of requests of each kind."""
    return 5_000 if whole else 100


def send(served, twilio, phone):
    """Send to *phone*, and return the code."""
    assert raw_http.post_json(served.port, SEND, {"phone": phone}).status == 201
    return extract_code(twilio.messages[-1]["Body"])


def compare(trial, whole, served, path: str, rounds: Iterator[Bodies]):
    """Request each kind in turn, so that other work delays all kinds alike."""
    took: dict[str, list[float]] = {}
    looks = set()
    for n, bodies in enumerate(rounds):
        kinds = list(bodies)
        first = n % len(kinds)
        for kind in kinds[first:] + kinds[:first]:
            response = raw_http.post_json(served.port, path, bodies[kind])
            looks.add((response.status, response.body, response.names))
            took.setdefault(kind, []).append(response.seconds * 1000)

    trial.at_most("answers that look different", len(looks), 1)
    if whole:
        for kind, other in combinations(took, 2):
            apart = abs(median(took[kind]) - median(took[other]))
            trial.at_most(f"medians of {kind} and {other} apart", apart, 1, " ms")
        trial.record("slowest median", max(map(median, took.values())), " ms")


def test_missing_expired_and_used_codes_have_same_response(
    trial, whole, times, served, twilio, own_redis
):
    trial.describe(
        "Phones without code and with expired or used code",
        f"{times:,} checks each at phones without a code, with an expired code"
        " and with a used code, in turn",
        promise="an answer does not reveal whether a code was sent or correct",
    )
    unknown, expired, used = (numbers(times, first=n * PHONES_APART) for n in range(3))

    def rounds():
        few = 50
        with redis.Redis.from_url(own_redis.url) as client:
            for at in range(0, times, few):
                for phone in used[at : at + few]:
                    code = send(served, twilio, phone)
                    body = {"phone": phone, "otp": code}
                    raw_http.post_json(served.port, VERIFY, body)
                for phone in expired[at : at + few]:
                    send(served, twilio, phone)
                expire_all(client)
                for n in range(at, at + few):
                    kinds = {"unknown": unknown, "expired": expired, "used": used}
                    yield {
                        kind: {"phone": phones[n], "otp": CODE}
                        for kind, phones in kinds.items()
                    }

    compare(trial, whole, served, VERIFY, rounds())


def expire_all(client):
    """Expire every verification now."""

    def alive():
        return list(client.scan_iter("otp:*:verification"))

    for key in alive():
        client.pexpire(key, 1)
    redis_server.wait_until(lambda: not alive())


def test_wrong_codes_have_same_response_with_any_correct_digits(
    trial, whole, times, served, twilio
):
    trial.describe(
        "Wrong codes with no and with most digits correct",
        f"{times:,} wrong codes each that share no digit with the right one and all but"
        " the last, in turn",
        promise="an answer does not reveal how wrong a code was",
    )
    per_phone = 50

    def rounds():
        for phone in numbers(times // per_phone):
            code = send(served, twilio, phone)
            last = (int(code[-1]) + 1) % 10
            far = "".join(str((int(digit) + 5) % 10) for digit in code)
            kinds = {"far": far, "near": f"{code[:-1]}{last}"}
            for _ in range(per_phone):
                yield {
                    kind: {"phone": phone, "otp": otp} for kind, otp in kinds.items()
                }

    compare(trial, whole, served, VERIFY, rounds())


def test_sends_have_same_response_with_and_without_pending_code(
    trial, whole, times, served, twilio
):
    trial.describe(
        "Sends with and without a pending code",
        f"{times:,} sends each to phones with a pending code and without, in turn",
        promise="an answer does not reveal whether a code is pending",
    )

    def rounds():
        pending, *phones = numbers(times + 1)
        send(served, twilio, pending)
        for phone in phones:
            yield {"without": {"phone": phone}, "pending": {"phone": pending}}
            pending = phone

    compare(trial, whole, served, SEND, rounds())
