from __future__ import annotations

import pytest

from otp_engine import config, senders
from otp_engine.cli import provider_report
from otp_engine.crypto.webhook_signatures import WebhookSecret
from tests.support.settings import PRODUCTION

URL = {"OTP_PUBLIC_URL": "https://otp.example.com"}
TELEGRAM = {"OTP_SENDER": "telegram", "TELEGRAM_GATEWAY_TOKEN": "AAGatewayToken"}
AWS = {
    "OTP_SENDER": "aws",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "eu-west-1",
    "OTP_AWS_NOTIFY_CONFIGURATION": "nc-1",
}
SMTP = {
    "OTP_SENDER": "smtp",
    "OTP_SMTP_URL": "smtps://mail.example.com",
    "OTP_SMTP_FROM": "codes@example.com",
}


def webhook(options):
    return {
        "OTP_SENDER": "msg91",
        "OTP_WEBHOOKS": f"msg91:sms+call{options}=https://gateway.example.com",
        "OTP_WEBHOOK_SECRETS": f"msg91={WebhookSecret(bytes(range(32))).to_text()}",
    }


@pytest.fixture
def report(capsys):
    def read(**environ):
        settings = config.load(PRODUCTION | environ)
        providers = senders.build_senders(settings, max_concurrent=1)
        provider_report.print_report(settings, providers)
        return capsys.readouterr().err

    return read


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        (AWS, "aws sends by sms, call, without delivery reports: they need OTP_AWS_"),
        (TELEGRAM, "telegram sends by telegram, without delivery reports: they need"),
        (TELEGRAM | URL, "telegram sends by telegram, with delivery reports\n"),
        (SMTP, "smtp sends by email, without delivery reports\n"),
        (
            webhook("") | URL,
            "msg91 sends by sms, call, without delivery reports: they need the opt",
        ),
        (webhook(":reports") | URL, "msg91 sends by sms, call, with delivery reports"),
    ],
)
def test_report_names_channels_and_what_delivery_reports_need(
    report, environ, sentence
):
    assert report(**environ).startswith(f"✓ {sentence}")


def test_report_leaves_twilio_and_the_console_to_others(report):
    assert report(OTP_SENDER="twilio,console") == ""
