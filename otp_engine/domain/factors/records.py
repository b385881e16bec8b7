"""The encrypted records of entities and factors.

A record is encrypted for the place where it is stored, so a copy elsewhere cannot be
decrypted: an entity for its id, and a factor for its entity and its own id.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import NamedTuple

from otp_engine.crypto.factor_keys import DataKey, RecoveryKey
from otp_engine.domain.factors import identities
from otp_engine.domain.factors.models import Algorithm, TotpConfig
from otp_engine.domain.factors.ports import EntityKey, StoredEntity, StoredFactor
from otp_engine.domain.services import Service


class EntityName(NamedTuple):
    """What identifies an entity to clients.

    Attributes:
        service: SID of the service.
        identity: The identity.
    """

    service: str
    identity: str

    @classmethod
    def parse(cls, service: Service, identity: str) -> EntityName:
        """Return the name of an entity of *service*.

        Raises:
            InvalidIdentity: See `identities.parse`.
        """
        return cls(service.sid, identities.parse(identity))

    def to_key(self, data_key: DataKey) -> EntityKey:
        """Return what identifies the entity in the store."""
        digest = data_key.pseudonymize("entity", f"{self.service}\n{self.identity}")
        return EntityKey(digest, self.service)

    def encrypt(self, data_key: DataKey, entity_id: bytes) -> bytes:
        """Return the record of an entity.

        Args:
            data_key: The data key.
            entity_id: Id of the entity, 16 bytes.
        """
        text = json.dumps(self._asdict())
        return data_key.encrypt(text.encode(), context=entity_context(entity_id))

    @classmethod
    def decrypt(cls, stored: StoredEntity, data_key: DataKey) -> EntityName:
        """Return the name of a stored entity.

        Raises:
            ValueError: Another data key has encrypted the record, or it was changed.
        """
        text = data_key.decrypt(stored.record, context=entity_context(stored.id))
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRecord:
    """What the store has of a factor in encrypted form.

    Attributes:
        secret: The secret, 16 to 64 bytes.
        friendly_name: The name that the client chose.
        config: How its codes are computed.
        metadata: JSON text of the client; None without one.
        recovery_key: The key of its recovery codes; None without any.
    """

    secret: bytes = field(repr=False)
    friendly_name: str = field(repr=False)
    config: TotpConfig
    metadata: str | None = field(default=None, repr=False)
    recovery_key: RecoveryKey | None = None

    def encrypt(self, data_key: DataKey, key: EntityKey, factor_id: bytes) -> bytes:
        """Return the record of a factor.

        Args:
            data_key: The data key.
            key: The key of its entity.
            factor_id: Id of the factor, 16 bytes.
        """
        config, recovery_key = self.config, self.recovery_key
        text = json.dumps(
            {
                "secret": _to_text(self.secret),
                "friendly_name": self.friendly_name,
                "algorithm": config.algorithm,
                "code_length": config.code_length,
                "time_step": config.time_step,
                "skew": config.skew,
                "metadata": self.metadata,
                "recovery_key": recovery_key and _to_text(recovery_key.secret),
            }
        )
        context = factor_context(key, factor_id)
        return data_key.encrypt(text.encode(), context=context)

    @classmethod
    def decrypt(
        cls, stored: StoredFactor, data_key: DataKey, key: EntityKey
    ) -> FactorRecord:
        """Return the record of a stored factor.

        Args:
            stored: The factor.
            data_key: The data key.
            key: The key of its entity.

        Raises:
            ValueError: Another data key has encrypted the record, or it was changed.
        """
        context = factor_context(key, stored.id)
        values = json.loads(data_key.decrypt(stored.record, context=context))
        recovery_key = values["recovery_key"]
        return cls(
            secret=base64.b64decode(values["secret"]),
            friendly_name=values["friendly_name"],
            config=TotpConfig(
                algorithm=Algorithm(values["algorithm"]),
                code_length=values["code_length"],
                time_step=values["time_step"],
                skew=values["skew"],
            ),
            metadata=values["metadata"],
            recovery_key=recovery_key and RecoveryKey(base64.b64decode(recovery_key)),
        )


def entity_context(entity_id: bytes) -> bytes:
    """Return the context that the record of an entity is encrypted for."""
    return b"entity " + entity_id


def factor_context(key: EntityKey, factor_id: bytes) -> bytes:
    """Return the context that the record of a factor is encrypted for."""
    return b"factor " + key.digest.encode() + b" " + factor_id


def _to_text(secret: bytes) -> str:
    return base64.b64encode(secret).decode()
