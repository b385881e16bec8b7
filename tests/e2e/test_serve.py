"""The whole service: two workers, a real Redis, and a server in Twilio's place.

Either worker may take a request, so both must find their state in Redis.
"""

from __future__ import annotations

import http.client
import json
import re
import select
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest
import redis

from otp_engine.store.keys import EVENTS
from tests.fault_injection import raw_http
from tests.support import redis_server, server_process, twilio_server
from tests.support.fakes import different_code, extract_code

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PHONE = {"phone": "9445012345"}
LIMITS = {
    "OTP_RESEND_COOLDOWN": "0s",
    "OTP_SENDS_TOTAL": "off",
    # The SDK would otherwise put these into the host that it sends to.
    "TWILIO_REGION": "elsewhere",
    "TWILIO_EDGE": "far",
}


@pytest.fixture(scope="module")
def shared_server(shared_environ):
    with server_process.running_server(
        "--workers", "2", **shared_environ | LIMITS
    ) as server:
        yield server


@pytest.fixture
def server(shared_server, empty_redis, twilio):
    return shared_server


@pytest.fixture(scope="module")
def shared_public_server(shared_environ):
    environ = shared_environ | {"OTP_PUBLIC_URL": "https://otp.example.com"}
    with server_process.running_server("--workers", "1", **environ) as server:
        yield server


@pytest.fixture
def own_server(own_environ):
    """A server that a test may damage."""
    with server_process.running_server(
        "--workers", "2", **own_environ | LIMITS
    ) as server:
        yield server


def request_lines(server):
    return [line for line in server.stderr if "otp_engine.access" in line]


@pytest.mark.smoke
def test_sent_code_is_approved_once(server, twilio):
    sent = server.post("/auth/send_otp", PHONE, **KEY)
    code = extract_code(twilio.messages[0]["Body"])
    wrong = server.post(
        "/auth/verify_otp", PHONE | {"otp": different_code(code)}, **KEY
    )
    right = server.post("/auth/verify_otp", PHONE | {"otp": code}, **KEY)
    again = server.post("/auth/verify_otp", PHONE | {"otp": code}, **KEY)

    responses = [(response.status, response.body) for response in (sent, wrong, right)]
    assert responses == [
        (201, {"message": "OTP sent successfully.", "VerificationStatus": "pending"}),
        (201, {"VerificationStatus": "pending"}),
        (201, {"VerificationStatus": "approved"}),
    ]
    assert again.status == 404
    assert twilio.messages[0]["To"] == "+919445012345"


def test_start_warns_of_redis_that_can_lose_data(server):
    assert any("Redis loses data at a restart" in line for line in server.stderr)


def test_parallel_right_codes_at_two_workers_are_approved_once(server, twilio):
    server.post("/auth/send_otp", PHONE, **KEY)
    body = PHONE | {"otp": extract_code(twilio.messages[0]["Body"])}
    with ThreadPoolExecutor(16) as threads:
        responses = list(
            threads.map(
                lambda _: server.post("/auth/verify_otp", body, **KEY), range(16)
            )
        )

    approved = [
        response for response in responses if response.body.get("VerificationStatus")
    ]
    assert [response.body for response in approved] == [
        {"VerificationStatus": "approved"}
    ]
    assert {response.status for response in responses} <= {201, 404, 429, 503}


def test_parallel_sends_at_two_workers_stay_within_limit(server, twilio):
    with ThreadPoolExecutor(16) as threads:
        responses = list(
            threads.map(
                lambda _: server.post("/auth/send_otp", PHONE, **KEY), range(32)
            )
        )

    statuses = [response.status for response in responses]
    assert len(twilio.messages) == statuses.count(201) <= 5
    assert set(statuses) <= {201, 429, 503}


def test_every_log_line_is_json_and_holds_no_secret(server, twilio):
    before = len(request_lines(server))
    server.post("/auth/send_otp", PHONE, **KEY)
    code = extract_code(twilio.messages[0]["Body"])
    server.post("/auth/verify_otp", PHONE | {"otp": code}, **KEY)
    server.get(f"/auth/{code}/9445012345?otp={code}")
    redis_server.wait_until(lambda: len(request_lines(server)) == before + 3)

    for line in server.stderr + server.stdout:
        json.loads(line)
        assert code not in line
        assert "9445012345" not in line
        assert "shop-secret" not in line
    assert any("+91********45" in line for line in server.stderr)


def test_send_without_redis_is_503_and_sends_nothing(own_server, own_environ, twilio):
    redis.Redis.from_url(own_environ["REDIS_URL"]).shutdown(nosave=True)

    for path in ("/auth/send_otp", "/auth/verify_otp"):
        response = own_server.post(path, PHONE | {"otp": "123456"}, **KEY)
        assert (response.status, response.body["error"]) == (503, "unavailable")
        assert response.headers["retry-after"] == "1"
    assert twilio.messages == []
    assert own_server.get("/healthz").status == 200
    assert own_server.get("/readyz").status == 503


def test_code_is_checked_while_provider_hangs(own_server, twilio):
    own_server.post("/auth/send_otp", PHONE, **KEY)
    code = extract_code(twilio.messages[0]["Body"])
    twilio.behave = twilio_server.hang
    hanging = [
        threading.Thread(
            target=own_server.post,
            args=("/auth/send_otp", {"phone": f"94451{n:05}"}),
            kwargs=KEY,
        )
        for n in range(80)
    ]
    for thread in hanging:
        thread.start()

    def settled():
        rejected = sum('"status": 503' in line for line in own_server.stderr)
        return len(twilio.messages) + rejected == 81

    redis_server.wait_until(settled)
    response = own_server.post("/auth/verify_otp", PHONE | {"otp": code}, **KEY)

    assert response.body == {"VerificationStatus": "approved"}
    twilio.let_go.set()
    for thread in hanging:
        thread.join()


def test_stop_completes_requests_in_flight(own_server, twilio):
    [response] = stop_during_sends(own_server, twilio, [PHONE])

    assert response.status == 201
    assert own_server.process.wait(60) == 0


def test_stop_stores_the_events_of_requests_in_flight(own_server, own_environ, twilio):
    phones = [{"phone": f"944501234{n}"} for n in range(6)]

    stop_during_sends(own_server, twilio, phones)

    own_server.process.wait(60)
    with redis.Redis.from_url(own_environ["REDIS_URL"]) as stored:
        assert stored.xlen(EVENTS) == len(phones)


def stop_during_sends(server, twilio, bodies):
    """Stop *server* before the provider replies to its sends; return the responses."""

    def wait_for_stop(handler):
        twilio.let_go.wait(60)
        handler.accept()

    twilio.behave = wait_for_stop
    with ThreadPoolExecutor(len(bodies)) as threads:
        sending = [
            threads.submit(server.post, "/auth/send_otp", body, **KEY)
            for body in bodies
        ]
        redis_server.wait_until(lambda: len(twilio.messages) == len(bodies))
        server.process.send_signal(signal.SIGTERM)
        redis_server.wait_until(
            lambda: any("Shutting down" in line for line in server.stderr)
        )
        twilio.let_go.set()
        return [each.result() for each in sending]


def test_dev_mode_without_settings_prints_code():
    with server_process.running_server("--dev") as server:
        sent = server.post("/auth/send_otp", PHONE)
        redis_server.wait_until(lambda: len(server.stdout) > 0)
        line = json.loads(server.stdout[0])["message"]
        code = extract_code(line.partition(": ")[2])
        checked = server.post("/auth/verify_otp", PHONE | {"otp": code})

    assert sent.status == 201
    assert line.startswith("SMS to +91********45: ")
    for logged in server.stderr:
        assert code not in logged
    assert checked.body == {"VerificationStatus": "approved"}


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_start_of_dev_mode_warns_of_paths_open_to_the_network(host):
    with server_process.running_server("--dev", "--host", host) as server:
        written = "".join(server.stderr)

    assert "dev mode is on" in written
    assert "the chance of guessing a code is at most 1 in 40,000" in written
    open_paths = "/dev/inbox (every code), /console, /verify, /metrics, /v2, sends"
    assert (open_paths in written) == (host == "0.0.0.0")


@pytest.mark.parametrize(
    "framing", ["Content-Length: 60", "Transfer-Encoding: chunked"]
)
def test_form_that_ends_early_is_not_processed(server, twilio, framing):
    before = len(request_lines(server))
    form = "phone=%2B919445012345"
    body = form if "Length" in framing else f"{len(form):x}\r\n{form}\r\nZZ\r\n"
    lines = [
        *("POST /auth/send_otp HTTP/1.1", "Host: localhost", framing),
        "Content-Type: application/x-www-form-urlencoded",
        f"Authorization: {KEY['Authorization']}",
    ]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    redis_server.wait_until(lambda: len(request_lines(server)) > before)

    assert twilio.messages == []


def test_start_of_dev_mode_names_pages_that_answer():
    with server_process.running_server("--dev") as server:
        urls = re.findall(r"(http://[^ ]+/[a-z/]+)\"", "".join(server.stderr))
        pages = [server.read(urlsplit(url).path) for url in urls]

    paths = [urlsplit(url).path for url in urls]
    assert paths == ["/verify", "/dev/inbox", "/docs", "/console"]
    assert all("<title>" in page and "not found" not in page for page in pages)


def test_anonymous_client_is_limited_by_its_ip_address():
    with server_process.running_server("--dev", OTP_SENDS_PER_IP="1/1h") as server:
        first = server.post("/auth/send_otp", PHONE)
        second = server.post("/auth/send_otp", {"phone": "9445067890"})

    assert (first.status, second.status) == (201, 429)
    assert second.headers["retry-after"] == "3600"


def test_chunked_body_over_the_limit_is_413(server):
    # No Content-Length announces its size.
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    kind = {"Content-Type": "application/json"}
    chunks = [b'{"phone": "9445012345"}', *[b" " * 4096] * 4]
    with closing(connection):
        connection.request("POST", "/auth/send_otp", chunks, kind | KEY)
        response = connection.getresponse()
        response.read()

    assert response.status == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Content-Length: 400"], 401),
        (["Content-Length: 400", "X-Twilio-Signature: x"], 401),
        (["X-Twilio-Signature: " + "x" * 27 + "="], 400),
    ],
)
def test_invalid_delivery_report_is_rejected_before_its_body(
    shared_public_server, headers, status
):
    lines = [
        *("POST /callbacks/twilio HTTP/1.1", "Host: localhost", *headers),
        "Content-Type: application/x-www-form-urlencoded",
    ]
    if status == 400:
        lines.append("Transfer-Encoding: chunked")
    address = ("127.0.0.1", shared_public_server.port)
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        response = connection.recv(4096).decode()

    assert response.startswith(f"HTTP/1.1 {status} ")


def test_slow_delivery_reports_occupy_four_threads_of_a_worker(shared_public_server):
    port = shared_public_server.port
    form = "Content-Type: application/x-www-form-urlencoded"
    signature = f"X-Twilio-Signature: {'x' * 27}="
    report = raw_http.encode_post("/callbacks/twilio", b"x" * 4000, form, signature)
    with ExitStack() as stack:
        reports = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            for _ in range(80)
        ]
        for connection in reports:
            connection.sendall(report[:-1])
        redis_server.wait_until(lambda: len(reports) - len(readable(reports)) == 4)
        heads = {
            connection.recv(4096).partition(b"\r\n\r\n")[0]
            for connection in readable(reports)
        }
        health = shared_public_server.get("/healthz")
    # All threads are free again, so the signature is the reason to reject it.
    redis_server.wait_until(lambda: raw_http.exchange(port, report).status == 401)

    assert health.status == 200
    assert all(head.startswith(b"HTTP/1.1 503 ") for head in heads)
    assert all(b"\r\nretry-after: 1" in head.lower() for head in heads)


def readable(connections):
    """Return those of *connections* with a response to read."""
    return select.select(connections, [], [], 0)[0]
