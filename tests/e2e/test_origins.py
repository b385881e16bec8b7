"""Pages of other origins, which call the service from a real browser."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support import redis_server, server_process

pytestmark = pytest.mark.browser

PHONE = "9445012345"
CALL = """async ([url, options]) => {
    const response = await fetch(url, options);
    return {
        status: response.status,
        expires: response.headers.get("OTP-Expires-In"),
        request: response.headers.get("X-Request-Id"),
        body: await response.json(),
    };
}"""
SEND_FORM = """async ([url, phone]) => {
    const body = new URLSearchParams({ phone });
    const response = await fetch(url, { method: "POST", mode: "no-cors", body });
    return response.type;
}"""


class Blank(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format, *args):
        """Log nothing."""


@contextmanager
def another_site():
    """Serve an empty page; yield the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Blank)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def site():
    with another_site() as port:
        yield port


@pytest.fixture(scope="module")
def server():
    with server_process.running_server("--dev") as server:
        yield server


@pytest.fixture
def page(chromium):
    context = chromium.new_context()
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def json_call(**fields):
    return {
        "method": "POST",
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(fields),
    }


def test_page_of_listed_origin_sends_and_reads_headers_and_errors(site, page):
    origin = f"http://127.0.0.1:{site}"
    with server_process.running_server("--dev", OTP_CORS_ORIGINS=origin) as server:
        url = f"http://127.0.0.1:{server.port}/auth"
        page.goto(origin)
        sent = page.evaluate(CALL, [f"{url}/send_otp", json_call(phone=PHONE)])
        wrong = page.evaluate(CALL, [f"{url}/verify_otp", json_call(phone=PHONE)])

    assert sent["status"] == 201
    assert sent["expires"] == "600"
    assert sent["request"]
    assert (wrong["status"], wrong["body"]["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_page_of_other_origin_sends_no_code(site, server, page, host):
    url = f"http://127.0.0.1:{server.port}"
    before = server.get("/dev/inbox.json").body
    page.goto(f"http://{host}:{site}")
    response_type = page.evaluate(SEND_FORM, [f"{url}/auth/send_otp", PHONE])
    with pytest.raises(Exception, match="Failed to fetch"):
        page.evaluate(CALL, [f"{url}/auth/send_otp", json_call(phone=PHONE)])

    assert response_type == "opaque"
    assert server.get("/dev/inbox.json").body == before
    # The page sees a CORS error only, so the log has the cure.
    setting = f"OTP_CORS_ORIGINS=http://{host}:{site}"
    redis_server.wait_until(lambda: any(setting in line for line in server.stderr))


def test_page_of_service_itself_sends_code(server, page):
    url = f"http://127.0.0.1:{server.port}"
    page.goto(f"{url}/docs")
    sent = page.evaluate(CALL, [f"{url}/auth/send_otp", json_call(phone=PHONE)])

    assert sent["status"] == 201
