"""Clients that attack, or that are faulty."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest

from tests.fault_injection import (
    buffering_proxy,
    injections,
    malformed_bodies,
    raw_http,
    unicode_cases,
)
from tests.fault_injection.load import Call, run_clients
from tests.fault_injection.memory import resident_mib
from tests.fault_injection.slow_clients import slow_clients
from tests.support import redis_server, server_process, twilio_server
from tests.support.fakes import different_code, extract_code

WORKERS = ("--workers", "2")
SEND, VERIFY = malformed_bodies.PATHS
PHONE = {"phone": unicode_cases.PHONE}


@pytest.fixture
def served(environ):
    with server_process.running_server(*WORKERS, **environ) as served:
        yield served


def health(port, seconds):
    """Request `/healthz` from four clients, and return the replies."""
    end = time.monotonic() + seconds
    return run_clients(
        port,
        lambda _: Call("/healthz"),
        clients=4,
        until=lambda: time.monotonic() > end,
        pause=0.02,
    )


def p99(replies):
    """Return the 99th percentile of the times of *replies*, in milliseconds."""
    times = sorted(reply.seconds for reply in replies)
    return times[len(times) * 99 // 100] * 1000


def unanswered(replies):
    return sum(reply.status != 200 for reply in replies)


def test_slow_clients_do_not_delay_other_clients_of_proxy(
    trial, whole, environ, tmp_path
):
    each, seconds = (300, 60) if whole else (40, 2)
    trial.describe(
        "Slow clients of the proxy",
        f"{each} clients with slow headers and {each} with slow bodies, a byte a second"
        f" for {seconds} s, at nginx with `deploy/proxy/nginx.conf`"
        + (f"; then for {seconds // 4} s without nginx" if whole else ""),
        promise="slow clients delay no other client",
    )
    environ |= {"OTP_TRUSTED_PROXIES": "1"}
    with (
        server_process.running_server(*WORKERS, **environ) as served,
        buffering_proxy.in_front_of(served.port, tmp_path) as port,
    ):
        with slow_clients(port, headers=each, bodies=each, source="127.0.0.2") as slow:
            redis_server.wait_until(
                lambda: slow.connected + slow.disconnects >= 2 * each
            )
            with_proxy = health(port, seconds)
        if whole:
            with slow_clients(served.port, headers=each, bodies=each) as slow:
                redis_server.wait_until(lambda: slow.connected >= each)
                without_proxy = health(served.port, seconds // 4)
            trial.record("p99 of /healthz without nginx", p99(without_proxy), " ms")

    trial.at_most("/healthz without its answer", unanswered(with_proxy), 0)
    if whole:
        trial.at_most("p99 of /healthz through nginx", p99(with_proxy), 250, " ms")


def invalid_sends_from(source, proxy, seconds):
    """POST requests from *source*; yield whether each response is the service's."""
    body = json.dumps({"phone": "1"}).encode()
    request = raw_http.encode_post(SEND, body, "Content-Type: application/json")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        response = raw_http.exchange(proxy, request, source=source)
        yield response.status == 400 and response.error == "invalid_phone"


def test_slow_bodies_of_one_address_leave_connections_for_others(
    trial, whole, environ, tmp_path
):
    sockets, connections, seconds = (1_000, 800, 30) if whole else (400, 320, 2)
    trial.describe(
        "Slow bodies from one address",
        f"{sockets:,} sockets of one address with slow bodies, a byte a second, at"
        f" nginx with `deploy/proxy/nginx.conf` and {connections} connections in all;"
        " each connects, and returns when disconnected, after 1 to 3 s; 10 other"
        f" addresses POST, one request after the other, for {seconds} s",
        promise="one address does not use up the connections of the proxy",
    )
    environ |= {"OTP_TRUSTED_PROXIES": "1"}
    changes = {
        "worker_processes auto;": "worker_processes 1;",
        "worker_connections 4096;": f"worker_connections {connections};",
    }
    with (
        server_process.running_server(*WORKERS, **environ) as served,
        buffering_proxy.in_front_of(served.port, tmp_path, changes=changes) as proxy,
        slow_clients(proxy, bodies=sockets, source="127.0.0.2", pause=2) as slow,
        ThreadPoolExecutor(10) as pool,
    ):
        redis_server.wait_until(lambda: slow.connected + slow.disconnects >= sockets)
        others = [
            pool.submit(
                lambda n: [*invalid_sends_from(f"127.0.0.{n}", proxy, seconds)], n
            )
            for n in range(10, 20)
        ]
        answered = [other.result() for other in others]

    requests = [*chain.from_iterable(answered)]
    trial.record("requests of the other addresses", len(requests))
    trial.at_most("requests without the service's answer", requests.count(False), 0)
    all_answered = sum(bool(results) and all(results) for results in answered)
    trial.at_least("addresses with every answer", all_answered, 10)


def test_malformed_bodies_are_4xx_and_use_little_memory(trial, whole, served, twilio):
    requests = [*malformed_bodies.requests(), *malformed_bodies.gzip_bombs()]
    warm, rounds = (60, 200) if whole else (3, 3)
    trial.describe(
        "Large and malformed bodies",
        f"{len(requests)} requests that are too big, too deep, of the wrong type or"
        " coding, packed or broken, over and over; each one's time is the best of"
        " three, for other things run on the machine",
        promise="bad input costs little",
        runs=rounds,
    )
    took: dict[str, list[float]] = {name: [] for name, _ in requests}
    other, before = set(), 0.0
    for n in range(warm + rounds):
        if n == warm:
            before = resident_mib(served)
        for name, request in requests:
            response = raw_http.exchange(served.port, request)
            if not 400 <= response.status < 500:
                other.add((name, response.status))
            took[name].append(response.seconds)
    grown = resident_mib(served) - before

    trial.at_most("answers other than 4xx", len(other), 0)
    trial.at_most("messages sent", len(twilio.messages), 0)
    trial.at_most("memory grown", grown, 8, " MiB")
    if whole:
        slowest = max(min(times[-3:]) for times in took.values())
        trial.at_most("slowest, at its best of three", slowest * 1000, 50, " ms")
    assert other == set()


def not_rejected(served, path, error, cases):
    """Yield a description of each of *cases* that is not rejected with *error*."""
    for name, fields in cases:
        response = raw_http.post_json(served.port, path, fields)
        if (response.status, response.error) != (400, error):
            yield f"{path}: {name}: {response.status} {response.body!r}"


def accepted_look_alikes(served, twilio):
    """Return the look-alikes that one verification accepted, and its code."""
    phones = [(name, {"phone": x}) for name, x in unicode_cases.invalid_phones()]
    accepted = [*not_rejected(served, SEND, "invalid_phone", phones)]
    raw_http.post_json(served.port, SEND, PHONE)
    code = extract_code(twilio.messages[-1]["Body"])
    phones = [(name, fields | {"otp": code}) for name, fields in phones]
    accepted += not_rejected(served, VERIFY, "invalid_phone", phones)
    codes = [
        (name, PHONE | {"otp": x}) for name, x in unicode_cases.invalid_codes(code)
    ]
    accepted += not_rejected(served, VERIFY, "invalid_code", codes)
    values: list[object] = [int(code), [code], {}, True]
    others = [(f"{x!r}", PHONE | {"otp": x}) for x in values]
    accepted += not_rejected(served, VERIFY, "invalid_request", others)
    return accepted, code


def rejected_spellings(served, twilio):
    """Send to every spelling of the phone, and check each code in another spelling."""
    count = len(list(unicode_cases.valid_codes("123456")))
    for n, (name, phone) in enumerate(unicode_cases.valid_phones()):
        raw_http.post_json(served.port, SEND, {"phone": phone})
        code = extract_code(twilio.messages[-1]["Body"])
        spelling, otp = list(unicode_cases.valid_codes(code))[n % count]
        body = {"phone": phone, "otp": otp}
        response = raw_http.post_json(served.port, VERIFY, body).json
        if response != {"VerificationStatus": "approved"}:
            yield f"{name}, {spelling}: {response}"


def test_look_alike_digits_are_rejected(trial, environ, twilio):
    trial.describe(
        "Look-alike digits",
        "superscripts, circled digits, controls, `tel:`, extensions, 15 and 16 digits,"
        " codes as numbers; then every spelling that the API accepts, with digits of"
        " other scripts and invisible marks",
        promise="one number has one form",
    )
    environ |= {"OTP_RESEND_COOLDOWN": "0s", "OTP_SENDS_PER_PHONE": "off"}
    with server_process.running_server(*WORKERS, **environ) as served:
        accepted, code = accepted_look_alikes(served, twilio)
        sent = len(twilio.messages)
        wrong = raw_http.post_json(
            served.port, VERIFY, PHONE | {"otp": different_code(code)}
        )
        rejected = [*rejected_spellings(served, twilio)]

    trial.at_most("look-alikes accepted", len(accepted), 0)
    trial.at_most("messages to them", sent - 1, 0)
    left = int(dict(wrong.headers)["otp-attempts-left"])
    trial.at_least("attempts remaining after them and a failed check", left, 4)
    trial.at_most("allowed spellings rejected", len(rejected), 0)
    assert accepted + rejected == []
    assert {message["To"] for message in twilio.messages} == {PHONE["phone"]}


def test_injected_text_adds_no_header_and_no_log_line(trial, served, twilio):
    raw_http.post_json(served.port, SEND, PHONE)
    code, secret = extract_code(twilio.messages[-1]["Body"]), "shop-secret-0123456789"
    requests = [*injections.requests("9445012345", code, secret)]
    trial.describe(
        "Injected headers and log lines",
        f"{len(requests)} raw requests with line ends, NUL, ESC, JSON, a phone number,"
        " a code and a key in header names and values, methods, paths, queries and"
        " fields",
        promise="5",
    )
    response = [raw_http.exchange(served.port, request) for request in requests]
    last = "feedfacefeedface"
    raw_http.post(served.port, "/", b"", f"X-Request-Id: {last}")
    redis_server.wait_until(lambda: any(last in x for x in served.stderr))

    lines = served.stderr + served.stdout
    secrets = (code, secret, twilio_server.TOKEN, "9445012345")
    count_unexpected = {
        name for h in response for name in h.names
    } - injections.DEFINED_HEADERS
    trial.at_most("headers that the service does not define", len(count_unexpected), 0)
    trial.at_most("500s", sum(h.status >= 500 for h in response), 0)
    trial.at_most("lines that are not a JSON object", sum(map(is_no_object, lines)), 0)
    revealing = [line for line in lines if any(word in line for word in secrets)]
    trial.at_most("lines with a number, a code or a secret", len(revealing), 0)
    assert (count_unexpected, revealing) == (set(), [])


def is_no_object(line):
    try:
        return not isinstance(json.loads(line), dict)
    except ValueError:
        return True
