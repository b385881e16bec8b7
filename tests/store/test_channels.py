"""The channel of each code, and channels that do not reach a phone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from otp_engine.domain.models import Channel, HashParameters
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.provider_rejections import ProviderRejection
from otp_engine.errors import DeliveryFailed, RecipientNotOnChannel
from otp_engine.store import keys
from tests.support.time_travel import age

PHONE = PhoneKey("digest")
POLICY = Policy(resend_cooldown=timedelta())
PARAMETERS = HashParameters(b"i" * 16, "test")
SCOPES = {Channel.WHATSAPP: "whatsapp", Channel.CALL: "call", Channel.SMS: ""}
FAILED = ProviderRejection(DeliveryFailed.error_code, 30003)


def reserve(store, key=b"s" * 8, scopes=SCOPES):
    return store.reserve_send(
        PHONE,
        idempotency_key=key,
        hash_parameters=PARAMETERS,
        policy=POLICY,
        scopes=scopes,
    )


def commit(store, key=b"s" * 8, **values):
    reservation = reserve(store, key)
    assert store.commit_send(
        PHONE,
        idempotency_key=key,
        code_hash=key * 4,
        code_expires_at=reservation.code_expires_at,
        **values,
    )


def channels_of_codes(store):
    reservation = store.reserve_check(PHONE, idempotency_key=b"c" * 8, policy=POLICY)
    return dict(zip(reservation.code_hashes, reservation.channels, strict=True))


def test_check_gets_the_channel_of_each_live_code(store):
    commit(store, b"s" * 8)
    commit(store, b"w" * 8, channel=Channel.WHATSAPP)
    commit(store, b"c" * 8, channel=Channel.CALL, counted=True)

    assert channels_of_codes(store) == {
        b"s" * 32: Channel.SMS,
        b"w" * 32: Channel.WHATSAPP,
        b"c" * 32: Channel.CALL,
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Channel.WHATSAPP, Channel.CALL),
        (Channel.WHATSAPP, Channel.SMS),
        (Channel.SMS, Channel.TELEGRAM),
    ],
)
def test_later_step_replaces_the_channel_of_the_code(store, first, second):
    commit(store, channel=first)

    commit(store, channel=second, is_later_step=True)

    assert channels_of_codes(store) == {b"s" * 32: second}


def test_released_send_leaves_no_channel(store, redis):
    commit(store)
    commit(store, b"w" * 8, channel=Channel.WHATSAPP)

    store.release_send(PHONE, idempotency_key=b"w" * 8)

    assert set(redis.hkeys(keys.for_phone(PHONE).verification)) == {
        *(b"id", b"argon2", b"checks", b"s" * 8)
    }


def test_pending_verification_has_the_channel_of_its_last_code(store, redis):
    commit(store, b"w" * 8, channel=Channel.WHATSAPP)
    age(redis, timedelta(seconds=1))
    commit(store, b"c" * 8, channel=Channel.CALL)

    assert store.get_pending(PHONE).channel is Channel.CALL


def test_code_of_an_earlier_release_was_sent_by_sms(store, redis):
    commit(store, channel=Channel.CALL)
    redis.hdel(keys.for_phone(PHONE).verification, b"c" + b"s" * 8)

    assert channels_of_codes(store) == {b"s" * 32: Channel.SMS}


def test_channel_of_a_later_release_counts_as_sms(store, redis):
    commit(store, channel=Channel.CALL)
    redis.hset(keys.for_phone(PHONE).verification, b"c" + b"s" * 8, "pager")

    assert channels_of_codes(store) == {b"s" * 32: Channel.SMS}


def test_earlier_release_reads_codes_of_every_channel(redis, store):
    commit(store, b"w" * 8, channel=Channel.WHATSAPP, counted=True)
    commit(store, b"s" * 8)

    reply = redis.eval(EARLIER_PARSER, 1, keys.for_phone(PHONE).verification, "1000")

    assert sorted(reply[0]) == [b"s" * 32, b"w" * 32]
    assert reply[1:] == [2, 2, 1]


def test_unreachable_channel_is_reported_with_the_reservation(store):
    store.mark_channel_unreachable(
        PHONE, Channel.WHATSAPP, ProviderRejection.not_on_channel(63024)
    )

    assert reserve(store).unreachable == {Channel.WHATSAPP}
    assert reserve(store).unreachable == {Channel.WHATSAPP}


def test_phone_that_no_channel_reaches_gets_the_stored_error(store, redis):
    store.mark_channel_unreachable(
        PHONE, Channel.CALL, ProviderRejection.not_on_channel(21214)
    )

    with pytest.raises(RecipientNotOnChannel) as raised:
        reserve(store, scopes={Channel.CALL: "call"})

    assert raised.value.provider_error == 21214
    assert raised.value.is_stored_rejection
    assert not redis.exists(keys.for_phone(PHONE).verification)


def test_channel_is_unreachable_for_a_week(store, redis):
    store.mark_channel_unreachable(
        PHONE, Channel.WHATSAPP, ProviderRejection.not_on_channel()
    )
    name = keys.for_phone(PHONE).provider_rejections
    assert redis.pttl(name) <= timedelta(days=7) / timedelta(milliseconds=1)
    age(redis, timedelta(days=7) - timedelta(minutes=1))
    assert reserve(store).unreachable
    age(redis, timedelta(minutes=1))

    assert not reserve(store, b"t" * 8).unreachable
    assert not redis.exists(name)


def test_rejection_of_the_first_reachable_channel_refuses(store):
    store.mark_channel_unreachable(
        PHONE, Channel.WHATSAPP, ProviderRejection.not_on_channel()
    )
    store.release_send(PHONE, idempotency_key=b"x" * 8, rejection=FAILED, sender="call")

    with pytest.raises(DeliveryFailed) as raised:
        reserve(store)

    assert raised.value.provider_error == 30003


def test_rejection_of_a_later_channel_refuses_nothing(store):
    store.release_send(PHONE, idempotency_key=b"x" * 8, rejection=FAILED, sender="")

    assert not reserve(store).unreachable


def test_short_rejection_keeps_an_unreachable_channel(store, redis):
    store.mark_channel_unreachable(
        PHONE, Channel.WHATSAPP, ProviderRejection.not_on_channel()
    )
    store.release_send(PHONE, idempotency_key=b"x" * 8, rejection=FAILED, sender="")
    age(redis, timedelta(minutes=11))

    assert reserve(store).unreachable == {Channel.WHATSAPP}


# The parser of the release before the channels, with the values that it reads.
EARLIER_PARSER = """
local function read_verification(key, at)
    local result =
        {
            fields = {}, sends = {}, committed = 0, counted = 0, code_hashes = {},
            last_end = 0
        }
    local entries = redis.call('HGETALL', key)
    for i = 1, #entries, 2 do
        local name, value = entries[i], entries[i + 1]
        result.fields[name] = value
        if #name == 8 then
            table.insert(result.sends, name)
        end
        if #name == 8 and value ~= '' then
            local ends = tonumber(string.sub(value, 33))
            result.committed = result.committed + 1
            if string.sub(value, -1) == '.' then
                result.counted = result.counted + 1
            end
            result.last_end = math.max(result.last_end, ends)
            if ends > at then
                table.insert(result.code_hashes, string.sub(value, 1, 32))
            end
        end
    end
    return result
end
local result = read_verification(KEYS[1], tonumber(ARGV[1]))
return {result.code_hashes, #result.sends, result.committed, result.counted}
"""
