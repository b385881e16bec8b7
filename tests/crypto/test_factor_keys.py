from __future__ import annotations

import pickle

import pytest

from otp_engine.crypto.factor_keys import (
    DataKey,
    FactorKey,
    RecoveryKey,
    generate_data_key,
)

FACTOR_KEY = FactorKey(b"f" * 32)
DATA_KEY = DataKey(bytes(range(32)))


def test_data_key_is_decrypted_by_the_factor_key_that_encrypted_it():
    encrypted = FACTOR_KEY.encrypt_data_key(DATA_KEY)

    assert FACTOR_KEY.decrypt_data_key(encrypted) == DATA_KEY


def test_data_key_is_not_decrypted_by_another_factor_key():
    encrypted = FACTOR_KEY.encrypt_data_key(DATA_KEY)

    with pytest.raises(ValueError, match="cannot be decrypted"):
        FactorKey(b"g" * 32).decrypt_data_key(encrypted)


@pytest.mark.parametrize("position", [0, 16, 47])
def test_changed_data_key_is_not_decrypted(position):
    encrypted = bytearray(FACTOR_KEY.encrypt_data_key(DATA_KEY))
    encrypted[position] ^= 1

    with pytest.raises(ValueError, match="cannot be decrypted"):
        FACTOR_KEY.decrypt_data_key(bytes(encrypted))


def test_generated_data_key_has_32_random_bytes():
    data_key = generate_data_key(lambda count: b"r" * count)

    assert data_key == DataKey(b"r" * 32)


def test_mac_of_a_recovery_code_depends_on_the_code_and_the_key():
    key, other = RecoveryKey(b"r" * 32), RecoveryKey(b"s" * 32)

    macs = {key.code_mac("7k2pd9xw4m"), key.code_mac("7k2pd9xw4n")}

    assert len(macs | {other.code_mac("7k2pd9xw4m")}) == 3


def test_generated_recovery_key_has_32_random_bytes():
    recovery_key = RecoveryKey.generate(lambda count: b"r" * count)

    assert recovery_key == RecoveryKey(b"r" * 32)


@pytest.mark.parametrize("key", [FACTOR_KEY, DATA_KEY], ids=["factor", "data"])
def test_key_is_pickled_as_the_same_kind(key):
    copy = pickle.loads(pickle.dumps(key))  # noqa: S301 - our own bytes

    assert copy == key
    assert type(copy) is type(key)


@pytest.mark.parametrize("key", [FACTOR_KEY, DataKey(b"f" * 32)], ids=["f", "d"])
def test_repr_hides_the_secret_of_a_key(key):
    assert "ffff" not in repr(key)


def test_secret_of_a_webhook_is_its_own_and_that_of_the_data_key():
    secret = DATA_KEY.webhook_secret("YW1")

    assert len(secret) == 43
    assert secret == DATA_KEY.webhook_secret("YW1")
    assert secret != DATA_KEY.webhook_secret("YW2")
    assert secret != DataKey(b"o" * 32).webhook_secret("YW1")
