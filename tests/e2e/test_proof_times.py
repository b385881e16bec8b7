"""Proof tokens carry the time of Redis, even if the instance's clock is wrong."""

from __future__ import annotations

import html
import json
import re
import time
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

import jwt
import pytest

from tests.support import redis_server, server_process
from tests.support.fake_wall_clock import FakeWallClock

HOUR = 3_600
PHONE = "+919445012345"
SERVICE = f"VA{'0' * 32}"
APP = "https://app.example.com"
SEED = "cHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHI="


@pytest.fixture(params=[5, -5], ids=["5h ahead", "5h late"])
def server(request, tmp_path):
    clock = FakeWallClock.compiled_in(tmp_path)
    clock.jump_to(request.param * HOUR)
    with (
        redis_server.redis_on_a_port(tmp_path) as port,
        server_process.running_server(
            "--dev",
            *("--workers", "1"),
            REDIS_URL=f"redis://127.0.0.1:{port}/0",
            OTP_PEPPER="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            OTP_ARGON2="test",
            OTP_PROOF_KEY=SEED,
            OTP_RETURN_ORIGINS=APP,
            OTP_RESEND_COOLDOWN="0s",
            **clock.environ,
        ) as server,
    ):
        yield server


class Browser:
    """A client that keeps cookies."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self.opener = urllib.request.build_opener(cookies)

    def fetch(self, path, **form):
        body = urllib.parse.urlencode(form).encode() if form else None
        headers = {"Authorization": "Basic QUMwMDphbnk="}
        request = urllib.request.Request(self.url + path, body, headers)  # noqa: S310 - our own server
        with self.opener.open(request, timeout=30) as response:
            return response.headers, response.read().decode()

    def code(self):
        return json.loads(self.fetch("/dev/inbox.json")[1])["messages"][0]["code"]


def approve_by_auth(browser):
    browser.fetch("/auth/send_otp", phone=PHONE)
    headers, _ = browser.fetch("/auth/verify_otp", phone=PHONE, otp=browser.code())
    return headers["OTP-Proof"]


def approve_by_v2(browser):
    service = f"/v2/Services/{SERVICE}"
    browser.fetch(f"{service}/Verifications", To=PHONE, Channel="sms")
    form = {"To": PHONE, "Code": browser.code()}
    headers, _ = browser.fetch(f"{service}/VerificationCheck", **form)
    return headers["OTP-Proof"]


def approve_by_page(browser):
    back = urllib.parse.urlencode({"return_url": f"{APP}/done", "state": "s"})
    _, page = browser.fetch(f"/verify?{back}")
    for step in ({"step": "number", "phone": PHONE}, {"step": "code"}):
        form = {"otp": browser.code()} if step["step"] == "code" else {}
        _, page = browser.fetch(
            "/verify", csrf_token=field(page, "csrf_token"), **step, **form
        )
    return field(page, "otp_proof")


def field(page, name):
    return html.unescape(re.findall(rf'name="{name}" value="([^"]*)"', page)[0])


def test_proof_tokens_of_every_api_carry_time_of_redis(server):
    started = int(time.time())
    browser = Browser(server.port)
    proofs = [way(browser) for way in (approve_by_auth, approve_by_v2, approve_by_page)]
    ended = time.time()

    for proof in proofs:
        claims = jwt.decode(proof, options={"verify_signature": False})
        assert started <= claims["iat"] <= ended
        assert claims["exp"] - claims["iat"] == 120
