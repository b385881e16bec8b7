"""The way back from the verify page to an application, in Chromium."""

from __future__ import annotations

import base64
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import jwt
import pytest
from playwright.sync_api import expect

from tests.support import server_process
from tests.support.browser_pages import code_of

pytestmark = pytest.mark.browser

PROOF_KEY = {"OTP_PROOF_KEY": base64.b64encode(bytes(range(32))).decode()}


@contextmanager
def running_application():
    """Serve a page that accepts a form; yield its origin and the forms."""
    forms = []

    class Application(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            forms.append((self.path, self.headers["Origin"], parse_qs(body)))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>Welcome back</h1>")

        def log_message(self, format, *args):
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Application)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", forms
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("scripts", [True, False])
def test_person_returns_with_a_proof(chromium, scripts):
    with (
        running_application() as (origin, forms),
        server_process.running_server(
            "--dev", OTP_RETURN_ORIGINS=origin, **PROOF_KEY
        ) as server,
        chromium.new_context(
            base_url=f"http://127.0.0.1:{server.port}", java_script_enabled=scripts
        ) as context,
    ):
        page = context.new_page()
        page.goto(f"/verify?return_url={origin}/back&state=s-1")
        page.get_by_label("Phone number").fill("94450 12345")
        page.get_by_role("button", name="Send code").click()
        expect(page.get_by_label("Code", exact=True)).to_be_focused()
        page.get_by_label("Code", exact=True).fill(code_of(page))
        if not scripts:
            page.get_by_role("button", name="Verify").click()
            page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading")).to_have_text("Welcome back")

        [(path, sender, form)] = forms
        claims = jwt.decode(form["otp_proof"][0], options={"verify_signature": False})
        assert (path, sender) == ("/back", f"http://127.0.0.1:{server.port}")
        assert form["state"] == ["s-1"]
        assert (claims["aud"], claims["nonce"]) == (origin, "s-1")
