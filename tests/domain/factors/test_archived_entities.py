from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.factors.archived_entities import ArchivedEntity, ArchiveHeader

IDENTITY = "0b5a2a1e-7f1e-4a8e-9a55-2f7c0a4d9e11"
FIELDS = {"id": b"e" * 16, "created_at": b"1000", "updated_at": b"2000"}
FACTOR = {
    "record": b'{"secret": "..."}',
    "created_at": b"1000",
    "updated_at": b"2000",
    "verified_at": b"1500",
    "step": b"59304888",
    "recovery": b"m=64,t=1,p=1 00\n" + bytes(range(32)),
}
ENTITY = ArchivedEntity(
    service="VA" + "0" * 32,
    identity=IDENTITY,
    expires=False,
    fields=FIELDS | {"authenticator": b"f" * 16},
    factors={b"f" * 16: FACTOR},
)

ids = st.binary(min_size=16, max_size=16)


def changed(**values):
    return json.dumps(json.loads(ENTITY.encode()) | values).encode()


def test_entity_is_the_same_after_a_round_trip():
    assert ArchivedEntity.decode(ENTITY.encode()) == ENTITY


@given(st.dictionaries(ids, st.binary(min_size=1), max_size=5), st.booleans())
def test_any_factor_is_the_same_after_a_round_trip(records, expires):
    entity = ArchivedEntity(
        service=ENTITY.service,
        identity=IDENTITY,
        expires=expires,
        fields=FIELDS,
        factors={
            factor_id: FACTOR | {"record": record}
            for factor_id, record in records.items()
        },
    )

    assert ArchivedEntity.decode(entity.encode()) == entity


def test_header_is_the_same_after_a_round_trip():
    header = ArchiveHeader(
        exported_at=datetime(2026, 11, 27, 9, 0, tzinfo=UTC), data_key=b"k" * 32
    )

    assert ArchiveHeader.decode(header.encode()) == header
    assert "kkkk" not in repr(header)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        ENTITY.encode()[:-1],
        changed(service=1),
        changed(identity=None),
        changed(expires="no"),
        changed(fields=[]),
        changed(fields={}),
        changed(fields={"id": "AAAA", "created_at": "MQ==", "updated_at": "MQ=="}),
        changed(factors={"66": {}}),
        changed(factors={"66" * 16: {}}),
        changed(factors={"xx" * 16: {}}),
    ],
)
def test_record_that_is_no_entity_is_rejected_without_its_content(data):
    with pytest.raises(ValueError, match=r"^has a record") as raised:
        ArchivedEntity.decode(data)

    assert IDENTITY not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("updated_at", b"soon"),
        ("updated_at", b"-1"),
        ("updated_at", b"1" * 16),
        ("step", b"0x10"),
        ("step", b""),
        ("a:b", b"1"),
        ("", b"1"),
    ],
)
def test_field_that_a_script_cannot_use_is_rejected(name, value):
    entity = ArchivedEntity(
        service=ENTITY.service,
        identity=IDENTITY,
        expires=False,
        fields=FIELDS,
        factors={b"f" * 16: FACTOR | {name: value}},
    )

    with pytest.raises(ValueError, match="invalid field"):
        ArchivedEntity.decode(entity.encode())


@pytest.mark.parametrize("data", [b"{}", ENTITY.encode(), b'{"exported_at": "x"}'])
def test_record_that_is_no_header_is_rejected(data):
    with pytest.raises(ValueError, match="has no header"):
        ArchiveHeader.decode(data)
