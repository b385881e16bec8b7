"""The channels of the verify page: the buttons of other channels, and the texts."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import cast

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.domain.models import Channel
from otp_engine.errors import (
    DeliveryFailed,
    NumberTypeNotAllowed,
    ProviderUnavailable,
    RateLimited,
    RecipientNotOnChannel,
    RecipientOptedOut,
)
from otp_engine.store.redis_store import RedisStore
from otp_engine.web import notices, page_channels
from otp_engine.web.notices import Kind
from otp_engine.web.session import VerifySession
from otp_engine.web.translations import TRANSLATIONS
from tests.support.fakes import FakeSender, StoreLosingReplies, by_name
from tests.support.settings import RELAXED
from tests.support.time_travel import age
from tests.support.verify_page import Person

PHONE = "+919445012345"
# The page has no e-mail recipients.
OF_A_PHONE = sorted(set(Channel) - {Channel.EMAIL})
ENGLISH = TRANSLATIONS["en"]


@pytest.fixture
def sender():
    """Return a sender of text messages, WhatsApp and calls."""
    return FakeSender(channels=(Channel.SMS, Channel.WHATSAPP, Channel.CALL))


@pytest.fixture
def visitor(store, sender):
    """Return a person on a page with the channels of *sender*."""
    app = create_app(config.load(RELAXED), store=store, senders=by_name(sender))
    return Person(app.test_client())


def others(person):
    """Return the values of the buttons that send a code another way."""
    return re.findall(r'value="((?:number|resend):\w+)"', person.text)


def test_number_form_offers_no_channel(person):
    assert (person.step, others(person)) == ("number", [])
    assert 'role="group"' not in person.text


def test_first_code_is_sent_by_the_route(visitor, sender):
    visitor.submit("number", phone=PHONE)

    assert [message.channel for message in sender.messages] == [Channel.SMS]
    assert "We sent a code in a text message to" in visitor.text


def test_code_form_offers_the_other_channels(visitor):
    visitor.submit("number", phone=PHONE)

    assert others(visitor) == ["resend:whatsapp", "resend:call"]
    assert "Get the code another way" in visitor.text
    assert "Send the code on WhatsApp" in visitor.text
    assert "Call me with the code" in visitor.text


def test_page_offers_no_email(person):
    person.submit("number", phone=PHONE)

    assert others(person) == ["resend:whatsapp", "resend:call", "resend:telegram"]


def test_only_channel_has_no_button(visitor, sender):
    sender.channels = (Channel.SMS,)
    visitor.submit("number", phone=PHONE)

    assert (visitor.step, others(visitor)) == ("code", [])


def test_channel_that_is_off_is_not_offered(app_with):
    app = app_with(OTP_SENDING="on, channel:call=off, IN=on")
    person = Person(app.test_client())

    person.submit("number", phone=PHONE)

    assert others(person) == ["resend:whatsapp", "resend:telegram"]


def test_calls_to_other_countries_are_not_offered(app_with):
    app = app_with(OTP_CALL_COUNTRIES="US")
    person = Person(app.test_client())

    person.submit("number", phone=PHONE)

    assert others(person) == ["resend:whatsapp", "resend:telegram"]


@pytest.mark.parametrize("form", ["number", "resend"])
def test_call_to_another_country_is_refused_with_other_channels(app_with, form):
    person = Person(app_with(OTP_CALL_COUNTRIES="US").test_client())
    if form == "resend":
        person.submit("number", phone=PHONE)

    person.submit(f"{form}:call", phone=PHONE)

    assert person.notice == "We do not call numbers of this country."
    assert person.kind == "error"
    assert f"{form}:whatsapp" in others(person)
    assert f"{form}:call" not in others(person)


def test_last_call_of_a_limit_leaves_the_other_channels(app_with):
    person = Person(app_with(OTP_CALLS_PER_PHONE="1/10m").test_client())
    person.submit("number:call", phone=PHONE)

    person.submit("resend:call")

    assert person.notice.startswith("No more calls can be made at the moment.")
    assert (person.kind, person.step) == ("info", "code")
    person.submit("resend:sms")
    assert person.notice == "A new code is on its way."


def test_button_of_a_channel_sends_by_it(visitor, sender):
    visitor.submit("number", phone=PHONE)

    visitor.submit("resend:whatsapp")

    assert sender.messages[-1].channel is Channel.WHATSAPP
    assert "We sent a code on WhatsApp to" in visitor.text
    assert others(visitor) == ["resend:sms", "resend:call"]
    assert "Send the code in a text message" in visitor.text


def test_call_is_announced(visitor, sender):
    visitor.submit("number", phone=PHONE)

    visitor.submit("resend:call")

    assert sender.messages[-1].channel is Channel.CALL
    assert 'We are calling <span class="number">+91******2345</span>' in visitor.text
    assert "Answer the call to hear it." in visitor.text


def test_page_shows_the_channel_of_a_later_message_that_it_did_not_request(
    visitor, sender
):
    visitor.submit("number", phone=PHONE)
    with visitor.http.session_transaction("/verify") as session:
        handle = session["handle"]
    visitor.http.post(
        "/auth/send_otp", json={"verification": handle, "channel": "call"}
    )

    visitor.open()

    assert 'We are calling <span class="number">+91******2345</span>' in visitor.text
    assert "Answer the call to hear it." in visitor.text
    assert others(visitor) == ["resend:sms", "resend:whatsapp"]
    assert sender.messages[-1].channel is Channel.CALL


def test_code_form_is_shown_while_redis_is_unavailable(store, sender):
    silent = StoreLosingReplies(store, "get_pending")
    app = create_app(
        config.load(RELAXED), store=cast(RedisStore, silent), senders=by_name(sender)
    )
    visitor = Person(app.test_client())

    visitor.submit("number", phone=PHONE)

    assert (visitor.step, visitor.response.status_code) == ("code", 200)
    assert "We sent a code in a text message to" in visitor.text


def test_page_without_a_live_code_shows_the_channel_of_its_own_request(visitor, redis):
    visitor.submit("number", phone=PHONE)
    visitor.submit("resend:whatsapp")
    age(redis, timedelta(minutes=11))

    visitor.open()

    assert (visitor.step, others(visitor)) == ("code", ["resend:sms", "resend:call"])
    assert "We sent a code on WhatsApp to" in visitor.text


def test_field_of_the_code_is_described_by_its_channel(visitor):
    visitor.submit("number", phone=PHONE)

    assert '<p id="sent" role="status">We sent a code in' in visitor.text
    assert 'aria-describedby="sent otp-hint"' in visitor.text


def test_new_code_is_sent_by_the_channel_that_was_chosen(visitor, sender):
    visitor.submit("number", phone=PHONE)
    visitor.submit("resend:call")

    visitor.submit("resend")

    assert sender.messages[-1].channel is Channel.CALL


def test_other_number_is_sent_by_the_route_again(visitor, sender):
    visitor.submit("number", phone=PHONE)
    visitor.submit("resend:call")
    visitor.submit("change")

    visitor.submit("number", phone="+919445067890")

    assert sender.messages[-1].channel is Channel.SMS


@pytest.mark.parametrize("name", ["pigeon", "email", "telegram", "SMS", ""])
def test_channel_that_is_not_offered_leaves_the_choice_to_the_route(
    visitor, sender, name
):
    visitor.submit(f"number:{name}", phone=PHONE)

    assert visitor.step == "code"
    assert sender.messages[-1].channel is Channel.SMS


def test_code_of_a_chosen_channel_is_approved(visitor, sender):
    visitor.submit("number:whatsapp", phone=PHONE)

    visitor.submit("code", otp=sender.code)

    assert visitor.step == "done"


@pytest.mark.parametrize(
    "error",
    [
        DeliveryFailed(),
        NumberTypeNotAllowed(),
        ProviderUnavailable(),
        RecipientNotOnChannel(),
    ],
)
def test_number_form_offers_other_channels_after_a_failed_send(visitor, sender, error):
    sender.error = error

    visitor.submit("number", phone=PHONE)

    assert visitor.step == "number"
    assert others(visitor) == ["number:whatsapp", "number:call"]
    sender.error = None
    visitor.submit("number:call", phone=PHONE)
    assert sender.messages[-1].channel is Channel.CALL


def test_landline_is_offered_a_call_only(visitor, sender):
    visitor.submit("number", phone="+912224935555")

    assert visitor.notice.startswith("This number cannot get text messages.")
    assert others(visitor) == ["number:call"]
    visitor.submit("number:call", phone="+912224935555")
    assert sender.messages[-1].channel is Channel.CALL
    assert (visitor.step, others(visitor)) == ("code", [])


def test_toll_free_number_is_offered_no_channel(visitor):
    visitor.submit("number", phone="+911800123456")

    assert (visitor.step, others(visitor)) == ("number", [])


def test_failed_route_leaves_out_its_first_channel(app_with):
    person = Person(app_with(OTP_ROUTES="*=whatsapp:console").test_client())
    person.http.post("/dev/inbox/provider", data={"outcome": "rejected"})

    person.submit("number", phone=PHONE)

    assert others(person) == ["number:sms", "number:call", "number:telegram"]


def test_opted_out_recipient_is_offered_no_other_channel(visitor, sender):
    sender.error = RecipientOptedOut()

    visitor.submit("number", phone=PHONE)

    assert (visitor.step, others(visitor)) == ("number", [])


def test_number_without_whatsapp_is_offered_the_other_channels(visitor, sender):
    visitor.submit("number", phone=PHONE)
    sender.error = RecipientNotOnChannel()

    visitor.submit("resend:whatsapp")

    assert visitor.notice == "This number is not on WhatsApp."
    assert (visitor.kind, others(visitor)) == ("error", ["resend:call"])
    sender.error = None
    visitor.submit("code", otp=sender.code)
    assert visitor.step == "done"


def test_route_without_the_recipient_is_an_undelivered_message(visitor, sender):
    sender.error = RecipientNotOnChannel()

    visitor.submit("number", phone=PHONE)

    assert visitor.notice == "The message could not be delivered to this number."


def test_limit_of_calls_keeps_the_wait_for_a_message(client):
    session = VerifySession({"handle": "a handle", "resend_at": 0})
    error = RateLimited("calls_per_phone", retry_after=timedelta(minutes=10))

    with client.application.app_context():
        notice = notices.for_error(error, session, ENGLISH, app="", default_length=6)

    text = "No more calls can be made at the moment. Try again in 10\u00a0min."
    assert (notice.text, notice.kind, notice.status) == (text, Kind.INFO, 429)
    assert session.resend_after == 0
    assert page_channels.can_use_another(error)


@pytest.mark.parametrize(
    ("channels", "text"),
    [
        ([Channel.SMS], "Acme sends one text message with a code"),
        ([Channel.SMS, Channel.TELEGRAM], "Acme sends a message with a code"),
        ([Channel.CALL, Channel.SMS], "Acme sends a message or makes a call"),
    ],
)
def test_consent_names_what_is_sent(channels, text):
    assert page_channels.consent(channels, "Acme", ENGLISH).startswith(text)


def test_session_of_an_earlier_release_was_sent_a_text_message():
    assert VerifySession({"handle": "a handle"}).channel is Channel.SMS


@pytest.mark.parametrize("channel", OF_A_PHONE)
def test_every_channel_of_a_phone_has_its_texts(channel):
    app = page_channels.app_name(channel)

    for locale, translations in TRANSLATIONS.items():
        button = page_channels.send_by(channel, translations)
        sentence = page_channels.sent_by(channel, "+91<b>", translations)

        assert app in button, locale
        assert app in sentence, locale
        assert '<span class="number">+91&lt;b&gt;</span>' in sentence, locale
