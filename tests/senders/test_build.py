from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

from otp_engine import config, senders
from otp_engine.domain.messages.templates import Message
from otp_engine.senders.console import ConsoleProvider
from tests.support.fakes import MESSAGE, deliver
from tests.support.twilio_server import ACCOUNT, SERVICE

CONSOLE_LINE = "SMS to +91********45: 123456 is your Acme code."
TWILIO = {
    "OTP_SENDER": "twilio,console",
    "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
}


def settings(**environ):
    return config.load({"OTP_DEV": "1", **environ})


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self):
        return True


def test_console_prints_text_on_a_terminal():
    console = Terminal()

    ConsoleProvider(console).send(MESSAGE)

    assert console.getvalue() == f"{CONSOLE_LINE}\n"


def test_console_prints_json_elsewhere():
    console = io.StringIO()
    now = datetime(2026, 2, 3, 12, 30, 15, 250_000, tzinfo=UTC)

    ConsoleProvider(console, lambda: now).send(MESSAGE)

    [line] = console.getvalue().splitlines()
    assert json.loads(line) == {
        "time": "2026-02-03T12:30:15.250Z",
        "level": "info",
        "logger": "otp_engine.senders.console",
        "message": CONSOLE_LINE,
    }


def test_message_of_several_lines_is_one_json_line():
    console = io.StringIO()
    message = replace(MESSAGE, body="123456\n\n@example.com #123456")

    ConsoleProvider(console).send(message)

    [line] = console.getvalue().splitlines()
    assert json.loads(line)["message"].endswith(message.body)


def test_development_sends_to_console(capsys):
    deliver(senders.build_senders(settings(), max_concurrent=1)["console"])

    assert json.loads(capsys.readouterr().out)["message"] == CONSOLE_LINE


def test_development_passes_accepted_message_to_callback():
    accepted: list[Message] = []

    built = senders.build_senders(
        settings(), max_concurrent=1, on_accepted=accepted.append
    )

    deliver(built["console"])

    assert accepted == [MESSAGE]


def test_senders_are_built_in_order_of_preference():
    built = senders.build_senders(settings(**TWILIO), max_concurrent=1)

    assert list(built) == [sender.name for sender in built.values()]
    assert list(built) == ["twilio", "console"]


def test_channels_of_providers_are_those_of_the_settings():
    configured = settings(**TWILIO)

    built = senders.build_senders(configured, max_concurrent=1)

    channels = {name: sender.channels for name, sender in built.items()}
    assert channels == configured.channels_by_provider


def test_installation_without_twilio_has_no_report_receiver():
    assert senders.build_report_receivers(settings()) == []
