"""Reading whole entities for an archive and storing them, on both stores."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from otp_engine.domain.factors.ports import EntityKey, MergeOutcome
from otp_engine.store import keys

SERVICE = "VA" + "1" * 32
ALICE = EntityKey("alice", SERVICE)
ENTITY = b"E" * 16
# Ids are random bytes, so they contain the separator of field names.
FIRST, SECOND = b":" * 16, b"\x00\xff:S" * 4
CODES = [bytes([number]) * 32 for number in range(3)]
WEEK = timedelta(days=7)


def recovery(*codes, line=b"m=64,t=1,p=1 00"):
    return line + b"\n" + b"".join(codes)


def fields_of(updated_at=2000, *, entity=ENTITY, first=None, second=None):
    """Return the fields of an entity with one factor, or two."""
    fields = {
        b"id": entity,
        b"record": b"entity record",
        b"created_at": b"1000",
        b"updated_at": str(updated_at).encode(),
    }
    for factor_id, more in ((FIRST, first or {}), (SECOND, second)):
        if more is not None:
            named = {
                "record": b"record",
                "created_at": b"1000",
                "updated_at": b"1000",
                "verified_at": b"1500",
            } | more
            fields |= {
                factor_id + b":" + name.encode(): value for name, value in named.items()
            }
    return fields


@pytest.fixture
def merge(store):
    def merge(fields, *, expires=False):
        return store.entity_archive.merge(ALICE, fields, expires=expires)

    return merge


@pytest.fixture
def stored(redis):
    def stored():
        return redis.hgetall(keys.entity(ALICE))

    return stored


def field(name, factor_id=FIRST):
    return factor_id + b":" + name.encode()


def test_missing_entity_is_created_and_listed(store, merge, stored):
    fields = fields_of(second={"step": b"7"})

    assert merge(fields) is MergeOutcome.CREATED
    assert stored() == fields
    [entity] = store.factors.list_entities(SERVICE)
    assert [factor.id for factor in entity.factors] == [SECOND, FIRST]


def test_entities_that_were_read_are_the_stored_ones(store, merge):
    fields = fields_of()
    merge(fields)

    [raw] = store.entity_archive.read(SERVICE)

    assert (raw.digest, raw.fields, raw.expires) == ("alice", fields, False)


@pytest.mark.parametrize("updated_at", [1999, 2000, 2001])
def test_import_can_be_repeated(merge, stored, updated_at):
    fields = fields_of(updated_at, first={"step": b"7", "recovery": recovery(*CODES)})
    merge(fields)

    assert merge(fields) is MergeOutcome.KEPT
    assert stored() == fields


def test_newer_archived_state_is_stored_as_a_whole(merge, stored):
    merge(fields_of(2000, second={}))
    newer = fields_of(2001, first={"record": b"renamed"})

    assert merge(newer) is MergeOutcome.UPDATED
    assert stored() == newer


def test_factor_that_was_deleted_after_the_export_stays_deleted(merge, stored):
    merge(fields_of(2001))

    outcome = merge(fields_of(2000, second={"step": b"7"}))

    assert outcome is MergeOutcome.KEPT
    assert stored() == fields_of(2001)


@pytest.mark.parametrize("updated_at", [1999, 2000, 2001])
@pytest.mark.parametrize(
    ("ours", "theirs", "latest"),
    [
        (b"9", b"10", b"10"),
        (b"10", b"9", b"10"),
        (None, b"9", b"9"),
        (b"59304888", None, b"59304888"),
    ],
)
def test_time_step_never_goes_back(merge, stored, updated_at, ours, theirs, latest):
    merge(fields_of(2000, first={"step": ours} if ours else {}))

    merge(fields_of(updated_at, first={"step": theirs} if theirs else {}))

    assert stored()[field("step")] == latest


@pytest.mark.parametrize("updated_at", [1999, 2000, 2001])
def test_recovery_code_that_either_state_used_stays_used(merge, stored, updated_at):
    merge(fields_of(2000, first={"recovery": recovery(CODES[0], CODES[2])}))

    merge(fields_of(updated_at, first={"recovery": recovery(CODES[0], CODES[1])}))

    assert stored()[field("recovery")] == recovery(CODES[0])


@pytest.mark.parametrize("updated_at", [1999, 2000, 2001])
def test_recovery_codes_that_are_all_used_stay_used(merge, stored, updated_at):
    merge(fields_of(2000, first={"recovery": recovery()}))

    merge(fields_of(updated_at, first={"recovery": recovery(*CODES)}))

    assert stored()[field("recovery")] == recovery()


@pytest.mark.parametrize("updated_at", [1999, 2000, 2001])
def test_archive_without_recovery_codes_leaves_the_stored_ones(
    merge, stored, updated_at
):
    merge(fields_of(2000, first={"recovery": recovery(*CODES)}))

    merge(fields_of(updated_at))

    assert stored()[field("recovery")] == recovery(*CODES)


@pytest.mark.parametrize("updated_at", [1999, 2000, 2001])
def test_stored_factor_without_recovery_codes_gets_none(merge, stored, updated_at):
    merge(fields_of(2000))

    merge(fields_of(updated_at, first={"recovery": recovery(*CODES)}))

    assert field("recovery") not in stored()


@pytest.mark.parametrize(("updated_at", "expected"), [(1999, b"a"), (2001, b"b")])
def test_recovery_codes_of_another_salt_are_those_of_the_newer_state(
    merge, stored, updated_at, expected
):
    merge(fields_of(2000, first={"recovery": recovery(*CODES, line=b"a")}))

    merge(fields_of(updated_at, first={"recovery": recovery(*CODES, line=b"b")}))

    assert stored()[field("recovery")] == recovery(*CODES, line=expected)


@pytest.mark.parametrize("updated_at", [1999, 2001])
@pytest.mark.parametrize("name", ["failures", "recovery_failures"])
def test_failed_checks_stay_counted(merge, stored, updated_at, name):
    failures = b"check 01" + b"1" * 13
    merge(fields_of(2000, first={name: failures}))

    merge(fields_of(updated_at))

    assert stored()[field(name)] == failures


@pytest.mark.parametrize("updated_at", [1999, 2001])
def test_check_can_be_repeated_after_an_import(store, merge, updated_at):
    archived = {"step": b"6", "accepted": b"check 01" + b"1" * 13}
    merge(fields_of(2000, first=archived))
    accept = partial(
        store.factors.accept_step,
        ALICE,
        FIRST,
        idempotency_key=b"check 02",
        step=7,
        activates=False,
        is_authenticator=False,
    )
    at = accept()

    merge(fields_of(updated_at, first=archived))

    assert accept() == at


def test_later_entity_of_the_identity_is_not_replaced(store, merge, stored):
    later = fields_of(1500, entity=b"L" * 16)
    merge(later)

    assert merge(fields_of(2000)) is MergeOutcome.OTHER
    assert stored() == later
    assert [entity.id for entity in store.factors.list_entities(SERVICE)] == [b"L" * 16]


def test_order_of_the_list_is_that_of_creation(store):
    for digest, created_at in (("a", b"1001"), ("b", b"1003"), ("c", b"1002")):
        fields = fields_of(entity=digest.encode() * 16) | {b"created_at": created_at}
        store.entity_archive.merge(EntityKey(digest, SERVICE), fields, expires=False)

    listed = [entity.id[:1] for entity in store.factors.list_entities(SERVICE)]

    assert listed == [b"b", b"c", b"a"]


def test_repeated_import_keeps_the_place_in_the_list(store, redis, merge):
    merge(fields_of())
    index = keys.entities(SERVICE)
    before = redis.zrange(index, 0, -1, withscores=True)

    merge(fields_of())

    assert redis.zrange(index, 0, -1, withscores=True) == before


def test_only_an_entity_that_expired_before_expires_again(redis, merge):
    merge(fields_of(2000), expires=True)
    ttl = timedelta(milliseconds=redis.pttl(keys.entity(ALICE)))
    merge(fields_of(2001))

    assert WEEK - timedelta(minutes=1) < ttl <= WEEK
    assert redis.pttl(keys.entity(ALICE)) == -1


def test_expiry_of_an_entity_is_read(store, merge):
    merge(fields_of(), expires=True)

    [raw] = store.entity_archive.read(SERVICE)

    assert raw.expires
