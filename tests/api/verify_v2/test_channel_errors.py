"""Errors of `/v2` that depend on the channel of the message."""

from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.domain.models import Channel
from tests.support.fakes import FakeSender, by_name
from tests.support.settings import RELAXED
from tests.support.verify_client import ACCOUNT, TOKEN, Verify

LANDLINE = "+912224935555"
GEO = "The destination phone number has been blocked by Verify Geo-Permissions."


@pytest.fixture
def provider():
    return FakeSender(channels=(Channel.SMS, Channel.WHATSAPP, Channel.CALL))


@pytest.fixture
def verify_with(store, provider):
    def build(**settings):
        environ = RELAXED | {"OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}"} | settings
        app = create_app(config.load(environ), store=store, senders=by_name(provider))
        return Verify(app.test_client())

    return build


@pytest.mark.parametrize("channel", ["call", "whatsapp", "sms"])
@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("IN", 60605, " IN is blocked for {} channel for all services"),
        ("+919445", 60410, " +919445 prefix is blocked for the {} channel"),
    ],
)
def test_error_of_a_blocked_destination_names_the_channel(
    verify_with, channel, name, code, text
):
    verify = verify_with(OTP_SENDING=f"on, {name}=off")

    response = verify.send(Channel=channel)

    shown = text.format(channel if code == 60605 else channel.upper())
    assert (response.status, response.body["code"]) == (403, code)
    assert response.body["message"].endswith(shown)


def test_error_of_a_country_without_calls_names_calls(verify_with):
    verify = verify_with(OTP_CALL_COUNTRIES="GB")

    response = verify.send(Channel="call")

    text = GEO + " IN is blocked for call channel for all services"
    assert response.error == (403, 60605, text)


def test_landline_is_called(verify_with, provider):
    verify = verify_with()

    sent = verify.send(LANDLINE, Channel="call")
    checked = verify.check(provider.code, To=LANDLINE)

    assert (sent.status, sent.body["channel"]) == (201, "call")
    assert (checked.body["status"], checked.body["channel"]) == ("approved", "call")


@pytest.mark.parametrize("channel", ["whatsapp", "sms", "auto"])
def test_text_to_a_landline_is_60205(verify_with, provider, channel):
    response = verify_with().send(LANDLINE, Channel=channel)

    message = "SMS is not supported by landline phone number"
    assert response.error == (403, 60205, message)
    assert provider.messages == []
