"""`otp-engine factors` and what `doctor` reports about them, on a real Redis."""

from __future__ import annotations

import base64
import json
import os

import pytest

from otp_engine.crypto.factor_keys import DataKey, FactorKey, decrypt_data_key
from otp_engine.domain.factors.data_keys import DataKeys
from otp_engine.domain.factors.ports import EntityKey
from otp_engine.domain.factors.records import EntityName
from otp_engine.store.keys import DATA_KEY as DATA_KEY_NAME
from otp_engine.store.redis_store import RedisStore
from tests.support import twilio_server
from tests.support.command_line import run

SERVICE = "VA" + "0" * 32
CURRENT = bytes(range(50, 82))
PREVIOUS = bytes(range(100, 132))
OTHER = bytes(range(200, 232))
DATA_KEY = DataKey(b"d" * 32)


def text_of(key):
    return base64.b64encode(key).decode()


@pytest.fixture
def keys(environ):
    """Return a function that returns an environment with factor keys."""

    def keys(current=CURRENT, previous=None):
        more = {"OTP_FACTOR_KEY_PREVIOUS": text_of(previous)} if previous else {}
        return environ | {"OTP_FACTOR_KEY": text_of(current)} | more

    return keys


@pytest.fixture
def twilio():
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture
def store(real_redis):
    return RedisStore(real_redis)


def encrypt_with(store, key):
    encrypted = FactorKey(key).encrypt_data_key(DATA_KEY)
    store.data_key.add(encrypted, DATA_KEY.fingerprint)


def test_rotation_encrypts_the_same_data_key_with_the_new_key(store, keys):
    encrypt_with(store, PREVIOUS)

    result = run("factors", "rotate-key", **keys(CURRENT, PREVIOUS))

    assert result.exit_code == 0
    line = "✓ OTP_FACTOR_KEY encrypts the data key: remove OTP_FACTOR_KEY_PREVIOUS"
    assert line in result.stderr
    found = decrypt_data_key([FactorKey(CURRENT)], store.data_key.get())
    assert found == DATA_KEY
    assert decrypt_data_key([FactorKey(PREVIOUS)], store.data_key.get()) is None


def test_repeated_rotation_changes_nothing(store, keys):
    encrypt_with(store, CURRENT)
    before = store.data_key.get()

    result = run("factors", "rotate-key", **keys(CURRENT, PREVIOUS))

    assert result.exit_code == 0
    assert store.data_key.get() == before


def test_rotation_with_keys_that_decrypt_nothing_changes_nothing(store, keys):
    encrypt_with(store, OTHER)
    before = store.data_key.get()

    result = run("factors", "rotate-key", **keys(CURRENT, PREVIOUS))

    assert result.exit_code == 1
    assert "nothing was changed" in result.stderr
    assert store.data_key.get() == before


def test_rotation_before_the_first_factor_has_nothing_to_do(keys):
    result = run("factors", "rotate-key", **keys())

    assert result.exit_code == 0
    assert "there is no data key yet" in result.stderr


def store_entity(store, name, data_key):
    """Store an entity with one factor."""
    entity_id, factor_id = (os.urandom(16) for _ in range(2))
    key = name.to_key(data_key)
    store.factors.put_factor(
        key,
        entity_id=entity_id,
        entity_record=name.encrypt(data_key, entity_id),
        factor_id=factor_id,
        record=b"encrypted",
    )
    return key


def test_reset_replaces_the_data_key_and_deletes_every_entity(store, keys):
    encrypt_with(store, CURRENT)
    names = [EntityName(SERVICE, f"person-{number:04}") for number in range(30)]
    stored = [store_entity(store, name, DATA_KEY) for name in names]

    result = run("factors", "reset", "--yes", **keys())

    assert result.exit_code == 0
    assert "there is a new data key, and 30 entities are deleted" in result.stderr
    new = decrypt_data_key([FactorKey(CURRENT)], store.data_key.get())
    assert new is not None
    assert new.secret != DATA_KEY.secret
    assert not any(map(store.factors.get_entity, stored))
    assert not list(store.factors.list_entities(SERVICE))


def test_reset_needs_no_key_that_decrypts_the_data_key(store, keys):
    encrypt_with(store, OTHER)
    key = store_entity(store, EntityName(SERVICE, "person-0001"), DATA_KEY)

    result = run("factors", "reset", "--yes", **keys())

    assert result.exit_code == 0
    assert store.factors.get_entity(key) is None
    assert decrypt_data_key([FactorKey(CURRENT)], store.data_key.get()) is not None


def test_reset_replaces_a_data_key_that_redis_has_lost(store, keys, real_redis):
    encrypt_with(store, CURRENT)
    key = store_entity(store, EntityName(SERVICE, "person-0001"), DATA_KEY)
    real_redis.delete("otp:{factors}:data_key")

    result = run("factors", "reset", "--yes", **keys())

    assert result.exit_code == 0
    assert store.factors.get_entity(key) is None
    stored = store.data_key.get()
    found = decrypt_data_key([FactorKey(CURRENT)], stored)
    assert found is not None
    # The fingerprint is that of the new key: the same key can be added again.
    real_redis.delete("otp:{factors}:data_key")
    assert store.data_key.add(stored, found.fingerprint) == stored


def test_reset_without_a_confirmation_changes_nothing(store, keys):
    encrypt_with(store, CURRENT)
    key = store_entity(store, EntityName(SERVICE, "person-0001"), DATA_KEY)

    result = run("factors", "reset", **keys())

    assert result.exit_code == 1
    assert store.factors.get_entity(key) is not None
    found = decrypt_data_key([FactorKey(CURRENT)], store.data_key.get())
    assert found == DATA_KEY


@pytest.mark.parametrize("command", [["rotate-key"], ["export", "-"]])
def test_command_with_a_lost_data_key_fails(store, keys, real_redis, command):
    encrypt_with(store, CURRENT)
    real_redis.delete(DATA_KEY_NAME)

    result = run("factors", *command, **keys())

    assert result.exit_code == 1
    assert "✗ Redis has lost the data key of authenticator apps" in result.stderr


def test_reset_before_the_first_factor_changes_nothing(store, keys):
    result = run("factors", "reset", "--yes", **keys())

    assert result.exit_code == 0
    assert store.data_key.get() is None


def test_process_uses_the_data_key_after_a_reset_for_its_next_write(store, keys):
    encrypt_with(store, CURRENT)
    running = DataKeys(
        store.data_key,
        [FactorKey(CURRENT)],
        random_bytes=os.urandom,
        clock=lambda: 0.0,
    )
    assert running.get_or_create() == DATA_KEY

    run("factors", "reset", "--yes", **keys())

    stored = decrypt_data_key([FactorKey(CURRENT)], store.data_key.get())
    assert running.get_or_create() == stored != DATA_KEY


@pytest.mark.parametrize("command", ["rotate-key"])
def test_command_without_a_factor_key_fails(environ, command):
    result = run("factors", command, **environ)

    assert result.exit_code == 1
    assert "OTP_FACTOR_KEY is not set" in result.stderr


def test_list_of_a_service_without_an_identity_is_a_usage_error(keys):
    result = run("factors", "list", "--service", SERVICE, **keys())

    assert result.exit_code == 2
    assert "--service needs --identity" in result.stderr


def test_list_counts_entities_and_factors_by_service(store, keys):
    for number, step in enumerate((1, None)):
        key = EntityKey(f"entity {number}", SERVICE)
        factor_id = bytes([number]) * 16
        store.factors.put_factor(
            key,
            entity_id=factor_id,
            entity_record=b"record",
            factor_id=factor_id,
            record=b"record",
        )
        if step:
            store.factors.accept_step(
                key,
                factor_id,
                idempotency_key=b"check 01",
                step=step,
                activates=True,
                is_authenticator=False,
            )

    text = run("factors", "list", **keys()).stdout
    shown = json.loads(run("factors", "list", "--json", **keys()).stdout)

    assert shown == [
        {"service": SERVICE, "entities": 2, "verified": 1, "unverified": 1}
    ]
    assert text.splitlines()[1].split() == [SERVICE, "2", "1", "1"]


def doctor(environ, twilio):
    return run("doctor", **environ | {"TWILIO_API_BASE_URL": twilio.url})


@pytest.mark.parametrize(
    ("encrypted_with", "previous", "line"),
    [
        (None, None, "✓ OTP_FACTOR_KEY is valid; there are no authenticator apps yet"),
        (CURRENT, None, "✓ OTP_FACTOR_KEY decrypts the data key"),
        (CURRENT, PREVIOUS, "! nothing needs OTP_FACTOR_KEY_PREVIOUS any longer"),
        (PREVIOUS, PREVIOUS, "! OTP_FACTOR_KEY_PREVIOUS still encrypts the data key"),
    ],
    ids=["none", "current", "after a rotation", "before a rotation"],
)
def test_doctor_reports_which_factor_key_is_in_use(
    store, keys, twilio, encrypted_with, previous, line
):
    if encrypted_with:
        encrypt_with(store, encrypted_with)

    result = doctor(keys(CURRENT, previous), twilio)

    assert line in result.stderr
    assert result.exit_code == 0


def test_doctor_fails_if_the_factor_key_decrypts_nothing(store, keys, twilio):
    encrypt_with(store, OTHER)

    result = doctor(keys(), twilio)

    assert result.exit_code == 1
    assert "✗ OTP_FACTOR_KEY does not decrypt the data key" in result.stderr


def test_doctor_fails_if_redis_has_lost_the_data_key(store, keys, twilio, real_redis):
    encrypt_with(store, CURRENT)
    real_redis.delete(DATA_KEY_NAME)

    result = doctor(keys(), twilio)

    assert result.exit_code == 1
    assert "✗ Redis has lost the data key of authenticator apps" in result.stderr


def test_doctor_fails_if_redis_has_factors_and_the_key_is_missing(
    environ, store, twilio
):
    encrypt_with(store, OTHER)

    result = doctor(environ, twilio)

    assert result.exit_code == 1
    assert "✗ Redis has authenticator apps, and OTP_FACTOR_KEY is not" in result.stderr


def test_doctor_warns_of_a_redis_that_can_lose_factors(keys, environ, twilio):
    with_factors = doctor(keys(), twilio).stderr
    without = doctor(environ, twilio).stderr

    warning = "a restart loses the authenticator apps"
    assert warning in with_factors
    assert "Redis has no replica" in with_factors
    assert warning not in without
