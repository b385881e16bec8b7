from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from otp_engine import config, senders
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.senders.console import ConsoleProvider
from otp_engine.senders.guarded import GuardedSender
from otp_engine.senders.telegram_reports import PATH as TELEGRAM_PATH
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
AWS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "eu-west-1",
    "OTP_AWS_NOTIFY_CONFIGURATION": "nc-1",
}
TOPIC = "arn:aws:sns:eu-west-1:123456789012:otp"
TELEGRAM = {
    "OTP_SENDER": "telegram",
    "OTP_API_KEYS": TWILIO["OTP_API_KEYS"],
    "TELEGRAM_GATEWAY_TOKEN": "AAGatewayToken",
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


@pytest.mark.parametrize(("feedback", "confirms"), [("1", True), ("0", False)])
def test_twilio_gets_feedback_unless_it_is_turned_off(feedback, confirms):
    configured = settings(**TWILIO, TWILIO_FEEDBACK=feedback)

    built = senders.build_senders(configured, max_concurrent=1)

    sender = built["twilio"]
    assert isinstance(sender, GuardedSender)
    assert sender.confirms is confirms


def test_channels_of_providers_are_those_of_the_settings():
    configured = settings(
        **TWILIO,
        TWILIO_WHATSAPP_CONTENT=f"en=HX{'0' * 32}",
        TWILIO_WHATSAPP_FROM="+14155550100",
        TWILIO_CALL_FROM="+14155550100",
    )

    built = senders.build_senders(configured, max_concurrent=1)

    channels = {name: sender.channels for name, sender in built.items()}
    assert channels == configured.channels_by_provider
    assert channels["twilio"] == (Channel.SMS, Channel.WHATSAPP, Channel.CALL)


def test_installation_without_twilio_has_no_report_receiver():
    assert senders.build_report_receivers(settings()) == []


@pytest.mark.parametrize(
    ("environ", "paths"),
    [({}, []), ({"OTP_PUBLIC_URL": "https://otp.example.com"}, [TELEGRAM_PATH])],
    ids=["no url", "public url"],
)
def test_telegram_reports_reach_an_installation_with_a_public_url(environ, paths):
    configured = settings(**TELEGRAM, **environ)

    receivers = senders.build_report_receivers(configured)
    built = senders.build_senders(configured, max_concurrent=1)

    assert [receiver.path for receiver in receivers] == paths
    assert built["telegram"].reports_delivery is bool(paths)


def test_aws_and_telegram_have_the_channels_of_the_settings():
    configured = settings(**AWS | TELEGRAM | {"OTP_SENDER": "aws,telegram"})

    built = senders.build_senders(configured, max_concurrent=1)

    channels = {name: sender.channels for name, sender in built.items()}
    assert channels == configured.channels_by_provider


@pytest.mark.parametrize(
    ("environ", "paths"),
    [
        ({"OTP_AWS_TOPIC": TOPIC}, []),
        ({"OTP_PUBLIC_URL": "https://otp.example.com"}, []),
        (
            {"OTP_PUBLIC_URL": "https://otp.example.com", "OTP_AWS_TOPIC": TOPIC},
            ["/callbacks/aws"],
        ),
    ],
    ids=["no url", "no topic", "url and topic"],
)
def test_events_of_aws_need_a_topic_and_a_public_url(environ, paths):
    configured = settings(**AWS | TELEGRAM | {"OTP_SENDER": "aws"} | environ)

    receivers = senders.build_report_receivers(configured)
    built = senders.build_senders(configured, max_concurrent=1)

    assert [receiver.path for receiver in receivers] == paths
    assert built["aws"].reports_delivery is bool(paths)
