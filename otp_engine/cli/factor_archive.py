"""Export all factors to an encrypted file, and import them from one."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from otp_engine.cli.common import load_with_redis
from otp_engine.cli.factor_keys import (
    add_data_key,
    read_data_key,
    require_factor_keys,
    service_sids,
)
from otp_engine.cli.terminal import fail, success, warn
from otp_engine.config import Settings
from otp_engine.crypto import archive
from otp_engine.crypto.factor_keys import DataKey, FactorKey
from otp_engine.domain.factors import archived_entities
from otp_engine.domain.factors.archived_entities import ArchivedEntity, ArchiveHeader
from otp_engine.domain.factors.ports import MergeOutcome
from otp_engine.operations.times import format_time
from otp_engine.store.redis_store import RedisStore

_KEY_PURPOSE = "factor archive"


def export(file: str) -> None:
    """Write all factors to an encrypted file.

    Args:
        file: The path of the file; `-` writes to the standard output.
    """
    settings, store = load_with_redis()
    keys = require_factor_keys(settings)
    data_key = read_data_key(store, keys)
    if data_key is None:
        fail("there are no factors: no client has created one")
    exported = _Exported(settings, store, data_key)
    with _output(file) as output:
        archive.write(
            output,
            exported.records(),
            key=keys[0].derive_key(_KEY_PURPOSE),
            salt=secrets.token_bytes(archive.SALT_BYTES),
        )
    success(
        f"{exported.entities} entities with {exported.factors} factors are exported"
    )
    if exported.damaged:
        fail(
            f"{exported.damaged} entities are damaged in Redis, and are not in the file"
        )


class _Exported:
    """The records of an archive, and how many they are."""

    def __init__(
        self, settings: Settings, store: RedisStore, data_key: DataKey
    ) -> None:
        self._services = service_sids(settings, store)
        self._store = store
        self._data_key = data_key
        self.entities = 0
        self.factors = 0
        self.damaged = 0

    def records(self) -> Iterator[bytes]:
        """Yield the header, then each entity."""
        header = ArchiveHeader(
            exported_at=datetime.now(UTC), data_key=self._data_key.secret
        )
        yield header.encode()
        for service in self._services:
            for raw in self._store.entity_archive.read(service):
                try:
                    entity = archived_entities.decrypt(raw, service, self._data_key)
                except (ValueError, KeyError):
                    self.damaged += 1
                    continue
                self.entities += 1
                self.factors += len(entity.factors)
                yield entity.encode()


def import_archive(file: str, service_map: Mapping[str, str]) -> None:
    """Store the factors of a file, after the whole file is verified.

    Args:
        file: The path of the file; `-` reads the standard input.
        service_map: For a service of the file, the SID of the one that takes its
            factors.
    """
    settings, store = load_with_redis()
    keys = require_factor_keys(settings)
    known = service_sids(settings, store)
    if unknown := sorted(set(service_map.values()) - set(known)):
        fail(f"nothing was imported: there is no service {unknown[0]} here")
    with _source(file) as source:
        try:
            header = _verify(_read(source, keys), known, service_map)
        except archive.OtherKey as error:
            fail(
                f"nothing was imported: the file {error}. Set the factor key of the"
                " export as OTP_FACTOR_KEY_PREVIOUS for this command"
            )
        except ValueError as error:
            fail(f"nothing was imported: the file {error}")
        # Also restores the data key that Redis has lost, if it is that one.
        data_key = add_data_key(store, keys, DataKey(header.data_key))
        source.seek(0)
        # Verified again: the file can change between the two passes.
        records = _read(source, keys)
        next(records)
        imported = _Import(store, data_key, header)
        for record in records:
            imported.store(ArchivedEntity.decode(record), service_map)
    imported.report()


class _Import:
    """Stores the entities of an archive, and counts the outcomes."""

    def __init__(
        self, store: RedisStore, data_key: DataKey, header: ArchiveHeader
    ) -> None:
        self._store = store
        self._data_key = data_key
        self._header = header
        self._outcomes: Counter[MergeOutcome] = Counter()

    def store(self, archived: ArchivedEntity, service_map: Mapping[str, str]) -> None:
        """Store one entity, unless the stored state is newer."""
        entity = _mapped(archived, service_map)
        key, fields = archived_entities.encrypt(entity, self._data_key)
        outcome = self._store.entity_archive.merge(key, fields, expires=entity.expires)
        self._outcomes[outcome] += 1

    def report(self) -> None:
        """Print the outcomes."""
        created, updated, kept, other = (self._outcomes[each] for each in MergeOutcome)
        exported_at = format_time(self._header.exported_at)
        success(
            f"{self._outcomes.total()} entities of {exported_at}:"
            f" {created} created, {updated} updated, {kept} kept, {other} with another"
            " entity here"
        )
        if created:
            warn(
                "an entity that was deleted after the export is created again: run"
                " `otp-engine forget --identity` again for each person who requested it"
            )


def _verify(
    records: Iterator[bytes], known: Collection[str], service_map: Mapping[str, str]
) -> ArchiveHeader:
    """Read a whole archive, and return its header.

    Raises:
        ValueError: It cannot be imported.
    """
    header = ArchiveHeader.decode(next(records, b""))
    unused = set(service_map)
    for record in records:
        archived = ArchivedEntity.decode(record)
        unused.discard(archived.service)
        entity = _mapped(archived, service_map)
        if entity.service not in known:
            raise ValueError(
                f"has factors of the service {entity.service}, which does not exist"
                f" here: --service {entity.service}=SID stores them in another one"
            )
    if unused:
        raise ValueError(
            f"has no factors of the service {min(unused)}, which --service names"
        )
    return header


def _mapped(entity: ArchivedEntity, service_map: Mapping[str, str]) -> ArchivedEntity:
    service = service_map.get(entity.service, entity.service)
    return replace(entity, service=service)


def _read(source: BinaryIO, keys: Iterable[FactorKey]) -> Iterator[bytes]:
    return archive.read(source, keys=[key.derive_key(_KEY_PURPOSE) for key in keys])


@contextmanager
def _output(file: str) -> Iterator[BinaryIO]:
    """Open the output of an export; a file replaces the one before when complete."""
    if file == "-":
        if sys.stdout.isatty():
            fail("an export is not text: write it to a file or a pipe")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(file)
    if path.exists() and not path.is_file():
        fail(f"{file} is not a file: - writes to the standard output")
    try:
        # Mode 0600, whatever the umask.
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")
    try:
        with os.fdopen(number, "wb") as output:
            yield output
            output.flush()
            os.fsync(output.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _source(file: str) -> Iterator[BinaryIO]:
    """Open an archive that can be read twice."""
    if file == "-":
        if sys.stdin.isatty():
            fail("an export is not text: read it from a file or a pipe")
        # The content is encrypted, and the file has no name.
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.seek(0)
            yield copy
        return
    try:
        with Path(file).open("rb") as source:
            if not source.seekable():
                fail(f"{file} is not a file: - reads the standard input")
            yield source
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")
