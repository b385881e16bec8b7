from __future__ import annotations

from dataclasses import replace

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import email_addresses
from otp_engine.domain.deliveries import TrackedDelivery
from otp_engine.domain.events import CodeSent, Event, VerificationApproved
from otp_engine.domain.inspection import PhoneInspector
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.models import Channel, CheckRequest, SendRequest
from otp_engine.domain.money.prices import Prices
from otp_engine.domain.phones import numbers
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.domain.routing.routes import Routes
from otp_engine.errors import (
    ChannelNotAllowed,
    DeliveryUnconfirmed,
    InvalidEmail,
    ProviderUnavailable,
    RateLimited,
    SendingDisabled,
    TooManyAttempts,
    VerificationNotFound,
)
from tests.support.fakes import FakeSender, by_name, different_code
from tests.support.redis_dump import everything_in
from tests.support.tuning import with_policy

PERSON = email_addresses.parse("person@example.com")
OTHER = email_addresses.parse("other@example.com")
PRICES = Prices(currency="USD", by_country={("IN", "sms"): 80_000}, source="test")


@pytest.fixture
def mails():
    return FakeSender(name="smtp", channels=(Channel.EMAIL,))


@pytest.fixture
def engine(engine, outbox, mails):
    return replace(engine, senders=by_name(outbox, mails))


def send(engine, address=PERSON, **more):
    return engine.send(SendRequest(address=address, **more))


def check(engine, code, address=PERSON, **more):
    return engine.check(CheckRequest(address=address, code=code, **more))


def test_code_is_sent_by_email_and_approved(engine, outbox, mails):
    sent = send(engine)

    result = check(engine, mails.code)

    assert (sent.channel, sent.confirmed) == (Channel.EMAIL, True)
    assert result.approved
    assert outbox.messages == []
    [message] = mails.messages
    assert (message.to, message.masked) == ("person@example.com", "p***@e***.com")
    assert (message.country, message.channel) == ("", Channel.EMAIL)
    assert message.subject
    assert mails.code not in message.subject


def test_code_of_an_address_is_for_no_other_recipient(engine, mails, alice):
    send(engine)

    for address in (OTHER, alice.address):
        with pytest.raises(VerificationNotFound):
            check(engine, mails.code, address)


def test_spellings_of_an_address_share_a_verification(engine, mails):
    first = send(engine, email_addresses.parse("PERSON@Example.com"))

    second = send(engine)

    assert second.verification_id == first.verification_id
    assert {message.to for message in mails.messages} == {"person@example.com"}


def test_resend_and_attempts_are_those_of_a_phone(engine, mails):
    engine = with_policy(engine, max_checks=2)
    send(engine)
    wrong = different_code(mails.code)

    attempts = [check(engine, wrong).attempts_remaining for _ in range(2)]

    assert attempts == [1, 0]
    with pytest.raises(TooManyAttempts):
        check(engine, mails.code)


def test_bound_verification_needs_its_id(engine, mails):
    sent = send(engine, bind=True)

    with pytest.raises(VerificationNotFound):
        check(engine, mails.code)
    result = check(engine, mails.code, bound_id=sent.verification_id)

    assert result.approved


def test_limit_per_phone_counts_messages_to_an_address(engine):
    engine = with_policy(engine, sends_per_phone=PARSERS["sends_per_phone"]("2/10m"))
    send(engine)
    send(engine)

    with pytest.raises(RateLimited) as caught:
        send(engine)

    assert caught.value.limit == "sends_per_phone"
    send(engine, OTHER)


def test_limit_per_mailbox_counts_messages_to_all_its_spellings(engine, mails):
    engine = with_policy(engine, sends_per_phone=PARSERS["sends_per_phone"]("2/10m"))
    for number in range(2):
        send(engine, email_addresses.parse(f"person+{number}@example.com"))

    for spelling in ("person", "person+2"):
        with pytest.raises(RateLimited) as caught:
            send(engine, email_addresses.parse(f"{spelling}@example.com"))
        assert caught.value.limit == "sends_per_mailbox"

    assert len(mails.messages) == 2
    send(engine, OTHER)


def test_rejected_message_is_released_for_its_mailbox(engine, mails):
    engine = with_policy(engine, sends_per_phone=PARSERS["sends_per_phone"]("1/10m"))
    mails.error = ProviderUnavailable()
    with pytest.raises(ProviderUnavailable):
        send(engine)
    mails.error = None

    send(engine, email_addresses.parse("person+1@example.com"))

    assert len(mails.messages) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [("sends_per_channel", "off, email=1/1h"), ("sends_total", "1/1h")],
)
def test_limits_of_channel_and_total_count_emails(engine, alice, name, text):
    engine = with_policy(engine, **{name: PARSERS[name](text)})
    send(engine)

    with pytest.raises(RateLimited) as caught:
        send(engine, OTHER)

    assert caught.value.limit == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sends_per_country", "1/1h"),
        ("sends_per_prefix", "+=1/1h"),
        ("guard", "on"),
        ("budget", "0.01/24h"),
    ],
)
def test_rules_of_phone_numbers_ignore_emails(engine, redis, name, text):
    if name == "sends_per_prefix":
        text = "+91=1/1h"
    values = {name: PARSERS[name](text)}
    if name == "guard":
        values["guard_block"] = PARSERS["guard_block"]("1")
    engine = replace(with_policy(engine, **values), prices=PRICES)

    results = [send(engine, address) for address in (PERSON, OTHER) * 2]

    assert all(result.confirmed for result in results)
    assert not redis.exists("otp:{shared}:guard")


def test_country_that_is_not_allowed_does_not_refuse_emails(engine):
    engine = with_policy(engine, allowed_countries=frozenset({"SN"}))

    assert send(engine).confirmed


@pytest.mark.parametrize(
    ("text", "error"),
    [("off", SendingDisabled), ("on, channel:email=off", ChannelNotAllowed)],
)
def test_switches_of_sending_and_channel_refuse_emails(engine, mails, text, error):
    engine = with_policy(engine, sending=PARSERS["sending"](text))

    with pytest.raises(error):
        send(engine)

    assert mails.messages == []


def test_switch_of_a_country_does_not_refuse_emails(engine):
    engine = with_policy(engine, sending=PARSERS["sending"]("on, IN=off"))

    assert send(engine).confirmed


def test_email_without_a_provider_is_refused(engine, outbox):
    engine = replace(engine, senders=by_name(outbox))

    with pytest.raises(ChannelNotAllowed):
        send(engine)

    assert outbox.messages == []


def test_routes_of_numbers_send_no_email(engine, outbox, mails, alice):
    engine = with_policy(engine, routes=Routes.parse("*=sms:outbox"))

    send(engine)
    engine.send(alice)

    assert [message.to for message in mails.messages] == ["person@example.com"]
    assert [message.to for message in outbox.messages] == ["+919445012345"]


def test_second_provider_sends_the_email_of_an_unavailable_one(engine, mails):
    second = FakeSender(name="other", channels=(Channel.EMAIL,))
    mails.error = ProviderUnavailable()
    engine = replace(engine, senders=by_name(mails, second))

    result = send(engine)

    assert result.confirmed
    assert check(engine, second.code).approved


def test_code_of_an_unconfirmed_email_works_and_has_no_fallback(engine, mails):
    tracked: list[TrackedDelivery] = []
    second = FakeSender(name="other", channels=(Channel.EMAIL,))
    engine = replace(engine, senders=by_name(mails, second), track=tracked.append)
    mails.error = DeliveryUnconfirmed()

    result = send(engine, custom_code="135790")

    assert not result.confirmed
    assert check(engine, "135790").approved
    assert second.messages == []
    [delivery] = tracked
    assert not delivery.has_fallback


def test_address_that_the_server_does_not_know_is_rejected_without_a_repetition(
    engine, mails, store
):
    mails.error = InvalidEmail()
    mails.error.provider_error = 550
    with pytest.raises(InvalidEmail):
        send(engine)
    mails.error = None

    with pytest.raises(InvalidEmail) as caught:
        send(engine)

    assert caught.value.is_stored_rejection
    assert mails.messages == []
    assert send(engine, OTHER).confirmed


def test_rotation_of_the_pepper_keeps_codes_of_addresses(engine, mails):
    send(engine)
    new = Pepper(b"n" * 32)

    rotated = replace(engine, peppers=(new, *engine.peppers))

    assert check(rotated, mails.code).approved


def test_events_have_neither_address_nor_country(engine, mails):
    events: list[Event] = []
    engine = replace(engine, emit=events.append)
    send(engine)
    check(engine, mails.code)

    sent, approved = events

    assert isinstance(sent, CodeSent)
    assert isinstance(approved, VerificationApproved)
    assert sent.channel is Channel.EMAIL
    assert sent.recipient == replace(approved.recipient)
    assert (sent.recipient.prefix, sent.recipient.country) == ("", "")
    assert sent.recipient.block_hash is None
    assert "person" not in repr(events)
    assert "example" not in repr(events)


def test_dump_of_redis_contains_no_email_address(engine, mails, redis):
    engine = with_policy(
        engine,
        sends_per_phone=PARSERS["sends_per_phone"]("9/1h"),
        sends_per_ip=PARSERS["sends_per_ip"]("9/1h"),
    )
    send(engine, client_ip="203.0.113.7")
    check(engine, different_code(mails.code))
    dump = everything_in(redis)
    check(engine, mails.code)
    dump += everything_in(redis)

    for secret in ("person", "example.com", "203.0.113.7", mails.code):
        assert secret.encode() not in dump


def test_pseudonyms_of_an_address_and_of_a_number_are_of_two_kinds():
    pepper = Pepper(b"p" * 32)
    text = PERSON.canonical

    assert pepper.pseudonymize("email", text) != pepper.pseudonymize("phone", text)
    assert numbers.PhoneNumber.kind != email_addresses.EmailAddress.kind


def test_inspection_reports_and_deletes_an_address(engine, store, mails):
    engine = with_policy(engine, sends_per_phone=PARSERS["sends_per_phone"]("9/1h"))
    send(engine)
    send(engine, bind=True)
    inspector = PhoneInspector(
        store,
        store.limit_usage,
        store.guard,
        engine.peppers,
        engine.policy,
        engine.channels,
    )

    report = inspector.inspect(PERSON, [""])
    deleted = inspector.delete(PERSON, [""])
    after = inspector.inspect(PERSON, [""])

    assert len(report.pending) == 2
    assert report.places == ()
    assert report.find_exclusion(PERSON, engine.policy, engine.channels) is None
    used = {u.limit_name: u.used for u in report.limit_usage}
    assert (used["sends_per_phone"], used["sends_per_mailbox"]) == (2, 2)
    assert {u.limit_name: u.used for u in after.limit_usage}["sends_per_mailbox"] == 0
    assert deleted
    assert (after.pending, inspector.delete(PERSON, [""])) == ([], False)


def test_options_of_text_messages_have_no_effect_on_emails(engine, mails):
    options = MessageOptions(app_hash="FA+9qCX9VSu", origin="shop.example")

    send(engine, options=options)

    assert "FA+9qCX9VSu" not in mails.messages[0].body
    assert "@shop.example" not in mails.messages[0].body
