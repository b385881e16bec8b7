from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from otp_engine.crypto.factor_keys import DataKey, RecoveryKey
from otp_engine.domain.factors.models import Algorithm, TotpConfig
from otp_engine.domain.factors.ports import StoredEntity, StoredFactor
from otp_engine.domain.factors.records import EntityName, FactorRecord
from otp_engine.domain.services import Service
from otp_engine.errors import InvalidIdentity

DATA_KEY = DataKey(bytes(range(32)))
OTHER_KEY = DataKey(bytes(range(1, 33)))
NAME = EntityName("VA1", "person-1")
KEY = NAME.to_key(DATA_KEY)
NOW = datetime(2026, 11, 27, tzinfo=UTC)
RECORD = FactorRecord(
    secret=b"secret-of-the-factor",
    friendly_name="Ann’s phone",
    config=TotpConfig(algorithm=Algorithm.SHA512, code_length=8, time_step=60, skew=2),
    metadata='{"os": "x"}',
    recovery_key=RecoveryKey(b"r" * 32),
)
FACTOR = StoredFactor(
    id=b"f" * 16,
    record=RECORD.encrypt(DATA_KEY, KEY, b"f" * 16),
    created_at=NOW,
    updated_at=NOW,
)
ENTITY = StoredEntity(
    id=b"e" * 16,
    record=NAME.encrypt(DATA_KEY, b"e" * 16),
    created_at=NOW,
    updated_at=NOW,
)


def test_key_of_an_entity_contains_a_pseudonym_and_the_service():
    assert KEY.service == "VA1"
    assert len(KEY.digest) == 16
    assert "person" not in KEY.digest


@pytest.mark.parametrize(
    "name",
    [
        *(EntityName("VA2", "person-1"), EntityName("VA1", "Person-1")),
        *(EntityName("VA1", "person-2"), EntityName("VA1\nperson-1", "")),
    ],
)
def test_another_entity_has_another_key(name):
    assert name.to_key(DATA_KEY).digest != KEY.digest


def test_name_of_an_entity_is_decrypted():
    assert EntityName.decrypt(ENTITY, DATA_KEY) == NAME


def test_name_is_parsed_as_an_identity():
    with pytest.raises(InvalidIdentity):
        EntityName.parse(Service(sid="VA1"), "+919445012345")


def test_factor_is_decrypted_as_it_was():
    assert FactorRecord.decrypt(FACTOR, DATA_KEY, KEY) == RECORD


def test_factor_without_metadata_is_decrypted_as_it_was():
    record = replace(RECORD, metadata=None)
    stored = replace(FACTOR, record=record.encrypt(DATA_KEY, KEY, FACTOR.id))

    assert FactorRecord.decrypt(stored, DATA_KEY, KEY) == record


@pytest.mark.parametrize(
    ("stored", "data_key", "key"),
    [
        (FACTOR, OTHER_KEY, KEY),
        (FACTOR, DATA_KEY, NAME.to_key(OTHER_KEY)),
        (FACTOR, DATA_KEY, EntityName("VA1", "person-2").to_key(DATA_KEY)),
        (replace(FACTOR, id=b"g" * 16), DATA_KEY, KEY),
        (replace(FACTOR, record=FACTOR.record[:-1]), DATA_KEY, KEY),
        (replace(FACTOR, record=ENTITY.record), DATA_KEY, KEY),
        (replace(FACTOR, record=b""), DATA_KEY, KEY),
    ],
    ids=["key", "digest", "entity", "id", "cut", "kind", "empty"],
)
def test_factor_that_was_moved_or_changed_is_not_decrypted(stored, data_key, key):
    with pytest.raises(ValueError, match="cannot be decrypted"):
        FactorRecord.decrypt(stored, data_key, key)


@pytest.mark.parametrize(
    ("stored", "data_key"),
    [
        (ENTITY, OTHER_KEY),
        (replace(ENTITY, id=b"x" * 16), DATA_KEY),
        (replace(ENTITY, record=FACTOR.record), DATA_KEY),
    ],
    ids=["key", "id", "kind"],
)
def test_entity_that_was_moved_or_changed_is_not_decrypted(stored, data_key):
    with pytest.raises(ValueError, match="cannot be decrypted"):
        EntityName.decrypt(stored, data_key)


def test_repr_of_a_record_hides_the_secret():
    assert "secret-of" not in repr(RECORD)


def test_stored_record_contains_neither_secret_nor_name():
    assert b"secret-of" not in FACTOR.record
    assert b"person" not in ENTITY.record
