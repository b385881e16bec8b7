"""The phone plugin of better-auth, unmodified, with Twilio's SDK on `/v2`.

It is a program that people run with Twilio Verify. It sends with `Verifications`,
checks with `VerificationCheck`, and signs a person up at the first approval.
"""

from __future__ import annotations

import http.client
import json
import subprocess
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support import server_process
from tests.support.fakes import different_code

ACCOUNT, TOKEN = f"AC{'a' * 32}", "the-token-of-this-account"
SERVICE = f"VA{'7' * 32}"
TO = "+919445012345"


@dataclass
class Answer:
    status: int
    body: Any
    cookie: str | None

    @property
    def code(self) -> Any:
        return self.body["code"]


@dataclass
class Browser:
    """A person's browser, which calls the application."""

    url: str

    def send(self, to=TO):
        return self._call("POST", "/phone-number/send-otp", {"phoneNumber": to})

    def verify(self, code, to=TO):
        body = {"phoneNumber": to, "code": code}
        return self._call("POST", "/phone-number/verify", body)

    def session(self, cookie):
        return self._call("GET", "/get-session", None, Cookie=cookie)

    def _call(self, method, path, body, **headers):
        parts = urlsplit(self.url)
        headers |= {
            "Content-Type": "application/json",
            "Origin": f"http://{parts.netloc}",
        }
        text = json.dumps(body) if body else None
        with closing(
            http.client.HTTPConnection(parts.netloc, timeout=60)
        ) as connection:
            connection.request(method, parts.path + path, text, headers)
            response = connection.getresponse()
            cookie = (response.getheader("Set-Cookie") or "").partition(";")[0]
            return Answer(response.status, json.loads(response.read()), cookie or None)


@pytest.fixture(scope="module")
def service_url(shared_environ):
    """Run a service that has taken over the SID of a Verify service; yield its URL."""
    environ = shared_environ | {
        "OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}",
        "OTP_SERVICE_SID": SERVICE,
        "OTP_SERVICE_NAME": "Shop",
    }
    with server_process.running_server(**environ) as served:
        yield f"http://127.0.0.1:{served.port}"


@pytest.fixture(scope="module")
def application_url(node, service_url):
    """Run the application; yield the URL of its endpoints."""
    command = ["node", node / "phone_login.mjs", service_url, ACCOUNT, TOKEN, SERVICE]
    with subprocess.Popen(
        command,
        env=server_process.PATH,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdin
        yield process.stdout.readline().strip()
        process.stdin.close()


@pytest.fixture
def browser(application_url, empty_redis, twilio):
    return Browser(application_url)


def test_right_code_signs_person_up(browser, twilio):
    sent = browser.send()

    verified = browser.verify(twilio.code_to(TO))

    assert (sent.status, sent.body["message"]) == (200, "code sent")
    assert twilio.messages[0]["Body"].endswith("Don't share it.")
    assert " is your Shop code." in twilio.messages[0]["Body"]
    assert (verified.status, verified.body["status"]) == (200, True)
    assert verified.body["user"]["phoneNumber"] == TO
    assert verified.body["user"]["phoneNumberVerified"] is True
    session = browser.session(verified.cookie)
    assert session.body["user"]["phoneNumber"] == TO


def test_wrong_code_is_invalid_and_right_one_still_works(browser, twilio):
    browser.send()
    code = twilio.code_to(TO)

    wrong = browser.verify(different_code(code))
    right = browser.verify(code)

    assert (wrong.status, wrong.code, wrong.cookie) == (400, "INVALID_OTP", None)
    assert right.status == 200


def test_used_code_is_invalid(browser, twilio):
    browser.send()
    code = twilio.code_to(TO)
    browser.verify(code)

    again = browser.verify(code)

    assert (again.status, again.code, again.cookie) == (400, "INVALID_OTP", None)


def test_resend_at_once_sends_a_code_that_works(browser, twilio):
    browser.send()

    again = browser.send()

    assert (again.status, len(twilio.messages)) == (200, 2)
    assert browser.verify(twilio.code_to(TO)).status == 200


def test_code_of_first_message_works_after_resend(browser, twilio):
    browser.send()
    first = twilio.code_to(TO)
    browser.send()

    assert browser.verify(first).status == 200
