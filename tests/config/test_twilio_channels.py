from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.errors import InvalidSettings
from tests.support.settings import PRODUCTION

ENGLISH, PORTUGUESE = "HX" + "e" * 32, "HX" + "B" * 32
CONTENT = f"en={ENGLISH}, pt-BR={PORTUGUESE}"
CALLER = "+14155550101"
WITHOUT_SERVICE = {"TWILIO_MESSAGING_SERVICE_SID": ""}


def twilio(**environ):
    settings = config.load(PRODUCTION | environ).twilio
    assert settings
    return settings


def problems(**environ):
    with pytest.raises(InvalidSettings) as raised:
        config.load(PRODUCTION | environ)
    return raised.value.problems


def test_account_without_further_settings_has_text_messages_only():
    settings = twilio()

    assert settings.whatsapp is None
    assert settings.calls is None


@pytest.mark.parametrize("number", ["+14155550100", "whatsapp:+14155550100"])
def test_sender_and_templates_give_whatsapp(number):
    settings = twilio(TWILIO_WHATSAPP_FROM=number, TWILIO_WHATSAPP_CONTENT=CONTENT)

    assert settings.whatsapp.from_ == "+14155550100"
    assert settings.whatsapp.content == {"en": ENGLISH, "pt_BR": PORTUGUESE}


def test_messaging_service_and_templates_give_whatsapp():
    assert twilio(TWILIO_WHATSAPP_CONTENT=CONTENT).whatsapp.from_ is None


def test_sender_of_whatsapp_without_templates_is_a_problem():
    [problem] = problems(TWILIO_WHATSAPP_FROM="+14155550100")

    assert problem.startswith(
        "TWILIO_WHATSAPP_CONTENT is not set: WhatsApp delivers codes only in approved"
    )


def test_templates_without_a_sender_are_a_problem():
    [problem] = problems(
        **WITHOUT_SERVICE, TWILIO_FROM="ACME", TWILIO_WHATSAPP_CONTENT=CONTENT
    )

    assert problem.startswith("TWILIO_WHATSAPP_FROM is not set: ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"en=HX{'g' * 32}", "needs the SID of a content template"),
        (f"en=MG{'1' * 32}", "needs the SID of a content template"),
        (f"en={ENGLISH[:-1]}", "needs the SID of a content template"),
        (f"xx={ENGLISH}", "has a locale that WhatsApp does not have: 'xx'"),
        (f"en={ENGLISH}, EN={ENGLISH}", "has EN twice"),
        (f"pt={ENGLISH}, pt-PT={ENGLISH}", "has pt-PT twice"),
        (ENGLISH, "must be a list such as en=HX"),
        ("en=", "must be a list such as en=HX"),
        (",", "must be a list such as en=HX"),
    ],
)
def test_malformed_templates_are_a_problem(text, reason):
    [problem] = problems(TWILIO_WHATSAPP_CONTENT=text)

    assert problem.startswith(f"TWILIO_WHATSAPP_CONTENT {reason}")


@pytest.mark.parametrize("text", ["ACME", "14155550100", "sms:+14155550100"])
def test_sender_of_whatsapp_that_is_no_number_is_a_problem(text):
    [problem] = problems(TWILIO_WHATSAPP_FROM=text, TWILIO_WHATSAPP_CONTENT=CONTENT)

    assert problem == "TWILIO_WHATSAPP_FROM must be a number such as +15005550006"


@pytest.mark.parametrize("environ", [{}, {"TWILIO_FROM": "+14155550100"}])
def test_calls_come_from_their_own_number(environ):
    assert twilio(**environ, TWILIO_CALL_FROM=CALLER).calls.from_ == CALLER


@pytest.mark.parametrize("sender", ["+14155550100", "ACME", "12345"])
def test_sender_of_text_messages_places_no_calls(sender):
    assert twilio(TWILIO_FROM=sender).calls is None


def test_account_without_any_sender_is_a_problem():
    [problem] = problems(**WITHOUT_SERVICE, TWILIO_CALL_FROM="")

    assert problem.startswith("TWILIO_FROM is not set: ")


@pytest.mark.parametrize("text", ["ACME", "off", "0", "whatsapp:+14155550100"])
def test_number_of_calls_that_is_no_number_is_a_problem(text):
    [problem] = problems(TWILIO_CALL_FROM=text)

    assert problem == "TWILIO_CALL_FROM must be a number such as +15005550006"


@pytest.mark.parametrize(("text", "key_press"), [("", True), ("0", False)])
def test_key_press_is_on_by_default(text, key_press):
    settings = twilio(TWILIO_CALL_FROM=CALLER, TWILIO_CALL_KEY_PRESS=text)

    assert settings.calls.key_press is key_press


def test_voices_are_by_language():
    settings = twilio(
        TWILIO_CALL_FROM=CALLER,
        TWILIO_CALL_VOICES="el=Google.el-GR-Wavenet-B, pt_BR=Polly.Vitoria-Neural",
    )

    assert settings.calls.voices == {
        "el": "Google.el-GR-Wavenet-B",
        "pt-br": "Polly.Vitoria-Neural",
    }


@pytest.mark.parametrize(
    "text",
    [
        *("el", "el=", "el=two words", "1=Polly.Amy", 'en="x"'),
        *("el=Amy", "zz=Polly.Amy", "el=Polly."),
    ],
)
def test_malformed_voices_are_a_problem(text):
    [problem] = problems(TWILIO_CALL_FROM=CALLER, TWILIO_CALL_VOICES=text)

    assert problem.startswith("TWILIO_CALL_VOICES ")


@pytest.mark.parametrize(
    "environ",
    [
        {"TWILIO_CALL_FROM": "+14155550100"},
        {"TWILIO_WHATSAPP_FROM": "+1415555010", "TWILIO_WHATSAPP_CONTENT": CONTENT},
    ],
    ids=["calls", "whatsapp"],
)
def test_account_needs_no_sender_of_text_messages_with_another_channel(environ):
    settings = twilio(**WITHOUT_SERVICE, **environ)

    assert settings.service is settings.from_ is None


SANDBOX = {"TWILIO_WHATSAPP_FROM": "whatsapp:+14155238886"}


@pytest.mark.parametrize(
    ("environ", "warns"),
    [(SANDBOX, True), ({"TWILIO_WHATSAPP_FROM": "+14155550100"}, False)],
    ids=["sandbox", "own number"],
)
def test_sandbox_of_whatsapp_is_warned_of(environ, warns):
    settings = config.load(PRODUCTION | {"TWILIO_WHATSAPP_CONTENT": CONTENT} | environ)

    assert (
        any("is the sandbox of Twilio" in text for text in settings.warnings) is warns
    )
