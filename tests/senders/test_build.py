from __future__ import annotations

import io

from otp_engine import config, senders
from otp_engine.domain.messages.templates import Message
from otp_engine.senders.console import ConsoleProvider
from tests.support.fakes import MESSAGE, deliver
from tests.support.twilio_server import ACCOUNT, SERVICE

CONSOLE_LINE = "SMS to +91******2345: 123456 is your Acme code.\n"
TWILIO = {
    "OTP_SENDER": "twilio,console",
    "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
}


def settings(**environ):
    return config.load({"OTP_DEV": "1", **environ})


def test_console_prints_text_and_masked_number():
    console = io.StringIO()

    ConsoleProvider(console).send(MESSAGE)

    assert console.getvalue() == CONSOLE_LINE


def test_development_sends_to_console(capsys):
    deliver(senders.build_sender(settings(), max_concurrent=1))

    assert capsys.readouterr().out == CONSOLE_LINE


def test_development_passes_accepted_message_to_callback():
    accepted: list[Message] = []

    deliver(
        senders.build_sender(settings(), max_concurrent=1, on_accepted=accepted.append)
    )

    assert accepted == [MESSAGE]


def test_senders_are_built_in_order_of_preference():
    sender = senders.build_sender(settings(**TWILIO), max_concurrent=1)

    assert sender.name == "twilio,console"


def test_installation_without_twilio_has_no_report_parser():
    assert senders.build_report_parser(settings()) is None
