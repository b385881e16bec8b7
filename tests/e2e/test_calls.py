"""Calls by running processes: any instance speaks a code that another one has sent."""

from __future__ import annotations

import re
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.support import server_process
from tests.support.twilio_server import key_press_url, sign, spoken_texts

PHONE = "+919445012345"
KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PRESS = {"CallSid": "CA" + "1" * 32, "Digits": "5", "To": PHONE}


@pytest.fixture
def instances(own_environ):
    environ = own_environ | {
        "OTP_CALLBACK_URL": "https://hooks.example.com",
        "TWILIO_CALL_FROM": "+15005550006",
    }
    with ExitStack() as stack:
        yield [
            stack.enter_context(server_process.running_server(**environ))
            for _ in range(2)
        ]


def test_code_of_a_call_is_spoken_and_checked_by_another_instance(instances, twilio):
    first, second = instances
    body = {"phone": PHONE, "channel": "call"}
    assert first.post("/auth/send_otp", body, **KEY).status == 201
    url = key_press_url(twilio.calls[0]["Twiml"])
    parts = urlsplit(url)

    reply = second.post_form(
        f"{parts.path}?{parts.query}", PRESS, **{"X-Twilio-Signature": sign(url, PRESS)}
    )
    code = re.sub("[^0-9]", "", spoken_texts(reply.body)[0])
    checked = first.post("/auth/verify_otp", {"phone": PHONE, "otp": code}, **KEY)

    assert reply.status == 200
    assert checked.body == {"VerificationStatus": "approved"}
    for line in (line for each in instances for line in each.stdout + each.stderr):
        assert not any(text in line for text in (code, PHONE, "text=", parts.query))
