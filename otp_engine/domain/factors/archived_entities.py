"""Entities in an archive: without the encryption of one Redis, which others lack.

An archive has one header, and one record an entity. Each is a JSON object. The archive
itself is encrypted; see `crypto.archive`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from otp_engine.crypto.factor_keys import DataKey
from otp_engine.domain.factors import records
from otp_engine.domain.factors.ports import EntityKey, RawEntity
from otp_engine.domain.factors.records import EntityName

ID_BYTES = 16
_RECORD = "record"
_REQUIRED = {"id", "created_at", "updated_at"}
_REQUIRED_OF_FACTOR = {_RECORD, "created_at", "updated_at"}
_NAME = re.compile("[a-z_]{1,32}", re.ASCII)
_IDS = {"id", "authenticator", "enrolling"}
_NUMBERS = {"created_at", "updated_at", "verified_at", "step"}
_MAX_DIGITS = 15  # a double, which Lua has for every number, is exact to 15 digits

_Fields = Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveHeader:
    """What an archive contains besides entities.

    Attributes:
        exported_at: Time of the export.
        data_key: The data key of the Redis, on which the secrets of service webhooks
            depend.
    """

    exported_at: datetime
    data_key: bytes = field(repr=False)

    def encode(self) -> bytes:
        """Return the header as the first record of an archive."""
        return _dump(
            {
                "exported_at": self.exported_at.isoformat(),
                "data_key": _to_text(self.data_key),
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> ArchiveHeader:
        """Parse the first record of an archive.

        Raises:
            ValueError: It is not a header.
        """
        match _load(data):
            case {"exported_at": str(time), "data_key": str(key)}:
                try:
                    exported_at = datetime.fromisoformat(time)
                except ValueError:
                    raise ValueError("has a header without its time") from None
                return cls(exported_at=exported_at, data_key=_from_text(key))
            case _:
                raise ValueError("has no header")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedEntity:
    """The stored fields of an entity, with its records in plain text.

    Attributes:
        service: SID of the service.
        identity: The name that the client chose.
        expires: Whether the entity expires because none of its factors is verified.
        fields: The fields of the entity by name, without its record.
        factors: The fields of each factor by name, by the id of the factor.
    """

    service: str
    identity: str = field(repr=False)
    expires: bool
    fields: _Fields
    factors: Mapping[bytes, _Fields] = field(repr=False)

    def encode(self) -> bytes:
        """Return the entity as a record of an archive."""
        return _dump(
            {
                "service": self.service,
                "identity": self.identity,
                "expires": self.expires,
                "fields": _to_texts(self.fields),
                "factors": {
                    factor_id.hex(): _to_texts(fields)
                    for factor_id, fields in self.factors.items()
                },
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> ArchivedEntity:
        """Parse a record of an archive.

        Raises:
            ValueError: It is not an entity. The message does not contain it.
        """
        match _load(data):
            case {
                "service": str(service),
                "identity": str(identity),
                "expires": bool(expires),
                "fields": dict(fields),
                "factors": dict(factors),
            }:
                return cls(
                    service=service,
                    identity=identity,
                    expires=expires,
                    fields=_from_texts(fields, _REQUIRED),
                    factors={
                        _factor_id(hex_id): _from_texts(values, _REQUIRED_OF_FACTOR)
                        for hex_id, values in factors.items()
                    },
                )
            case _:
                raise ValueError("has a record that is not an entity")


def decrypt(raw: RawEntity, service: str, data_key: DataKey) -> ArchivedEntity:
    """Return a stored entity with its records in plain text.

    Args:
        raw: The entity.
        service: SID of the service that lists it.
        data_key: The data key of its Redis.

    Raises:
        ValueError: A record cannot be decrypted, or a field is invalid.
    """
    key = EntityKey(raw.digest, service)
    fields: dict[str, bytes] = {}
    factors: dict[bytes, dict[str, bytes]] = {}
    for stored, value in raw.fields.items():
        # The name of a field of a factor starts with the id, which is any 16 bytes.
        if stored[ID_BYTES : ID_BYTES + 1] == b":":
            factor_id, name = stored[:ID_BYTES], stored[ID_BYTES + 1 :].decode()
            factors.setdefault(factor_id, {})[name] = value
        else:
            fields[stored.decode()] = value
    context = records.entity_context(fields["id"])
    name_of_entity = json.loads(data_key.decrypt(fields.pop(_RECORD), context=context))
    for factor_id, values in factors.items():
        context = records.factor_context(key, factor_id)
        values[_RECORD] = data_key.decrypt(values[_RECORD], context=context)
    entity = ArchivedEntity(
        service=service,
        identity=name_of_entity["identity"],
        expires=raw.expires,
        fields=fields,
        factors=factors,
    )
    # An archive that cannot be read again would be noticed too late.
    return ArchivedEntity.decode(entity.encode())


def encrypt(
    entity: ArchivedEntity, data_key: DataKey
) -> tuple[EntityKey, dict[bytes, bytes]]:
    """Return the key and the stored fields of an archived entity.

    Args:
        entity: The entity.
        data_key: The data key of the Redis that it is stored in.
    """
    name = EntityName(entity.service, entity.identity)
    key = name.to_key(data_key)
    fields = {label.encode(): value for label, value in entity.fields.items()}
    fields[_RECORD.encode()] = name.encrypt(data_key, entity.fields["id"])
    for factor_id, values in entity.factors.items():
        context = records.factor_context(key, factor_id)
        record = data_key.encrypt(values[_RECORD], context=context)
        for field_name, value in {**values, _RECORD: record}.items():
            fields[factor_id + b":" + field_name.encode()] = value
    return key, fields


def _dump(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _load(data: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(data)
    except ValueError:
        raise ValueError("has a record that is not JSON") from None


def _factor_id(text: str) -> bytes:
    try:
        factor_id = bytes.fromhex(text)
    except ValueError:
        factor_id = b""
    if len(factor_id) != ID_BYTES:
        raise ValueError("has a record with an invalid factor")
    return factor_id


def _to_texts(fields: _Fields) -> dict[str, str]:
    return {name: _to_text(value) for name, value in fields.items()}


def _from_texts(texts: Mapping[str, Any], required: set[str]) -> dict[str, bytes]:
    if not required <= set(texts):
        raise ValueError("has a record without a required field")
    fields = {name: _from_text(text) for name, text in texts.items()}
    if not all(_is_valid(name, value) for name, value in fields.items()):
        raise ValueError("has a record with an invalid field")
    return fields


def _is_valid(name: str, value: bytes) -> bool:
    """Return whether a script can use the field: it must not fail during an import."""
    if name in _IDS:
        return len(value) == ID_BYTES
    if name in _NUMBERS:
        return value.isdigit() and len(value) <= _MAX_DIGITS
    return bool(_NAME.fullmatch(name))


def _to_text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _from_text(text: Any) -> bytes:  # noqa: ANN401 - any JSON
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise ValueError("has a record with an invalid field") from None
