"""The example for Express with Twilio's SDK, as a process."""

from __future__ import annotations

import html
import json
import re
import subprocess
from contextlib import closing

import httpx
import pytest

from tests.support import (
    example_apps,
    node,
    readme_commands,
    redis_server,
    server_process,
)

ACCOUNT = "AC" + "0" * 32
PHONE, SPELLED = "+919445012345", "+91 94450 12345"


@pytest.fixture(scope="module")
def engine():
    """Run a service in dev mode, where a phone gets two messages."""
    environ = {"OTP_SENDS_PER_PHONE": "2/10m", "OTP_RESEND_COOLDOWN": "0s"}
    with server_process.running_server("--dev", "--workers", "1", **environ) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def bound_service(engine):
    """Create a service by the command of the README; return its SID."""
    readme = (example_apps.EXAMPLES / "express" / "README.md").read_text()
    [command] = re.findall(r"^\$ (curl .*)$", readme, re.MULTILINE)
    created = subprocess.run(
        ["/bin/sh", "-c", command.replace("http://127.0.0.1:3000", engine)],
        env={"ACCOUNT_SID": ACCOUNT, "AUTH_TOKEN": "token"} | server_process.PATH,
        capture_output=True,
        check=True,
    )
    return json.loads(created.stdout)["sid"]


@pytest.fixture(scope="module")
def app(engine, bound_service, pytestconfig):
    folder = node.install(pytestconfig.cache, example_apps.EXAMPLES / "express")
    port = redis_server.free_port()
    environ = {
        "SECRET_KEY": "a secret of the tests",
        "ACCOUNT_SID": ACCOUNT,
        "AUTH_TOKEN": "token",
        "VERIFY_SERVICE_SID": bound_service,
        "ENGINE_URL": engine,
        "PORT": str(port),
    }
    command = ["node", str(folder / "app.js")]
    with example_apps.running("express", command, port, environ) as running:
        yield running


class Visitor:
    """A person in front of the application."""

    def __init__(self, url):
        self.http = httpx.Client(base_url=url, follow_redirects=True)
        self.response = self.http.get("/")

    def submit(self, path, **fields):
        """Submit a form of the last page."""
        [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', self.response.text)
        self.response = self.http.post(path, data={"csrf": token} | fields)
        return self.response

    @property
    def problem(self):
        """The text of the alert."""
        [text] = re.findall(r'role="alert">([^<]*)<', self.response.text)
        return text


@pytest.fixture
def visitor(app):
    person = Visitor(app.url.replace("localhost", "127.0.0.1"))
    yield person
    person.http.close()


def newest_code(engine, phone):
    messages = httpx.get(f"{engine}/dev/inbox.json", params={"to": phone}).json()
    return messages["messages"][0]["code"]


def test_person_logs_in_with_the_code(visitor, engine, app):
    before = visitor.http.cookies["session"] if visitor.http.cookies else None
    visitor.submit("/phone", phone=SPELLED)

    visitor.submit("/code", code=newest_code(engine, PHONE))

    assert f"You are logged in as {PHONE}." in html.unescape(visitor.response.text)
    assert visitor.http.cookies["session"] != before
    assert not re.search(r"\d{6}", "".join(app.output))


def test_person_is_known_by_one_form_of_the_number(visitor, engine):
    visitor.submit("/phone", phone="+91 (0) 94450 66666")

    visitor.submit("/code", code=newest_code(engine, "+919445066666"))

    assert "logged in as +919445066666." in html.unescape(visitor.response.text)


def test_wrong_code_is_shown_and_the_right_one_still_works(visitor, engine):
    phone = "+919445067890"
    visitor.submit("/phone", phone=phone)
    visitor.submit("/code", code="000000")
    shown = (visitor.response.status_code, visitor.problem)

    visitor.submit("/code", code=newest_code(engine, phone))

    assert shown == (422, "That code is not right.")
    assert "You are logged in" in visitor.response.text


def test_limit_of_messages_is_shown(visitor):
    for _ in range(2):
        visitor.submit("/phone", phone="+919445011111")
        visitor.submit("/restart")

    visitor.submit("/phone", phone="+919445011111")

    assert visitor.response.status_code == 429
    assert visitor.problem.startswith("Too many messages to this number.")


def test_text_that_is_no_number_is_shown(visitor):
    visitor.submit("/phone", phone="12")

    assert visitor.response.status_code == 400
    assert visitor.problem.startswith("This is not a phone number.")


def test_text_that_is_no_code_is_shown_and_the_form_stays(visitor):
    visitor.submit("/phone", phone="+919445077777")

    visitor.submit("/code", code="123")

    assert visitor.response.status_code == 400
    assert visitor.problem.startswith("That is not a code.")
    assert 'name="code"' in visitor.response.text


def test_form_without_its_token_is_rejected(visitor, engine):
    response = visitor.http.post("/phone", data={"phone": "+919445022222"})

    assert response.status_code == 403
    inbox = httpx.get(f"{engine}/dev/inbox.json", params={"to": "+919445022222"})
    assert inbox.json()["messages"] == []


def test_code_of_another_session_does_not_log_in(visitor, engine, app):
    phone = "+919445033333"
    visitor.submit("/phone", phone=phone)
    other = Visitor(str(visitor.http.base_url))
    other.submit("/phone", phone="+919445044444")

    other.submit("/code", code=newest_code(engine, phone))

    assert other.problem == "That code is not right."
    other.http.close()


def test_wrong_codes_of_another_session_of_the_number_do_not_count(visitor, engine):
    phone = "+919445055555"
    visitor.submit("/phone", phone=phone)
    code = newest_code(engine, phone)
    other = Visitor(str(visitor.http.base_url))
    other.submit("/phone", phone=phone)
    for _ in range(6):
        other.submit("/code", code="0000000")

    visitor.submit("/code", code=code)

    assert other.problem.startswith("Too many wrong codes.")
    assert "You are logged in" in visitor.response.text
    other.http.close()


def test_commands_of_the_readme_start_the_application(tmp_path, pytestconfig):
    installed = node.install(pytestconfig.cache, example_apps.EXAMPLES / "express")
    with readme_commands.started("express", tmp_path, installed) as urls:
        person = Visitor(urls.app)
        with closing(person.http):
            response = person.submit("/phone", phone=PHONE)
        sent = httpx.get(f"{urls.service}/dev/inbox.json").json()["messages"]

        assert response.status_code == 200
        assert len(sent) == 1
