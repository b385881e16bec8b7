"""E-mails from a running service through a mail server, with Twilio's SDK."""

from __future__ import annotations

import re

import pytest
from twilio.rest import Client

from tests.support import redis_server, server_process, smtp_server, twilio_server
from tests.support.fakes import different_code
from tests.support.smtp_server import PASSWORD, USERNAME

ACCOUNT, TOKEN = f"AC{'a' * 32}", "the-token-of-this-account"
SERVICE = f"VA{'7' * 32}"
PERSON = "person@example.com"


@pytest.fixture(scope="module")
def mail():
    with smtp_server.running(auth_required=False, auth_require_tls=False) as mail:
        yield mail


@pytest.fixture(scope="module")
def environ(tmp_path_factory, mail):
    """Run a Redis and a fake of Twilio; yield the environment of the service."""
    with (
        redis_server.redis_on_a_socket(tmp_path_factory.mktemp("redis")) as redis_url,
        twilio_server.running() as twilio,
    ):
        yield server_process.production(redis_url, twilio.url) | {
            "OTP_SENDER": "twilio,smtp",
            "OTP_SMTP_URL": f"smtp://{USERNAME}:{PASSWORD}@127.0.0.1:{mail.port}",
            "OTP_SMTP_FROM": "Acme <codes@acme.example>",
            "OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}",
            "OTP_SERVICE_SID": SERVICE,
            "OTP_ARGON2": "m=64,t=1,p=1",
        }


@pytest.fixture(scope="module")
def served(environ):
    with server_process.running_server(**environ) as served:
        yield served


@pytest.fixture
def service(served):
    client = Client(ACCOUNT, TOKEN)
    client.verify.base_url = f"http://127.0.0.1:{served.port}"
    return client.verify.v2.services(SERVICE)


def code_of(email):
    text = email.get_body(("plain",)).get_content()
    [code] = re.findall(r"^([0-9]{6})\s*$", text, re.MULTILINE)
    return code


def test_python_sdk_sends_an_email_and_checks_its_code(service, mail, served):
    sent = service.verifications.create(to=PERSON, channel="email", locale="de")
    email = mail.emails[-1]
    code = code_of(email)
    wrong = service.verification_checks.create(to=PERSON, code=different_code(code))
    fetched = service.verifications(sent.sid).fetch()
    right = service.verification_checks.create(to=PERSON, code=code)

    assert (sent.to, sent.channel, sent.status) == (PERSON, "email", "pending")
    assert (fetched.to, fetched.channel) == (PERSON, "email")
    assert (wrong.status, right.status, right.valid) == ("pending", "approved", True)
    assert mail.recipients[-1] == PERSON
    assert mail.logins[-1] == USERNAME
    assert (email["From"], email["Content-Language"]) == (
        "Acme <codes@acme.example>",
        "de",
    )
    assert code not in email["Subject"]
    page = email.get_body(("html",)).get_content()
    assert '<html lang="de" dir="ltr">' in page
    assert code in page


def test_log_of_the_service_has_only_masked_addresses(service, mail, served):
    service.verifications.create(to="other@example.com", channel="email")

    def is_logged():
        return any("o***@e***.com" in line for line in served.stderr)

    redis_server.wait_until(is_logged)
    log, code = "".join(served.stderr), code_of(mail.emails[-1])
    assert "other@" not in log
    assert code not in log


def test_operator_inspects_and_deletes_an_address(service, environ):
    service.verifications.create(to="inspected@example.com", channel="email")

    shown = server_process.run("inspect", "Inspected@Example.com", **environ)
    deleted = server_process.run("forget", "inspected@example.com", **environ)
    again = server_process.run("forget", "inspected@example.com", **environ)

    assert shown.returncode == 0
    assert "i***@e***.com" in shown.stdout
    assert "pending verification" in shown.stdout
    assert "guard" not in shown.stdout
    assert "inspected@" not in shown.stdout + shown.stderr
    assert (deleted.returncode, again.returncode) == (0, 1)


def test_doctor_logs_in_at_the_mail_server(environ, mail):
    logins = len(mail.logins)

    result = server_process.run("doctor", **environ)

    assert "the sender (smtp)" in result.stderr
    assert len(mail.logins) == logins + 1
    assert PASSWORD not in result.stdout + result.stderr
