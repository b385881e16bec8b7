from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.cli import twilio_report
from tests.support import twilio_server
from tests.support.settings import PRODUCTION
from tests.support.twilio_server import TOKEN

CONTENT = f"en=HX{'e' * 32}, pt-BR=HX{'b' * 32}"
NUMBER = {"TWILIO_CALL_FROM": "+15005550006"}
URL = {"OTP_PUBLIC_URL": "https://otp.example.com"}
AT_ONCE = "! calls speak the code at once, also to voicemail"


@pytest.fixture
def twilio():
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture
def report(capsys, twilio):
    def read(**environ):
        url = {"TWILIO_API_BASE_URL": twilio.url, "TWILIO_AUTH_TOKEN": TOKEN}
        twilio_report.print_report(config.load(PRODUCTION | url | environ))
        return capsys.readouterr().err

    return read


def test_report_names_the_channels_and_what_the_others_need(report):
    assert report(**URL) == (
        "✓ twilio sends by sms; whatsapp needs TWILIO_WHATSAPP_CONTENT;"
        " call needs TWILIO_CALL_FROM\n"
    )


def test_report_has_every_channel_and_the_languages_of_templates(report):
    assert report(**URL, **NUMBER, TWILIO_WHATSAPP_CONTENT=CONTENT) == (
        "✓ twilio sends by sms, whatsapp (templates: en, pt_BR), call\n"
    )


def test_report_of_calls_only_states_what_text_messages_need(report):
    output = report(
        **URL, TWILIO_MESSAGING_SERVICE_SID="", TWILIO_CALL_FROM="+15005550006"
    )

    assert output.startswith("✓ twilio sends by call; sms needs TWILIO_MESSAGING_")


def test_report_warns_of_a_template_of_another_account(report, twilio):
    twilio.templates = {f"HX{'e' * 32}": twilio_server.APPROVED}

    output = report(**URL, **NUMBER, TWILIO_WHATSAPP_CONTENT=CONTENT)

    assert "! the WhatsApp template of pt_BR does not exist in this account" in output


@pytest.mark.parametrize(
    "environ",
    [{}, {"OTP_PUBLIC_URL": "https://otp.internal"}],
    ids=["no URL", "private URL"],
)
def test_report_without_callbacks_states_what_they_need(report, environ):
    output = report(**environ, **NUMBER)

    assert "twilio sends no delivery reports: they need TWILIO_AUTH_TOKEN" in output
    assert f"{AT_ONCE}: the key press before it needs TWILIO_AUTH_TOKEN" in output


@pytest.mark.parametrize(("key_press", "warns"), [("0", True), ("1", False)])
def test_report_warns_of_calls_without_a_key_press(report, key_press, warns):
    output = report(**URL, **NUMBER, TWILIO_CALL_KEY_PRESS=key_press)

    assert (AT_ONCE in output) is warns


def test_report_of_an_account_that_sends_nothing_is_empty(report):
    assert report(OTP_SENDER="console") == ""
