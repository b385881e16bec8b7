"""The channel of a send, in both APIs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.domain.models import Channel
from otp_engine.errors import ProviderUnavailable, RecipientNotOnChannel
from tests.support.fakes import FakeSender, by_name
from tests.support.settings import RELAXED
from tests.support.verify_client import ACCOUNT, TOKEN, Verify

CHANNELS = (Channel.SMS, Channel.WHATSAPP, Channel.CALL)
PHONE = "9445012345"
TOMORROW = datetime.now(UTC).date() + timedelta(days=1)


@pytest.fixture
def provider():
    return FakeSender(name="console", channels=CHANNELS)


@pytest.fixture
def app_of(store, provider):
    def build(**environ):
        settings = config.load(RELAXED | environ)
        return create_app(settings, store=store, senders=by_name(provider))

    return build


@pytest.fixture
def send(app_of):
    client = app_of().test_client()

    def post(**fields):
        return client.post("/auth/send_otp", json={"phone": PHONE} | fields)

    return post


@pytest.fixture
def verify(app_of):
    return Verify(app_of(OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}").test_client())


@pytest.mark.parametrize("channel", CHANNELS)
def test_auth_sends_on_the_chosen_channel(send, provider, channel):
    response = send(channel=channel)

    assert response.status_code == 201
    assert [message.channel for message in provider.messages] == [channel]


def test_auth_send_has_the_channel_in_a_header(send):
    assert send(channel="call").headers["OTP-Channel"] == "call"


def test_auth_approval_has_the_channel_of_the_code_in_a_header(app_of, provider):
    client = app_of().test_client()
    for channel in ("whatsapp", "sms"):
        client.post("/auth/send_otp", json={"phone": PHONE, "channel": channel})

    response = client.post(
        "/auth/verify_otp", json={"phone": PHONE, "otp": provider.codes[0]}
    )

    assert response.headers["OTP-Channel"] == "whatsapp"


@pytest.mark.parametrize("fields", [{}, {"channel": "auto"}, {"channel": None}])
def test_auth_without_a_channel_lets_the_route_decide(app_of, provider, fields):
    client = app_of(OTP_ROUTES="IN=call:console>sms:console").test_client()

    response = client.post("/auth/send_otp", json={"phone": PHONE} | fields)

    assert response.status_code == 201
    assert [message.channel for message in provider.messages] == [Channel.CALL]


@pytest.mark.parametrize("channel", ["telegram", "email", "fax", "SMS", ""])
def test_auth_names_the_channels_that_are_offered(send, provider, channel):
    response = send(channel=channel)

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")
    if channel:
        names = "auto, sms, whatsapp, call"
        assert response.json["msg"] == f"'channel' must be one of: {names}."
    assert provider.messages == []


@pytest.mark.parametrize("channel", [*CHANNELS, "auto"])
def test_sandbox_number_has_its_code_on_every_channel_without_a_message(
    app_of, provider, channel
):
    client = app_of(
        OTP_TEST_NUMBERS=f"+91{PHONE}:123456@{TOMORROW}", OTP_CALL_COUNTRIES="GB"
    ).test_client()

    for _ in range(3):
        response = client.post(
            "/auth/send_otp", json={"phone": PHONE, "channel": channel}
        )
        assert response.status_code == 201
    checked = client.post("/auth/verify_otp", json={"phone": PHONE, "otp": "123456"})

    assert checked.json == {"VerificationStatus": "approved"}
    assert provider.messages == []


def test_auth_reports_a_recipient_without_the_channel(send, provider):
    provider.error = RecipientNotOnChannel()

    first = send(channel="whatsapp")
    provider.error = None
    again = send(channel="whatsapp")

    for response in (first, again):
        assert response.status_code == 400
        assert response.json["error"] == "recipient_not_on_channel"
    assert send().status_code == 201


def test_verify_reports_a_recipient_without_the_channel(verify, provider):
    provider.error = RecipientNotOnChannel()

    response = verify.send(Channel="whatsapp")

    assert response.error == (400, 63003, "Channel could not find To address")


def test_verify_shows_the_channel_of_the_last_send_while_pending(verify, provider):
    verify.send(Channel="whatsapp")

    response = verify.send(Channel="call")

    assert response.body["channel"] == "call"
    channels = [each["channel"] for each in response.body["send_code_attempts"]]
    assert channels == ["whatsapp", "call"]


def test_verify_shows_the_channel_of_the_code_once_approved(verify, provider):
    verify.send(Channel="whatsapp")
    verify.send(Channel="call")

    wrong = verify.check("000000")
    right = verify.check(provider.codes[0])

    assert (wrong.body["channel"], wrong.body["status"]) == ("call", "pending")
    assert (right.body["channel"], right.body["status"]) == ("whatsapp", "approved")


class WithoutWhatsApp(FakeSender):
    """A provider that is not connected for messages on WhatsApp."""

    def send(self, message):
        if message.channel is Channel.WHATSAPP:
            raise ProviderUnavailable
        return super().send(message)


def test_verify_shows_the_channel_that_a_later_step_used(store):
    provider = WithoutWhatsApp(name="console", channels=CHANNELS)
    settings = config.load(
        RELAXED
        | {
            "OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}",
            "OTP_ROUTES": "IN=whatsapp:console>sms:console",
        }
    )
    app = create_app(settings, store=store, senders=by_name(provider))

    response = Verify(app.test_client()).send(Channel="auto")

    assert response.body["channel"] == "sms"
    assert [each["channel"] for each in response.body["send_code_attempts"]] == ["sms"]


def test_verify_approval_by_a_client_has_the_channel_of_the_last_send(verify):
    verify.send(Channel="whatsapp")
    sent = verify.send(Channel="call")

    response = verify.post(
        sent.body["url"].removeprefix("http://localhost"), Status="approved"
    )

    assert (response.body["channel"], response.body["status"]) == ("call", "approved")
