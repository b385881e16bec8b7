"""Services have their own codes and limits, and share the phone; on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.phones import numbers
from otp_engine.domain.services import DEFAULT, Service
from otp_engine.errors import (
    CountryNotAllowed,
    NumberTypeNotAllowed,
    RateLimited,
    VerificationNotFound,
)
from tests.support.fakes import different_code
from tests.support.tuning import with_policy

SHOP = Service(
    sid="VA1", namespace="VA1", brand="Shop", code_length=8, do_not_share_warning=False
)


@pytest.fixture
def shop_request(alice):
    """Return a request for a code of the service `SHOP` to Alice."""
    return replace(alice, service=SHOP)


def test_code_of_one_service_is_not_found_in_another(
    engine, outbox, shop_request, check_request
):
    engine.send(shop_request)

    with pytest.raises(VerificationNotFound):
        engine.check(check_request(outbox.code))
    assert engine.check(replace(check_request(outbox.code), service=SHOP)).approved


def test_message_has_the_name_and_code_length_of_the_service(
    engine, outbox, shop_request
):
    engine.send(shop_request)

    assert len(outbox.code) == 8
    assert outbox.messages[0].body.endswith("is your Shop code. It expires in 10 min.")


def test_custom_code_is_sent_and_approved(engine, outbox, alice, check_request):
    engine.send(replace(alice, custom_code="AbC123"))

    assert outbox.messages[0].body.startswith("AbC123 ")
    assert not engine.check(check_request("abc123")).approved
    assert engine.check(check_request("AbC123")).approved


def test_limits_of_the_client_count_all_or_none(engine, alice):
    high = LimitHit("high", "x", Limit.parse("2/1h"))
    low = LimitHit("low", "x", Limit.parse("1/1h"))
    both = replace(alice, extra_hits=(high, low))
    engine.send(both)

    with pytest.raises(RateLimited) as raised:
        engine.send(both)

    assert raised.value.limit == "low"
    engine.send(replace(alice, extra_hits=(high,)))


def test_geo_exempt_number_of_any_country_is_allowed(engine, outbox, alice):
    foreign = replace(alice, address=numbers.parse("+14155552671", "IN"))
    with pytest.raises(CountryNotAllowed) as raised:
        engine.send(foreign)
    assert raised.value.country == "US"

    engine.send(replace(foreign, geo_exempt=True))

    assert outbox.messages[0].to == "+14155552671"


def test_geo_exempt_landline_is_refused(engine, alice):
    landline = numbers.parse("+912224935555", "IN")

    with pytest.raises(NumberTypeNotAllowed):
        engine.send(replace(alice, address=landline, geo_exempt=True))


def test_get_pending_uses_no_attempt(engine, outbox, alice, check_request):
    sent = engine.send(alice)
    engine.check(check_request(different_code(outbox.code)))

    pending = [engine.get_pending(alice.address) for _ in range(9)][-1]

    assert (pending.verification_id, pending.attempts_used) == (sent.verification_id, 1)
    assert timedelta(minutes=9) < pending.expires_in <= timedelta(minutes=10)


def test_get_pending_without_a_send_finds_no_verification(engine, alice, redis):
    with pytest.raises(VerificationNotFound):
        engine.get_pending(alice.address)

    assert redis.dbsize() == 0


def test_second_approval_finds_no_verification(engine, outbox, alice, check_request):
    sent = engine.send(alice)

    engine.approve(alice.address, alice.service, sent.verification_id)

    with pytest.raises(VerificationNotFound):
        engine.approve(alice.address, alice.service, sent.verification_id)
    with pytest.raises(VerificationNotFound):
        engine.check(check_request(outbox.code))


def test_approval_without_a_code_keeps_failed_checks(
    engine, outbox, alice, check_request
):
    engine = with_policy(engine, failed_checks_per_phone=Limit.parse("2/1h"))
    sent = engine.send(alice)
    engine.check(check_request(different_code(outbox.code)))
    engine.approve(alice.address, alice.service, sent.verification_id)
    engine.send(alice)
    engine.check(check_request(different_code(outbox.code)))

    with pytest.raises(RateLimited):
        engine.check(check_request(outbox.code))


def test_right_code_clears_failed_checks_of_all_services(
    engine, outbox, alice, shop_request, check_request
):
    engine = with_policy(engine, failed_checks_per_phone=Limit.parse("2/1h"))
    engine.send(alice)
    engine.check(check_request(different_code(outbox.code)))
    engine.send(shop_request)
    engine.check(replace(check_request(outbox.code), service=SHOP))

    assert (
        engine.check(check_request(different_code(outbox.codes[0]))).attempts_remaining
        == 1
    )


def test_check_of_an_ended_verification_leaves_the_next_unchanged(
    engine, outbox, alice, check_request
):
    old = engine.send(alice)
    engine.cancel(alice.address, DEFAULT, old.verification_id)
    engine.send(alice)
    late = replace(check_request(outbox.code), verification_id=old.verification_id)

    for _ in range(9):
        with pytest.raises(VerificationNotFound):
            engine.check(late)

    assert engine.check(check_request(outbox.code)).approved


def test_cancel_and_approve_of_an_ended_id_close_nothing(
    engine, outbox, alice, check_request
):
    old = engine.send(alice)
    engine.cancel(alice.address, DEFAULT, old.verification_id)
    engine.send(alice)

    with pytest.raises(VerificationNotFound):
        engine.cancel(alice.address, alice.service, old.verification_id)
    with pytest.raises(VerificationNotFound):
        engine.approve(alice.address, alice.service, old.verification_id)

    assert engine.check(check_request(outbox.code)).approved
