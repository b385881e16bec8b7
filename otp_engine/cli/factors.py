"""List factors without their secrets, and rotate their key."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence

import click

from otp_engine.cli.common import load_with_redis
from otp_engine.cli.factor_keys import read_encrypted, require_factor_keys, service_sids
from otp_engine.cli.identity import factors_to_dicts
from otp_engine.cli.terminal import fail, success, table
from otp_engine.crypto.factor_keys import (
    DataKey,
    FactorKey,
    decrypt_data_key,
    generate_data_key,
)
from otp_engine.domain.factors import records
from otp_engine.domain.factors.ports import EntityKey
from otp_engine.errors import DataKeyLost
from otp_engine.store.redis_store import RedisStore

_SHOWN = ("sid", "status", "created_at", "last_used_at", "locked_until")
_COUNTED = ("entities", "verified", "unverified")


def list_services(*, as_json: bool) -> None:
    """Print the number of entities and factors of each service.

    Args:
        as_json: Whether to print JSON.
    """
    settings, store = load_with_redis()
    counts = {sid: _count(store, sid) for sid in service_sids(settings, store)}
    if as_json:
        shown = [
            {"service": sid} | {name: count[name] for name in _COUNTED}
            for sid, count in counts.items()
        ]
        click.echo(json.dumps(shown, indent=2))
        return
    rows = [
        [sid, *(str(count[name]) for name in _COUNTED)] for sid, count in counts.items()
    ]
    for line in table(["service", *_COUNTED], rows):
        click.echo(line)


def list_factors(identity: str, service: str | None, *, as_json: bool) -> None:
    """Print the factors of an identity.

    Args:
        identity: The identity; `-` reads it from the standard input.
        service: SID of the service; None for the default one.
        as_json: Whether to print JSON.
    """
    factors = factors_to_dicts(identity, service)
    if as_json:
        click.echo(json.dumps(factors, indent=2))
        return
    rows = [[str(factor[name] or "-") for name in _SHOWN] for factor in factors]
    for line in table(_SHOWN, rows):
        click.echo(line)


def rotate_key() -> None:
    """Encrypt the data key with the current factor key."""
    settings, store = load_with_redis()
    keys = require_factor_keys(settings)
    while (encrypted := read_encrypted(store)) is not None:
        if _is_current(keys, encrypted):
            then = ": remove OTP_FACTOR_KEY_PREVIOUS" if len(keys) > 1 else ""
            success(f"OTP_FACTOR_KEY encrypts the data key{then}")
            return
        data_key = decrypt_data_key(keys, encrypted) or fail(
            "neither OTP_FACTOR_KEY nor OTP_FACTOR_KEY_PREVIOUS decrypts the data key"
            " in Redis: nothing was changed"
        )
        # Another command can have replaced it meanwhile; then the loop reads it again.
        store.data_key.replace(encrypted, keys[0].encrypt_data_key(data_key))
    success("there is no data key yet: the first factor creates it")


def reset() -> None:
    """Replace the data key, and delete every entity of the data key before it.

    The key that is replaced need not be readable or even there, so a lost key is no
    obstacle.
    """
    settings, store = load_with_redis()
    factor_key = require_factor_keys(settings)[0]
    if not _has_had_data_key(store):
        success("there is no data key and no factor: nothing was changed")
        return
    new = generate_data_key(os.urandom)
    # First, so that a person who enrolls meanwhile is not among those that are deleted.
    store.data_key.reset(factor_key.encrypt_data_key(new), new.fingerprint)
    deleted = 0
    for service in service_sids(settings, store):
        # Until there is none: a request can create one during the list.
        while count := _delete_unreadable(store, service, new):
            deleted += count
    success(f"there is a new data key, and {deleted} entities are deleted")


def _has_had_data_key(store: RedisStore) -> bool:
    try:
        return store.data_key.get() is not None
    except DataKeyLost:
        return True


def _delete_unreadable(store: RedisStore, service: str, data_key: DataKey) -> int:
    """Delete the entities of a service that *data_key* does not decrypt."""
    deleted = 0
    for raw in store.entity_archive.read(service):
        context = records.entity_context(raw.fields[b"id"])
        try:
            data_key.decrypt(raw.fields[b"record"], context=context)
        except ValueError:
            deleted += store.factors.delete_entity(EntityKey(raw.digest, service))
    return deleted


def _is_current(keys: Sequence[FactorKey], encrypted: bytes) -> bool:
    return decrypt_data_key(keys[:1], encrypted) is not None


def _count(store: RedisStore, service: str) -> Counter[str]:
    counted: Counter[str] = Counter()
    for entity in store.factors.list_entities(service):
        counted["entities"] += 1
        for factor in entity.factors:
            counted["verified" if factor.verified_at else "unverified"] += 1
    return counted
