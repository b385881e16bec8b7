"""Which apps look for fallbacks in the background."""

from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.composition import background
from tests.support import twilio_server
from tests.support.settings import RELAXED

TWILIO = {
    "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
    "OTP_SENDER": "twilio",
    "TWILIO_ACCOUNT_SID": twilio_server.ACCOUNT,
    "TWILIO_AUTH_TOKEN": twilio_server.TOKEN,
    "TWILIO_MESSAGING_SERVICE_SID": twilio_server.SERVICE,
}
REPORTS = {"OTP_CALLBACK_URL": "https://hooks.example.com"}
WHATSAPP = {"TWILIO_WHATSAPP_CONTENT": f"en=HX{'e' * 32}"}
EMAIL = {
    "OTP_SENDER": "twilio, smtp",
    "OTP_SMTP_URL": "smtp://127.0.0.1:1",
    "OTP_SMTP_FROM": "codes@example.com",
}


@pytest.mark.parametrize(
    ("settings", "is_started"),
    [
        (REPORTS, False),
        (WHATSAPP, False),
        (REPORTS | EMAIL, False),
        (REPORTS | WHATSAPP, True),
    ],
)
def test_app_looks_for_fallbacks_only_if_a_message_can_have_one(
    store, settings, is_started
):
    app = create_app(config.load(RELAXED | TWILIO | settings), store=store)

    due = background.start(app)

    assert due.is_started == is_started
    due.stop()
