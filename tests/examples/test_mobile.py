"""The messages that the examples for apps read."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess

import httpx
import pytest

from otp_engine.domain.messages.languages import LOCALES
from tests.support import example_apps, server_process

FOLDER = example_apps.EXAMPLES / "mobile"
README = (FOLDER / "README.md").read_text()
ACCOUNT, SERVICE = "AC" + "0" * 32, "VA" + "0" * 32
HASH = "FA+9qCX9VSu"


@pytest.fixture(scope="module")
def engine():
    """Run the service with the texts of the example."""
    environ = {
        "OTP_MESSAGES": str(FOLDER / "messages.toml"),
        "OTP_BRAND": "Acme",
        "OTP_RESEND_COOLDOWN": "0s",
        "OTP_V2_RESEND_COOLDOWN": "0s",
        "OTP_SENDS_PER_PHONE": "off",
        "OTP_MAX_SENDS": "100",
        "OTP_SENDS_PER_IP": "off",
    }
    with server_process.running_server("--dev", "--workers", "1", **environ) as server:
        yield f"http://127.0.0.1:{server.port}"


def newest(engine):
    return httpx.get(f"{engine}/dev/inbox.json").json()["messages"][0]


def code_of(text):
    """Return the code that the expression of the Android example finds."""
    source = (FOLDER / "android" / "CodeReceiver.kt").read_text()
    [expression] = re.findall(r'Regex\("""(.*)"""\)', source)
    [code] = re.findall(expression, text)
    return code


def test_message_of_the_command_is_read_by_the_android_app(engine):
    [command] = re.findall(r"\$ (curl .*\n.*)$", README, re.MULTILINE)

    subprocess.run(
        ["/bin/sh", "-c", command.replace("http://127.0.0.1:3000", engine)],
        env={"ACCOUNT_SID": ACCOUNT, "AUTH_TOKEN": "token", "SERVICE_SID": SERVICE}
        | server_process.PATH,
        check=True,
        capture_output=True,
    )

    message = newest(engine)
    assert message["body"].startswith("<#> ")
    assert message["body"].endswith(f" {HASH}")
    assert len(message["body"]) <= 140
    assert code_of(message["body"]) == message["code"]


@pytest.mark.parametrize("locale", sorted(LOCALES))
def test_android_app_reads_the_code_of_every_language(engine, locale):
    httpx.post(
        f"{engine}/v2/Services/{SERVICE}/Verifications",
        auth=(ACCOUNT, "token"),
        data={
            "To": "+919445012345",
            "Channel": "sms",
            "Locale": locale,
            "AppHash": HASH,
        },
    ).raise_for_status()

    message = newest(engine)

    assert message["body"].endswith(f" {HASH}")
    assert code_of(message["body"]) == message["code"]


def test_message_of_the_own_text_is_bound_to_the_domain_of_the_app(engine):
    httpx.post(
        f"{engine}/auth/send_otp", json={"phone": "9445067890", "locale": "en"}
    ).raise_for_status()

    message = newest(engine)

    assert message["body"].splitlines() == [
        f"{message['code']} is your Acme code. Don't share it.",
        f"@app.example.com #{message['code']}",
    ]


def test_app_hash_is_that_of_package_and_certificate(tmp_path):
    certificate = tmp_path / "certificate.der"
    certificate.write_bytes(bytes(range(256)))
    text = f"com.example.shop {certificate.read_bytes().hex()}"

    result = subprocess.run(
        [FOLDER / "android" / "app-hash.sh", "com.example.shop", certificate],
        capture_output=True,
        text=True,
        check=True,
    )

    digest = hashlib.sha256(text.encode()).digest()
    assert result.stdout.strip() == base64.b64encode(digest).decode()[:11]


def test_association_names_the_app_of_the_example():
    association = json.loads(
        (FOLDER / "ios" / "apple-app-site-association").read_text()
    )

    [app] = association["webcredentials"]["apps"]

    assert re.fullmatch(r"[A-Z0-9]{10}\.com\.example\.shop", app)
