from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest

from otp_engine.domain.events import FactorCreated, FactorDeleted, FactorVerified
from otp_engine.domain.factors import totp
from otp_engine.domain.factors.models import FactorStatus, TotpConfig
from otp_engine.domain.factors.notices import NoticeType
from otp_engine.domain.factors.records import EntityName
from otp_engine.domain.services import Service
from otp_engine.errors import (
    EntityExists,
    EntityNotFound,
    FactorNotFound,
    FactorsUnreadable,
    InvalidFactor,
    InvalidIdentity,
)
from tests.domain.factors.conftest import IDENTITY, SERVICE

OTHER = Service(sid=f"VA{'2' * 32}")
UNKNOWN = f"YF{'0' * 32}"


def test_created_entity_is_found_by_its_identity(factors):
    created = factors.create_entity(SERVICE, IDENTITY)

    assert factors.get_entity(SERVICE, IDENTITY) == created
    assert (created.service, created.identity) == (SERVICE.sid, IDENTITY)
    assert created.sid.startswith("YE")
    assert factors.list_factors(SERVICE, IDENTITY) == []


def test_second_entity_of_an_identity_is_refused(factors):
    factors.create_entity(SERVICE, IDENTITY)

    with pytest.raises(EntityExists):
        factors.create_entity(SERVICE, IDENTITY)


@pytest.mark.parametrize(
    ("service", "identity"), [(OTHER, IDENTITY), (SERVICE, IDENTITY.upper())]
)
def test_entity_of_another_service_or_spelling_is_another_one(
    factors, service, identity
):
    created = factors.create_entity(SERVICE, IDENTITY)

    with pytest.raises(EntityNotFound):
        factors.get_entity(service, identity)
    assert factors.create_entity(service, identity).sid != created.sid


def test_entities_of_a_service_are_listed(factors, request_factor):
    factors.create_entity(OTHER, IDENTITY)
    factors.create_entity(SERVICE, IDENTITY)
    factors.create_factor(request_factor(identity="person-0002"))

    listed = list(factors.list_entities(SERVICE))

    assert {entity.identity for entity in listed} == {IDENTITY, "person-0002"}
    assert {entity.service for entity in listed} == {SERVICE.sid}


def test_list_leaves_out_an_entity_that_cannot_be_decrypted(
    factors, store, redis, caplog
):
    factors.create_entity(SERVICE, IDENTITY)
    damaged = factors.create_entity(SERVICE, "person-0002")
    access = factors.access(EntityName(SERVICE.sid, "person-0002"))
    (key,) = redis.keys(f"otp:*{access.key.digest}*:entity")
    redis.hset(key, "record", b"damaged")

    listed = list(factors.list_entities(SERVICE))

    assert [entity.identity for entity in listed] == [IDENTITY]
    assert damaged.sid in caplog.text
    assert "person" not in caplog.text


def test_before_the_first_write_nothing_is_found(factors):
    assert list(factors.list_entities(SERVICE)) == []
    assert factors.find_authenticator(SERVICE, IDENTITY) is None
    with pytest.raises(EntityNotFound):
        factors.get_entity(SERVICE, IDENTITY)
    with pytest.raises(EntityNotFound):
        factors.get_factor(SERVICE, IDENTITY, UNKNOWN)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        *(("create_entity", ()), ("get_entity", ()), ("delete_entity", ())),
        *(("list_factors", ()), ("find_authenticator", ())),
        *(("get_factor", (UNKNOWN,)), ("delete_factor", (UNKNOWN,))),
        ("update_factor", (UNKNOWN,)),
    ],
)
def test_phone_number_as_identity_is_refused(factors, method, arguments):
    with pytest.raises(InvalidIdentity):
        getattr(factors, method)(SERVICE, "919445012345", *arguments)


def test_new_factor_has_secret_and_uri_once(factors, request_factor):
    new = factors.create_factor(request_factor(metadata='{"os":"x"}'))

    factor = factors.get_factor(SERVICE, IDENTITY, new.factor.sid)
    assert factor == new.factor
    assert factor.status is FactorStatus.UNVERIFIED
    assert (factor.friendly_name, factor.metadata) == ("Ann’s phone", '{"os":"x"}')
    assert factor.entity_sid == factors.get_entity(SERVICE, IDENTITY).sid
    assert len(totp.parse_secret(new.secret)) == 20
    assert new.secret in new.uri
    assert new.secret not in repr(new)


@pytest.mark.parametrize(
    ("service", "issuer", "expected"),
    [
        (SERVICE, "Bank", "Bank"),
        (SERVICE, "", "Shop"),
        (replace(SERVICE, brand=None), "", "Acme"),
    ],
)
def test_issuer_is_that_of_the_request_or_else_the_brand(
    factors, request_factor, service, issuer, expected
):
    new = factors.create_factor(request_factor(service=service, issuer=issuer))

    assert pyotp.parse_uri(new.uri).issuer == expected


def test_secret_of_the_client_is_used(factors, request_factor):
    new = factors.create_factor(request_factor(secret=b"sixteen byte key"))

    assert totp.parse_secret(new.secret) == b"sixteen byte key"


@pytest.mark.parametrize(
    ("values", "parameter"),
    [
        ({"secret": b"fifteen bytes k"}, "secret"),
        ({"secret": b"k" * 65}, "secret"),
        ({"secret": b""}, "secret"),
        ({"friendly_name": ""}, "friendly_name"),
        ({"friendly_name": "   "}, "friendly_name"),
        ({"friendly_name": "n" * 65}, "friendly_name"),
        ({"friendly_name": "a\nb"}, "friendly_name"),
        ({"friendly_name": "a\x00"}, "friendly_name"),
        ({"friendly_name": "a\u2028b"}, "friendly_name"),
        # Bidirectional controls.
        ({"friendly_name": "moc.knab\u202e"}, "friendly_name"),
        ({"friendly_name": "a\u2066b\u2069"}, "friendly_name"),
        ({"friendly_name": "a\ud800"}, "friendly_name"),
    ],
)
def test_factor_with_a_bad_value_is_refused_and_nothing_is_stored(
    factors, request_factor, redis, values, parameter
):
    with pytest.raises(InvalidFactor) as caught:
        factors.create_factor(request_factor(**values))

    assert caught.value.parameter == parameter
    assert redis.keys() == []


@pytest.mark.parametrize(
    "name", ["n" * 64, "Ann 👩‍👩‍👧", "日本語の名前", "a\u00a0b", "דנה", "می‌خواهم"]
)
def test_name_of_any_script_is_kept(factors, request_factor, name):
    new = factors.create_factor(request_factor(friendly_name=name))

    assert factors.get_factor(SERVICE, IDENTITY, new.factor.sid).friendly_name == name


def test_factors_of_an_entity_are_listed_oldest_first(factors, request_factor):
    created = [
        factors.create_factor(request_factor(friendly_name=name)).factor
        for name in ("first", "second")
    ]

    assert sorted(factors.list_factors(SERVICE, IDENTITY), key=str) == sorted(
        created, key=str
    )


@pytest.mark.parametrize(
    "sid", [UNKNOWN, "YF1", "", f"YE{'0' * 32}", "person-0001", f"YF{'g' * 32}"]
)
def test_factor_with_unknown_sid_is_not_found(factors, request_factor, sid):
    factors.create_factor(request_factor())

    with pytest.raises(FactorNotFound):
        factors.get_factor(SERVICE, IDENTITY, sid)


def test_factor_is_not_found_under_another_identity(factors, request_factor):
    new = factors.create_factor(request_factor())
    factors.create_entity(SERVICE, "person-0002")

    with pytest.raises(FactorNotFound):
        factors.get_factor(SERVICE, "person-0002", new.factor.sid)


def test_update_changes_the_given_values_only(factors, request_factor):
    factor = factors.create_factor(request_factor(metadata="{}")).factor
    config = TotpConfig(code_length=8, time_step=60, skew=2)

    updated = factors.update_factor(
        SERVICE, IDENTITY, factor.sid, friendly_name="Tablet", config=config
    )

    assert updated == replace(
        factor, friendly_name="Tablet", config=config, updated_at=updated.updated_at
    )
    assert updated.updated_at >= factor.updated_at
    assert factors.get_factor(SERVICE, IDENTITY, factor.sid) == updated


def test_update_without_a_change_changes_nothing(factors, request_factor):
    factor = factors.create_factor(request_factor()).factor

    assert factors.update_factor(SERVICE, IDENTITY, factor.sid) == factor


def test_update_with_a_bad_name_changes_nothing(factors, request_factor):
    factor = factors.create_factor(request_factor()).factor

    with pytest.raises(InvalidFactor):
        factors.update_factor(SERVICE, IDENTITY, factor.sid, friendly_name="")

    assert factors.get_factor(SERVICE, IDENTITY, factor.sid) == factor


def test_concurrent_update_of_another_value_is_kept(factors, request_factor, store):
    factor = factors.create_factor(request_factor()).factor

    class Racing:
        """The store, with another update just before the first replacement."""

        raced = False

        def __getattr__(self, name):
            return getattr(store.factors, name)

        def replace_factor(self, *args, **values):
            if not self.raced:
                self.raced = True
                factors.update_factor(SERVICE, IDENTITY, factor.sid, metadata="{}")
            return store.factors.replace_factor(*args, **values)

    racing = replace(factors, store=Racing())
    updated = racing.update_factor(
        SERVICE, IDENTITY, factor.sid, friendly_name="Tablet"
    )

    assert (updated.friendly_name, updated.metadata) == ("Tablet", "{}")


def test_deleted_factor_is_gone_and_the_entity_stays(factors, request_factor):
    factor = factors.create_factor(request_factor()).factor

    factors.delete_factor(SERVICE, IDENTITY, factor.sid)

    assert factors.list_factors(SERVICE, IDENTITY) == []
    with pytest.raises(FactorNotFound):
        factors.delete_factor(SERVICE, IDENTITY, factor.sid)


def test_deleted_entity_is_gone_with_its_factors(factors, request_factor):
    factor = factors.create_factor(request_factor()).factor

    factors.delete_entity(SERVICE, IDENTITY)

    with pytest.raises(EntityNotFound):
        factors.list_factors(SERVICE, IDENTITY)
    with pytest.raises(EntityNotFound):
        factors.get_factor(SERVICE, IDENTITY, factor.sid)
    with pytest.raises(EntityNotFound):
        factors.delete_entity(SERVICE, IDENTITY)
    assert list(factors.list_entities(SERVICE)) == []


def test_entities_of_one_service_are_deleted(factors, verified, emitted, redis):
    for number in range(10):
        factors.create_entity(SERVICE, f"entity-{number}")
    kept = factors.create_entity(OTHER, IDENTITY)

    factors.delete_entities(SERVICE)

    assert list(factors.list_entities(SERVICE)) == []
    assert list(factors.list_entities(OTHER)) == [kept]
    assert len(redis.keys("otp:*:entity")) == 1
    assert emitted[-1].factor_sid == verified.factor.sid


def test_entities_of_one_millisecond_are_all_deleted(factors, store, redis):
    for number in range(5):
        factors.create_entity(SERVICE, f"entity-{number}")
    (index,) = redis.keys("otp:{factors}:entities:*")
    redis.zadd(index, dict.fromkeys(redis.zrange(index, 0, -1), 1))

    factors.delete_entities(SERVICE)

    assert redis.keys("otp:*:entity") == []


def test_service_without_entities_needs_no_data_key(factors, store, redis):
    store.data_key.add(b"of another factor key", b"fingerprint")

    factors.delete_entities(SERVICE)

    assert store.data_key.get() == b"of another factor key"


def test_changes_emit_events_without_the_identity(factors, verified, emitted, notices):
    factors.delete_entity(SERVICE, IDENTITY, client_name="shop")

    assert [type(event) for event in emitted] == [
        FactorCreated,
        FactorVerified,
        FactorDeleted,
    ]
    assert {event.factor_sid for event in emitted} == {verified.factor.sid}
    assert {event.service for event in emitted} == {SERVICE.sid}
    assert {event.client_name for event in emitted} == {"shop"}
    assert len({event.identity_hash for event in emitted}) == 1
    assert IDENTITY not in repr(emitted)
    assert "Ann" not in repr(emitted)


def test_changes_notify_with_the_identity(factors, verified, notices):
    factors.delete_factor(SERVICE, IDENTITY, verified.factor.sid)

    assert [notice.type for notice in notices] == [
        NoticeType.FACTOR_CREATED,
        NoticeType.FACTOR_VERIFIED,
        NoticeType.FACTOR_DELETED,
    ]
    assert {(notice.identity, notice.factor_name) for notice in notices} == {
        (IDENTITY, "Ann’s phone")
    }


def test_authenticator_is_the_factor_that_was_verified_last(
    factors, verified, request_factor, check, app
):
    unverified = factors.create_factor(request_factor())
    assert factors.find_authenticator(SERVICE, IDENTITY).sid == verified.factor.sid

    check(app(unverified), unverified.factor, activates=True)

    found = factors.find_authenticator(SERVICE, IDENTITY)
    assert found.sid == unverified.factor.sid


def test_authenticator_is_the_activated_one_before_newer_factors(
    factors, request_factor, check, app
):
    enrolled = factors.create_factor(request_factor(is_authenticator=True))
    assert check(app(enrolled), activates=True).approved
    newer = factors.create_factor(request_factor())
    check(app(newer), newer.factor, activates=True)

    found = factors.find_authenticator(SERVICE, IDENTITY)

    assert found.sid == enrolled.factor.sid


def test_unreadable_factor_is_an_error_that_names_no_identity(
    factors, verified, redis, caplog
):
    access = factors.access(EntityName(SERVICE.sid, IDENTITY))
    (key,) = redis.keys(f"otp:*{access.key.digest}*:entity")
    field = bytes.fromhex(verified.factor.sid[2:]) + b":record"
    redis.hset(key, field, b"damaged")

    with pytest.raises(FactorsUnreadable) as caught:
        factors.list_factors(SERVICE, IDENTITY)

    assert caught.value.retry_after == timedelta(minutes=1)
    assert verified.factor.sid in caplog.text
    assert IDENTITY not in caplog.text


@pytest.fixture
def damaged(verified, redis):
    """Return a verified factor of which the stored record was changed."""
    (key,) = redis.keys("otp:*:entity")
    redis.hset(key, bytes.fromhex(verified.factor.sid[2:]) + b":record", b"damaged")
    return verified.factor


def test_unreadable_factor_can_be_deleted(factors, damaged, emitted, notices):
    factors.delete_factor(SERVICE, IDENTITY, damaged.sid)

    assert factors.list_factors(SERVICE, IDENTITY) == []
    assert emitted[-1].factor_sid == damaged.sid
    assert notices[-1].factor_name == ""


def test_entity_with_an_unreadable_factor_can_be_deleted(factors, damaged, emitted):
    factors.delete_entity(SERVICE, IDENTITY)

    assert emitted[-1].factor_sid == damaged.sid
    with pytest.raises(EntityNotFound):
        factors.get_entity(SERVICE, IDENTITY)


def test_redis_has_neither_identity_nor_secret_nor_name(factors, verified, redis):
    dump = b"".join(redis.dump(key) + key for key in redis.scan_iter())

    for text in (IDENTITY, verified.secret, "Ann", "Shop"):
        assert text.encode() not in dump
    assert totp.parse_secret(verified.secret) not in dump
