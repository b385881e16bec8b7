"""The rules of sending, on both stores."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.crypto.hash_pool import HashPool
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    DeliveryUnconfirmed,
    NumberTypeNotAllowed,
    Overloaded,
    ProviderUnavailable,
    RateLimited,
    SendingDisabled,
    StoreUnavailable,
    TooManyAttempts,
    Unavailable,
)
from tests.support.fakes import HashPoolWithHook, StoreLosingReplies, different_code
from tests.support.time_travel import age
from tests.support.tuning import with_policy

BOB = SendRequest(number=numbers.parse("+919445067890", "IN"))


def test_send_delivers_a_code(engine, outbox, alice):
    engine.send(alice)

    assert [message.to for message in outbox.messages] == ["+919445012345"]
    assert len(outbox.code) == 6


def test_send_returns_expiry_and_cooldown(engine, alice):
    engine = with_policy(engine, resend_cooldown=timedelta(seconds=30))

    sent = engine.send(alice)

    assert sent.expires_in == timedelta(minutes=10)
    assert sent.resend_after == timedelta(seconds=30)


def test_send_subtracts_the_time_of_the_provider(engine, alice):
    times = iter([100.0, 104.0])
    engine = with_policy(
        replace(engine, clock=lambda: next(times)),
        resend_cooldown=timedelta(seconds=30),
    )

    sent = engine.send(alice)

    assert sent.expires_in == timedelta(minutes=9, seconds=56)
    assert sent.resend_after == timedelta(seconds=26)


def test_last_send_of_a_verification_returns_its_end(engine, alice):
    engine = with_policy(engine, max_sends=1)

    assert engine.send(alice).resend_after == timedelta(minutes=10)


def test_message_has_the_requested_language(engine, outbox, alice):
    engine.send(replace(alice, locale="es"))

    assert "codigo de Acme" in outbox.messages[0].body


@pytest.mark.parametrize(
    ("number", "error"),
    [("+14155550123", CountryNotAllowed), ("+912224935555", NumberTypeNotAllowed)],
)
def test_destination_not_allowed_charges_no_limit(engine, outbox, redis, number, error):
    with pytest.raises(error):
        engine.send(SendRequest(number=numbers.parse(number, "IN")))

    assert outbox.messages == []
    assert redis.dbsize() == 0


def test_resend_during_the_cooldown_is_rejected(engine, outbox, alice):
    engine = with_policy(engine, resend_cooldown=timedelta(seconds=30))
    engine.send(alice)

    with pytest.raises(RateLimited) as refusal:
        engine.send(alice)

    assert refusal.value.limit == "resend_cooldown"
    assert timedelta(seconds=29) < refusal.value.retry_after <= timedelta(seconds=30)
    assert len(outbox.messages) == 1


def test_approval_ends_the_cooldown(engine, outbox, alice, guess):
    engine = with_policy(engine, resend_cooldown=timedelta(seconds=30))
    engine.send(alice)
    engine.check(guess(outbox.code))

    engine.send(alice)

    assert len(outbox.messages) == 2


def test_verification_has_max_sends(engine, outbox, alice):
    engine = with_policy(engine, max_sends=2)
    engine.send(alice)
    engine.send(alice)

    with pytest.raises(RateLimited) as refusal:
        engine.send(alice)

    assert refusal.value.limit == "max_sends"
    assert timedelta(minutes=9) < refusal.value.retry_after <= timedelta(minutes=10)


def test_phone_limit_counts_all_verifications(engine, outbox, alice, guess):
    engine = with_policy(engine, sends_per_phone=Limit.parse("2/10m"))
    for _ in range(2):
        engine.send(alice)
        engine.check(guess(outbox.code))

    with pytest.raises(RateLimited) as refusal:
        engine.send(alice)

    assert refusal.value.limit == "sends_per_phone"
    assert engine.send(BOB)


def test_phone_limit_in_shadow_mode_rejects_no_send(engine, outbox, alice):
    engine = with_policy(engine, sends_per_phone=Limit.parse("1/10m shadow"))

    uses = [engine.send(alice).limit_usage[0] for _ in range(3)]

    assert len(outbox.messages) == 3
    assert [(use.used, use.would_refuse) for use in uses] == [
        (1, False),
        (1, True),
        (1, True),
    ]


def test_enforced_window_rejects_beside_a_window_in_shadow_mode(engine, outbox, alice):
    engine = with_policy(engine, sends_per_phone=Limit.parse("2/10m, 1/10m shadow"))
    over = [
        [use.would_refuse for use in engine.send(alice).limit_usage] for _ in range(2)
    ]

    with pytest.raises(RateLimited):
        engine.send(alice)

    assert over == [[False, False], [False, True]]
    assert len(outbox.messages) == 2


def test_released_send_is_removed_from_the_shadow_window(engine, outbox, alice):
    engine = with_policy(engine, sends_per_phone=Limit.parse("1/10m shadow"))
    outbox.error = DeliveryFailed(retry_elsewhere=True)
    with pytest.raises(DeliveryFailed):
        engine.send(alice)
    outbox.error = None

    assert [use.would_refuse for use in engine.send(alice).limit_usage] == [False]


def test_limit_in_shadow_mode_leaves_the_cooldown_unchanged(engine, alice):
    engine = with_policy(
        engine,
        resend_cooldown=timedelta(seconds=30),
        sends_per_phone=Limit.parse("1/10m shadow"),
    )
    engine.send(alice)

    with pytest.raises(RateLimited) as refusal:
        engine.send(alice)

    assert refusal.value.limit == "resend_cooldown"


def test_send_returns_the_usage_of_each_limit(engine, alice):
    engine = with_policy(
        engine,
        sends_per_phone=Limit.parse("3/10m"),
        sends_per_ip=Limit.parse("5/10m"),
        sends_total=Limit.parse("9/1h"),
    )
    engine.send(alice)

    sent = engine.send(replace(alice, client_ip="203.0.113.7"))

    used = [(use.limit_name, str(use.window), use.used) for use in sent.limit_usage]
    assert used == [
        ("sends_per_phone", "3/10m", 2),
        ("sends_per_ip", "5/10m", 1),
        ("sends_total", "9/1h", 2),
    ]


def test_rejection_has_the_longest_wait(engine, alice):
    engine = with_policy(
        engine,
        resend_cooldown=timedelta(seconds=30),
        sends_per_phone=Limit.parse("1/10m, 1/24h"),
    )
    engine.send(alice)

    with pytest.raises(RateLimited) as refusal:
        engine.send(alice)

    assert refusal.value.retry_after > timedelta(hours=23)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("sends_per_ip", SendRequest(number=BOB.number, client_ip="203.0.113.7")),
        ("sends_per_country", BOB),
        ("sends_total", BOB),
    ],
)
def test_shared_limit_counts_sends_to_all_phones(engine, outbox, alice, name, asked):
    engine = with_policy(engine, **{name: Limit.parse("1/10m")})
    engine.send(replace(alice, client_ip="203.0.113.7"))

    with pytest.raises(RateLimited) as refusal:
        engine.send(asked)

    assert refusal.value.limit == name
    assert len(outbox.messages) == 1


def test_each_address_has_its_own_limit(engine, alice):
    engine = with_policy(engine, sends_per_ip=Limit.parse("1/10m"))
    engine.send(replace(alice, client_ip="203.0.113.7"))

    assert engine.send(replace(BOB, client_ip="203.0.113.8"))


def test_send_without_address_has_no_address_limit(engine, alice):
    engine = with_policy(engine, sends_per_ip=Limit.parse("1/10m"))
    engine.send(alice)

    assert engine.send(BOB)


def test_send_rejected_by_a_shared_limit_charges_no_limit(engine, alice, outbox):
    """The phone's own limit was charged first, so it has to get its send back."""
    open_again = with_policy(engine, sends_per_phone=Limit.parse("1/10m"))
    closed = with_policy(open_again, sends_total=Limit.parse("1/10m"))
    closed.send(BOB)

    with pytest.raises(RateLimited, match="Too many"):
        closed.send(alice)

    assert open_again.send(alice).expires_in == timedelta(minutes=10)


def test_send_rejected_by_the_phone_charges_no_shared_limit(engine, alice):
    engine = with_policy(
        engine,
        resend_cooldown=timedelta(seconds=30),
        sends_total=Limit.parse("2/10m"),
    )
    engine.send(alice)
    with pytest.raises(RateLimited):
        engine.send(alice)

    assert engine.send(BOB)


@pytest.mark.parametrize(
    "refusal", [DeliveryFailed(retry_elsewhere=True), ProviderUnavailable()]
)
def test_a_message_that_the_carrier_refused_is_given_back(
    engine, outbox, alice, redis, refusal
):
    engine = with_policy(
        engine,
        resend_cooldown=timedelta(seconds=30),
        sends_per_phone=Limit.parse("1/10m"),
        sends_total=Limit.parse("1/10m"),
    )
    outbox.error = refusal
    with pytest.raises(type(refusal)):
        engine.send(alice)
    assert redis.dbsize() == 0

    outbox.error = None

    assert engine.send(alice)


def test_unconfirmed_send_counts_and_its_code_works(engine, alice, guess):
    engine = with_policy(engine, sends_per_phone=Limit.parse("1/10m"))
    written: list[str] = []
    silent = replace(engine, sender=Silent(written))
    sent = silent.send(alice)
    assert (sent.confirmed, sent.expires_in) == (False, timedelta(minutes=10))
    with pytest.raises(RateLimited):
        engine.send(alice)

    assert engine.check(guess(written[0])).approved


class Silent:
    """A provider that delivers, and never answers."""

    def __init__(self, written):
        self._written = written

    @contextmanager
    def reserve(self):
        yield self.send

    def send(self, message):
        self._written.append(message.body[:6])
        raise DeliveryUnconfirmed

    def ping(self):
        return None


def test_send_without_a_place_to_hash_is_released(engine, alice, redis, outbox):
    full = HashPool(1, max_queued=0)
    full._slots.acquire()  # noqa: SLF001 - as a hash would hold it
    busy = replace(engine, hash_pool=full)

    with pytest.raises(Overloaded):
        busy.send(alice)

    assert redis.dbsize() == 0
    assert outbox.messages == []


def test_approval_during_a_send_stops_the_message(engine, outbox, alice, guess, redis):
    engine.send(alice)
    approve = HashPoolWithHook(lambda: engine.check(guess(outbox.code)))

    with pytest.raises(Unavailable):
        replace(engine, hash_pool=approve).send(alice)

    assert len(outbox.messages) == 1
    assert not redis.exists(*redis.keys("*:verification"), "nothing")


def test_a_code_that_could_never_be_checked_is_not_sent(engine, outbox, alice, guess):
    engine = with_policy(engine, max_checks=2)
    engine.send(alice)
    for _ in range(2):
        engine.check(guess(different_code(outbox.code)))

    with pytest.raises(TooManyAttempts) as refusal:
        engine.send(alice)

    assert refusal.value.retry_after > timedelta(minutes=9)
    assert len(outbox.messages) == 1


def test_no_code_is_sent_to_a_phone_whose_wrong_guesses_are_spent(
    engine, outbox, alice, guess
):
    engine = with_policy(engine, failed_checks_per_phone=Limit.parse("1/1h"))
    engine.send(alice)
    engine.check(guess(different_code(outbox.code)))

    with pytest.raises(RateLimited) as refusal:
        engine.send(alice)

    assert refusal.value.limit == "failed_checks_per_phone"


def test_live_verification_stays_under_its_pepper(engine, outbox, alice, guess):
    old, new = engine.peppers[0], Pepper(b"n" * 32)
    two = with_policy(engine, max_sends=2)
    two.send(alice)
    rotated = replace(two, peppers=(new, old))

    rotated.send(alice)
    with pytest.raises(RateLimited):
        rotated.send(alice)

    assert rotated.check(guess(outbox.codes[0])).approved


def test_rotation_keeps_failed_checks(engine, outbox, alice, guess):
    old, new = engine.peppers[0], Pepper(b"n" * 32)
    strict = with_policy(engine, failed_checks_per_phone=Limit.parse("1/1h"))
    strict.send(alice)
    strict.check(guess(different_code(outbox.code)))

    with pytest.raises(RateLimited):
        replace(strict, peppers=(new, old)).send(alice)


@pytest.mark.parametrize("first", [0, 1])
def test_instances_during_a_rotation_use_the_same_phone_key(
    engine, outbox, alice, guess, first
):
    """Both hold both peppers, each with another one in front."""
    old, new = engine.peppers[0], Pepper(b"n" * 32)
    sides = [replace(engine, peppers=order) for order in ((old, new), (new, old))]
    for side in sides[first:] + sides[:first]:
        side.send(alice)

    left = [
        side.check(guess(different_code(*outbox.codes))).attempts_remaining
        for side in sides
    ]

    assert left == [4, 3]
    assert sides[0].check(guess(outbox.codes[0])).approved


def test_idle_phone_moves_to_the_new_pepper(engine, outbox, alice, guess, redis):
    old, new = engine.peppers[0], Pepper(b"n" * 32)
    engine.send(alice)
    engine.check(guess(outbox.code))
    age(redis, timedelta(minutes=10))

    replace(engine, peppers=(new, old)).send(alice)

    assert replace(engine, peppers=(new,)).check(guess(outbox.code)).approved


def test_new_phone_is_stored_under_the_new_pepper(engine, outbox, alice, guess):
    old, new = engine.peppers[0], Pepper(b"n" * 32)
    replace(engine, peppers=(new, old)).send(alice)

    assert replace(engine, peppers=(new,)).check(guess(outbox.code)).approved


@pytest.mark.parametrize("step", ["reserve_send", "acquire_limits", "commit_send"])
def test_send_with_a_lost_reply_is_released(engine, outbox, alice, step):
    limited = with_policy(
        engine,
        sends_per_phone=Limit.parse("1/1h"),
        sends_total=Limit.parse("1/1h"),
        resend_cooldown=timedelta(seconds=30),
    )
    with pytest.raises(StoreUnavailable):
        replace(limited, store=StoreLosingReplies(engine.store, step)).send(alice)
    assert outbox.messages == []

    limited.send(alice)

    assert len(outbox.messages) == 1


def test_send_without_a_place_at_the_provider_charges_no_limit(engine, outbox, alice):
    """Neither Redis nor the hashing threads hear of it."""
    outbox.full = ProviderUnavailable()

    with pytest.raises(ProviderUnavailable):
        replace(engine, store=None, hash_pool=None).send(alice)


def test_live_code_is_checked_while_sending_is_off(engine, outbox, alice, guess):
    engine.send(alice)
    off = with_policy(engine, sending=False)

    with pytest.raises(SendingDisabled) as refusal:
        off.send(alice)

    assert refusal.value.retry_after == timedelta(minutes=1)
    assert len(outbox.messages) == 1
    assert off.check(guess(outbox.code)).approved
