"""The load generator, on servers with known behavior."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from itertools import repeat

import pytest

from tests.bench import clients, processes
from tests.bench.load import Load, outcome, parse_message, split_message

BURNED = 0.004
# A server in another process. It prints its own CPU time at the end.
SERVER = f"""
import sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        end = time.process_time() + {BURNED}
        while time.process_time() < end:
            pass
        self.send_response(201)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.handle_request()
print(time.process_time(), flush=True)
"""


class Handler(http.server.BaseHTTPRequestHandler):
    """Requires codes that are even, after a message with a code."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        right = int(body.get("otp", 1)) % 2 == 0
        content = f'{{"S":"{"approved" if right else "pending"}"}}'.encode()
        self.send_response(503 if body.get("otp") == "999" else 201)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):
        """Write no log."""


@contextmanager
def serving():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def load():
    with Load() as load:
        yield load


def test_load_counts_every_response_by_its_outcome(load):
    codes = [["0", "1", "999"], ["2", "3"]]
    connections = [iter([clients.check("+91", code) for code in own]) for own in codes]

    with serving() as port:
        result = load.run(port, connections, seconds=60)

    outcomes = {"201 approved": 2, "201 pending": 2, "503 pending": 1}
    assert result.outcomes == Counter(outcomes)
    assert len(result.latencies) == result.count == 5
    assert 0 < max(result.latencies) <= result.seconds
    assert result.cpu > 0


def test_load_without_time_sends_one_request_a_connection(load):
    connections = [repeat(clients.check("+91", "0"), 50) for _ in range(3)]

    with serving() as port:
        result = load.run(port, [iter(each) for each in connections], seconds=0)

    assert result.outcomes == Counter({"201 approved": 3})


def test_measurement_without_the_expected_outcome_fails(load):
    with serving() as port:
        result = load.run(port, [iter([clients.check("+91", "0")])], seconds=60)

    with pytest.raises(AssertionError, match="no 201 pending"):
        result.served("201 pending")


def test_silent_service_fails_the_measurement(load):
    with (
        socket.create_server(("127.0.0.1", 0)),
        pytest.raises(TimeoutError),
    ):
        load.serve(lambda: False, silence=0.01)


def test_cpu_time_of_another_process_is_what_it_reports_itself(load):
    started = time.process_time()
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        before = processes.cpu_seconds([process.pid])

        result = load.run(port, [repeat(clients.send("+91"), 20)], seconds=60)

        reported = float(process.stdout.readline())
        after = processes.cpu_seconds([process.pid])
    # The server reports after its last response, and does nothing between both reads.
    assert result.outcomes == Counter({"201": 20})
    assert 20 * BURNED <= reported - before <= after - before
    assert result.cpu <= time.process_time() - started


def provider_request(path, form):
    return (
        b"POST /2010-04-01/Accounts/AC/%s HTTP/1.1\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (path, len(form), form)
    )


def test_provider_keeps_the_code_of_each_message(load):
    port = int(load.provider_url.rpartition(":")[2])
    form = b"To=%2B919445012345&Body=123456+is+your+code"
    message = provider_request(b"Messages.json", form)

    result = load.run(port, [iter([message])], seconds=60)

    assert result.outcomes == Counter({"201": 1})
    assert load.codes == {"+919445012345": "123456"}
    assert load.messages == 1


def test_provider_accepts_feedback_and_counts_no_message(load):
    port = int(load.provider_url.rpartition(":")[2])
    feedback = provider_request(b"Messages/SM2/Feedback.json", b"Outcome=confirmed")

    result = load.run(port, [iter([feedback])], seconds=60)

    assert result.outcomes == Counter({"201": 1})
    assert load.messages == 0


def test_verifiers_check_the_code_that_arrived():
    codes: dict[str, str] = {}
    [client] = clients.verifiers(codes, iter(["+911", "+912"]), 1)

    first = next(client)
    codes["+911"] = "123456"
    second, third = next(client), next(client)

    assert first == clients.send("+911")
    assert second == clients.check("+911", "123456")
    assert third == clients.send("+912")


def test_wrong_checkers_share_the_phones_and_use_no_right_code():
    codes = {"+911": "123456", "+912": "000000"}

    first, second = clients.wrong_checkers(codes, ["+911", "+912"], 2)

    assert next(first) == clients.check("+911", "000000")
    assert next(second) == clients.check("+912", "000001")
    assert next(first) == clients.check("+911", "000000")


@pytest.mark.parametrize(
    ("received", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Len", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", None),
        (
            b"H\r\nContent-Length: 2\r\n\r\nabcd",
            (b"H\r\nContent-Length: 2", b"ab", b"cd"),
        ),
        (b"H\r\nX: 1\r\n\r\nab", (b"H\r\nX: 1", b"", b"ab")),
    ],
)
def test_message_is_complete_with_its_whole_body(received, message):
    assert split_message(received) == message


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"VerificationStatus":"approved"}', "201 approved"),
        (b'{"message":"x","VerificationStatus":"pending"}', "201 pending"),
        (b'{"error":"overloaded"}', "201"),
    ],
)
def test_outcome_is_status_of_response_and_verification(body, text):
    assert outcome(b"HTTP/1.1 201 Created", body) == text


def test_message_without_a_code_is_an_error():
    with pytest.raises(AssertionError, match="without a code"):
        parse_message(b"To=%2B91&Body=hello")


def test_session_contains_the_processes_of_its_leader():
    assert os.getpid() in processes.of_session(os.getsid(0))


def test_memory_is_read_from_its_own_field():
    rollup = "Rss:   200 kB\nPss:   100 kB\nSwapPss:   7 kB\n"

    assert processes.kib_of(rollup, "Pss") == 100


def test_rss_of_processes_is_at_least_their_pss():
    pids = [os.getpid()]

    assert 0 < processes.memory_mib(pids, "Pss") <= processes.memory_mib(pids, "Rss")
