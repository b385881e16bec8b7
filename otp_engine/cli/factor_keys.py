"""The keys of factors, and their services, for commands."""

from __future__ import annotations

from collections.abc import Sequence

from otp_engine.cli.terminal import fail
from otp_engine.config import Settings
from otp_engine.crypto.factor_keys import DataKey, FactorKey, decrypt_data_key
from otp_engine.errors import DataKeyLost
from otp_engine.store.redis_store import RedisStore

LOST = (
    "Redis has lost the data key of authenticator apps, and their requests get 503:"
    " import the newest export, or restore a backup; `otp-engine factors reset` gives"
    " them up"
)


def require_factor_keys(settings: Settings) -> Sequence[FactorKey]:
    """Return the factor keys; without any the process ends with 1."""
    if not settings.factor_keys:
        fail(
            "OTP_FACTOR_KEY is not set: set the factor key of the service, or generate"
            " one with `otp-engine keys factor`"
        )
    return settings.factor_keys


def read_encrypted(store: RedisStore) -> bytes | None:
    """Return the encrypted data key; None if there never was one.

    A data key that Redis has lost ends the process with 1.
    """
    try:
        return store.data_key.get()
    except DataKeyLost:
        fail(LOST)


def read_data_key(store: RedisStore, keys: Sequence[FactorKey]) -> DataKey | None:
    """Return the data key in Redis; None if there is none.

    A data key that no factor key decrypts, or that Redis has lost, ends the process
    with 1.
    """
    encrypted = read_encrypted(store)
    if encrypted is None:
        return None
    return decrypt_data_key(keys, encrypted) or fail(
        "neither OTP_FACTOR_KEY nor OTP_FACTOR_KEY_PREVIOUS decrypts the data key in"
        " Redis: set the factor key of the service"
    )


def add_data_key(
    store: RedisStore, keys: Sequence[FactorKey], data_key: DataKey
) -> DataKey:
    """Store a data key, unless there is one, and return the one in Redis.

    A data key that is not the one that Redis has lost ends the process with 1.
    """
    try:
        store.data_key.add(keys[0].encrypt_data_key(data_key), data_key.fingerprint)
    except DataKeyLost:
        fail(f"the file has another data key than this Redis had: {LOST}")
    return read_data_key(store, keys) or data_key


def service_sids(settings: Settings, store: RedisStore) -> list[str]:
    """Return the SIDs of all services, that of the default one first."""
    others = (service.sid for service in store.services.list_services())
    return [settings.service.sid, *others]
