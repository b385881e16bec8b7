from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.config import smtp_settings
from otp_engine.errors import InvalidSettings
from tests.support.settings import PRODUCTION, RELAXED

SENDER = {"OTP_SENDER": "smtp", "OTP_SMTP_FROM": "Acme <codes@acme.example>"}


def load(**env):
    return config.load(RELAXED | SENDER | env)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        (
            "smtps://u:p@mail.example.com",
            ("mail.example.com", 465, "implicit", "u", "p"),
        ),
        (
            "smtps://mail.example.com:2465",
            ("mail.example.com", 2465, "implicit", "", ""),
        ),
        (
            "smtp://u:p@mail.example.com",
            ("mail.example.com", 587, "starttls", "u", "p"),
        ),
        ("smtp://MAIL.example.com:25/", ("mail.example.com", 25, "starttls", "", "")),
        (
            "smtp://a%40b:p%3A%2F@m.example",
            ("m.example", 587, "starttls", "a@b", "p:/"),
        ),
        ("smtp://127.0.0.1:1025", ("127.0.0.1", 1025, "off", "", "")),
        ("smtp://[::1]:1025", ("::1", 1025, "off", "", "")),
        ("smtp://u:p@localhost:1025", ("localhost", 1025, "off", "u", "p")),
        ("smtp://localhost?starttls=required", ("localhost", 587, "starttls", "", "")),
        ("smtp://mailpit:1025?starttls=off", ("mailpit", 1025, "off", "", "")),
    ],
)
def test_url_is_read(url, server):
    assert smtp_settings.parse_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        *("mail.example.com", "http://mail.example.com", "smtp://", "smtp://:587"),
        *(
            "smtp://u:secret@mail.example.com:0",
            "smtp://u:secret@mail.example.com:99999",
        ),
        *("smtp://u:sec#ret@mail.example.com", "smtp://u:sec/ret@mail.example.com"),
        *("smtp://u:secret@mail.example.com/path", "smtp://u:secret@[::1"),
        *("smtp://u@mail.example.com", "smtp://:secret@mail.example.com"),
        *(
            "smtp://u:secret%00@mail.example.com",
            "smtp://u:secr%C3%A9t@mail.example.com",
        ),
        *("smtp://u:secret@mail.example.com?starttls=off", "smtp://m.example?tls=off"),
        *(
            "smtps://u:secret@mail.example.com?starttls=off",
            "smtp://u:sec ret@m.example",
        ),
        "smtp://u:secret@mail.example.com?starttls=required&starttls=off",
    ],
)
def test_invalid_url_is_a_problem_without_the_password(url):
    with pytest.raises(InvalidSettings) as caught:
        load(OTP_SMTP_URL=url)

    (problem,) = caught.value.problems
    assert problem.startswith("OTP_SMTP_URL must ")
    assert "secret" not in problem


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("codes@acme.example", "", "codes@acme.example"),
        ("Acme <codes@acme.example>", "Acme", "codes@acme.example"),
        ('"Acme, Inc." <Codes@ACME.example>', "Acme, Inc.", "codes@acme.example"),
        ("Bücher <codes@bücher.example>", "Bücher", "codes@xn--bcher-kva.example"),
    ],
)
def test_sender_is_read(text, name, address):
    sender_name, sender = smtp_settings.parse_sender(text)

    assert (sender_name, sender.canonical) == (name, address)


@pytest.mark.parametrize(
    "text",
    [
        *("Acme", "codes@", "Acme codes@acme.example", "<Acme> <codes@acme.example>"),
        *("Acme\r\nBcc: x <codes@acme.example>", f"{'A' * 79} <codes@acme.example>"),
        "Acme <codes@acme.example\r\nBcc: x>",
    ],
)
def test_invalid_sender_is_a_problem(text):
    with pytest.raises(InvalidSettings) as caught:
        load(OTP_SMTP_URL="smtp://localhost", OTP_SMTP_FROM=text)

    assert [problem[:18] for problem in caught.value.problems] == ["OTP_SMTP_FROM must"]


def test_sender_smtp_needs_server_and_sender():
    with pytest.raises(InvalidSettings) as caught:
        config.load(RELAXED | {"OTP_SENDER": "smtp"})

    assert caught.value.problems == (
        "OTP_SMTP_URL is not set: the sender smtp needs it",
        "OTP_SMTP_FROM is not set: the sender smtp needs it",
    )


def test_url_is_read_from_file(tmp_path):
    path = tmp_path / "url"
    path.write_text("smtps://u:secret@mail.example.com\n")

    settings = config.load(PRODUCTION | SENDER | {"OTP_SMTP_URL_FILE": str(path)})

    assert settings.smtp
    assert settings.smtp.password == "secret"
    assert "secret" not in repr(settings)


def test_dev_mode_with_a_mail_server_elsewhere_needs_api_keys():
    with pytest.raises(InvalidSettings) as caught:
        load(OTP_SMTP_URL="smtps://u:secret@mail.example.com")

    assert any("OTP_API_KEYS is not set" in text for text in caught.value.problems)


@pytest.mark.parametrize("host", ["relay.example.com", "192.0.2.25", "[2001:db8::25]"])
def test_dev_mode_with_an_open_relay_elsewhere_needs_api_keys(host):
    with pytest.raises(InvalidSettings) as caught:
        load(OTP_SMTP_URL=f"smtp://{host}?starttls=off")

    assert any("OTP_API_KEYS is not set" in text for text in caught.value.problems)


@pytest.mark.parametrize(
    "url", ["smtp://localhost:1025", "smtp://mailpit:1025?starttls=off"]
)
def test_dev_mode_with_a_mail_server_on_this_machine_needs_no_api_keys(url):
    settings = load(OTP_SMTP_URL=url)

    assert settings.api_keys == ()
    assert settings.inbox


def test_mail_server_without_tls_causes_a_warning():
    env = PRODUCTION | SENDER | {"OTP_SMTP_URL": "smtp://mail.example.com?starttls=off"}

    settings = config.load(env)

    assert any("OTP_SMTP_URL has starttls=off" in text for text in settings.warnings)


def test_dev_mode_with_a_mail_server_has_the_verify_page():
    settings = load(OTP_SENDER="smtp,console", OTP_SMTP_URL="smtp://localhost:1025")

    assert settings.verify_page.enabled
