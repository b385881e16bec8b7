"""The whole service as it is run: two workers, a real Redis, and a Twilio that is not.

Requests go to whichever worker takes them, so what they share they share in Redis.
"""

from __future__ import annotations

import http.client
import json
import select
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
import redis

from tests import processes, servers, twilio_server
from tests.fakes import code_in, other_than
from tests.fault_injection import raw_http

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PHONE = {"phone": "9445012345"}


@pytest.fixture
def environ(quick):
    return quick | {
        "OTP_RESEND_COOLDOWN": "0s",
        "OTP_SENDS_TOTAL": "off",
        # The SDK would otherwise put these into the host it sends to.
        "TWILIO_REGION": "elsewhere",
        "TWILIO_EDGE": "far",
    }


@pytest.fixture
def served(environ):
    with processes.serving("--workers", "2", **environ) as served:
        yield served


@pytest.mark.smoke
def test_a_code_goes_out_and_comes_back(served, twilio):
    sent = served.post("/auth/send_otp", PHONE, **KEY)
    code = code_in(twilio.messages[0]["Body"])
    wrong = served.post("/auth/verify_otp", PHONE | {"otp": other_than(code)}, **KEY)
    right = served.post("/auth/verify_otp", PHONE | {"otp": code}, **KEY)
    again = served.post("/auth/verify_otp", PHONE | {"otp": code}, **KEY)

    answers = [(answer.status, answer.body) for answer in (sent, wrong, right)]
    assert answers == [
        (201, {"message": "OTP sent successfully.", "VerificationStatus": "pending"}),
        (201, {"VerificationStatus": "pending"}),
        (201, {"VerificationStatus": "approved"}),
    ]
    assert again.status == 404
    assert twilio.messages[0]["To"] == "+919445012345"


def test_the_start_warns_of_a_redis_that_could_forget(served):
    assert any("Redis forgets at a restart" in line for line in served.stderr)


def test_across_workers_one_right_answer_is_approved(served, twilio):
    served.post("/auth/send_otp", PHONE, **KEY)
    body = PHONE | {"otp": code_in(twilio.messages[0]["Body"])}
    with ThreadPoolExecutor(16) as threads:
        answers = list(
            threads.map(
                lambda _: served.post("/auth/verify_otp", body, **KEY), range(16)
            )
        )

    approved = [answer for answer in answers if answer.body.get("VerificationStatus")]
    assert [answer.body for answer in approved] == [{"VerificationStatus": "approved"}]
    assert {answer.status for answer in answers} <= {201, 404, 429, 503}


def test_across_workers_no_limit_is_overshot(served, twilio):
    with ThreadPoolExecutor(16) as threads:
        answers = list(
            threads.map(
                lambda _: served.post("/auth/send_otp", PHONE, **KEY), range(32)
            )
        )

    statuses = [answer.status for answer in answers]
    assert len(twilio.messages) == statuses.count(201) <= 5
    assert set(statuses) <= {201, 429, 503}


def test_every_log_line_is_json_and_holds_no_secret(served, twilio):
    served.post("/auth/send_otp", PHONE, **KEY)
    code = code_in(twilio.messages[0]["Body"])
    served.post("/auth/verify_otp", PHONE | {"otp": code}, **KEY)
    served.get(f"/auth/{code}/9445012345?otp={code}")
    servers.wait_until(
        lambda: sum("otp_engine.access" in x for x in served.stderr) == 3
    )

    for line in served.stderr + served.stdout:
        json.loads(line)
        assert code not in line
        assert "9445012345" not in line
        assert "shop-secret" not in line
    assert any("+91******2345" in line for line in served.stderr)


def test_a_redis_that_has_gone_is_503_and_sends_nothing(
    served, twilio, tmp_path, environ
):
    redis.Redis.from_url(environ["REDIS_URL"]).shutdown(nosave=True)

    for path in ("/auth/send_otp", "/auth/verify_otp"):
        began = time.monotonic()
        answer = served.post(path, PHONE | {"otp": "123456"}, **KEY)
        assert (answer.status, answer.body["error"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "1"
        assert time.monotonic() - began < 1
    assert twilio.messages == []
    assert served.get("/healthz").status == 200
    assert served.get("/readyz").status == 503


def test_while_the_carrier_hangs_codes_are_checked_as_ever(served, twilio):
    served.post("/auth/send_otp", PHONE, **KEY)
    code = code_in(twilio.messages[0]["Body"])
    twilio.behave = twilio_server.hang
    hanging = [
        threading.Thread(
            target=served.post,
            args=("/auth/send_otp", {"phone": f"94451{n:05}"}),
            kwargs=KEY,
        )
        for n in range(80)
    ]
    for thread in hanging:
        thread.start()

    def settled():
        refused = sum('"status": 503' in line for line in served.stderr)
        return len(twilio.messages) + refused == 81

    servers.wait_until(settled)
    began = time.monotonic()
    answer = served.post("/auth/verify_otp", PHONE | {"otp": code}, **KEY)

    assert answer.body == {"VerificationStatus": "approved"}
    assert time.monotonic() - began < 2
    twilio.let_go.set()
    for thread in hanging:
        thread.join()


def test_a_stop_answers_the_requests_in_flight_first(served, twilio):
    """The carrier is held up until the stop has been asked for."""

    def slowly(handler):
        twilio.let_go.wait(10)
        handler.accept()

    twilio.behave = slowly
    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(served.post, "/auth/send_otp", PHONE, **KEY)
        servers.wait_until(lambda: len(twilio.messages) == 1)
        served.process.send_signal(signal.SIGTERM)
        servers.wait_until(lambda: any("Shutting down" in x for x in served.stderr))
        twilio.let_go.set()

        assert sending.result().status == 201
    assert served.process.wait(15) == 0


def test_dev_mode_needs_nothing_and_prints_the_code():
    with processes.serving("--dev") as served:
        sent = served.post("/auth/send_otp", PHONE)
        servers.wait_until(lambda: len(served.stdout) > 0)
        line = served.stdout[0]
        code = code_in(line.partition(": ")[2])
        checked = served.post("/auth/verify_otp", PHONE | {"otp": code})

    assert sent.status == 201
    assert line.startswith("SMS to +91******2345: ")
    assert checked.body == {"VerificationStatus": "approved"}


@pytest.mark.parametrize(
    "framing", ["Content-Length: 60", "Transfer-Encoding: chunked"]
)
def test_a_form_that_broke_off_is_not_taken_for_a_whole_one(served, twilio, framing):
    form = "phone=%2B919445012345"
    body = form if "Length" in framing else f"{len(form):x}\r\n{form}\r\nZZ\r\n"
    lines = [
        *("POST /auth/send_otp HTTP/1.1", "Host: localhost", framing),
        "Content-Type: application/x-www-form-urlencoded",
        f"Authorization: {KEY['Authorization']}",
    ]
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    servers.wait_until(lambda: any("otp_engine.access" in x for x in served.stderr))

    assert twilio.messages == []


def test_an_anonymous_caller_is_counted_by_the_address_it_comes_from():
    with processes.serving("--dev", OTP_SENDS_PER_IP="1/1h") as served:
        first = served.post("/auth/send_otp", PHONE)
        second = served.post("/auth/send_otp", {"phone": "9445067890"})

    assert (first.status, second.status) == (201, 429)
    assert second.headers["retry-after"] == "3600"


def test_a_chunked_body_over_the_limit_is_413(served):
    """No Content-Length announces it, so it has to be counted as it comes."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    kind = {"Content-Type": "application/json"}
    chunks = [b'{"phone": "9445012345"}', *[b" " * 4096] * 4]
    with closing(connection):
        connection.request("POST", "/auth/send_otp", chunks, kind | KEY)
        answer = connection.getresponse()
        answer.read()

    assert answer.status == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Content-Length: 400"], 401),
        (["Content-Length: 400", "X-Twilio-Signature: x"], 401),
        (["X-Twilio-Signature: " + "x" * 27 + "="], 400),
    ],
)
def test_a_report_is_refused_while_its_body_is_held_back(environ, headers, status):
    public = environ | {"OTP_PUBLIC_URL": "https://otp.example.com"}
    lines = [
        *("POST /callbacks/twilio HTTP/1.1", "Host: localhost", *headers),
        "Content-Type: application/x-www-form-urlencoded",
    ]
    if status == 400:
        lines.append("Transfer-Encoding: chunked")
    with (
        processes.serving("--workers", "1", **public) as served,
        socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection,
    ):
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = connection.recv(4096).decode()

    assert answer.startswith(f"HTTP/1.1 {status} ")


def test_slow_reports_hold_four_threads_of_a_worker(environ):
    public = environ | {"OTP_PUBLIC_URL": "https://otp.example.com"}
    form = "Content-Type: application/x-www-form-urlencoded"
    signature = f"X-Twilio-Signature: {'x' * 27}="
    report = raw_http.posted("/callbacks/twilio", b"x" * 4000, form, signature)
    with processes.serving("--workers", "1", **public) as served:
        with ExitStack() as stack:
            reports = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                for port in [served.port] * 80
            ]
            for connection in reports:
                connection.sendall(report[:-1])
            servers.wait_until(lambda: len(reports) - len(answered(reports)) == 4)
            heads = {
                one.recv(4096).partition(b"\r\n\r\n")[0] for one in answered(reports)
            }
            health = served.get("/healthz")
        # The places are free again, so the signature is what is refused.
        servers.wait_until(lambda: raw_http.say(served.port, report).status == 401)

    assert health.status == 200
    assert all(head.startswith(b"HTTP/1.1 503 ") for head in heads)
    assert all(b"\r\nretry-after: 1" in head.lower() for head in heads)


def answered(connections):
    """Those of *connections* that have an answer to read."""
    return select.select(connections, [], [], 0)[0]
