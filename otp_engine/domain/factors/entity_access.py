"""One entity of the store, with the key that decrypts its data."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from otp_engine.crypto.factor_keys import DataKey
from otp_engine.domain import sids
from otp_engine.domain.factors.models import Entity, Factor, FactorStatus, TotpConfig
from otp_engine.domain.factors.ports import EntityKey, StoredEntity, StoredFactor
from otp_engine.domain.factors.records import EntityName, FactorRecord
from otp_engine.errors import FactorNotFound, FactorsUnreadable
from otp_engine.parsing import is_sid

log = logging.getLogger(__name__)

# Without a traceback, which could quote what was decrypted.
_UNREADABLE = "the record of the %s %s cannot be decrypted"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityAccess:
    """What identifies an entity in the store, and decrypts its factors.

    Attributes:
        name: Its service and identity.
        key: Its key in the store.
        data_key: The data key.
    """

    name: EntityName
    key: EntityKey
    data_key: DataKey

    @classmethod
    def of(cls, name: EntityName, data_key: DataKey) -> EntityAccess:
        """Return the access to the entity with that name."""
        return cls(name=name, key=name.to_key(data_key), data_key=data_key)

    @classmethod
    def of_stored(cls, stored: StoredEntity, data_key: DataKey) -> EntityAccess | None:
        """Return the access to an entity of a list, by its record.

        Returns:
            None if the record cannot be decrypted, so that one damaged entity does not
            hide the others. The log has its SID.
        """
        try:
            return cls.of(EntityName.decrypt(stored, data_key), data_key)
        except ValueError:
            sid = sids.entity_sid(stored.id)
            log.error(_UNREADABLE, "entity", sid)  # noqa: TRY400 - see above
            return None

    def read(self, stored: StoredFactor) -> FactorRecord:
        """Return the decrypted record of a factor.

        Raises:
            FactorsUnreadable: It was encrypted with another data key or for another
                place, or was changed.
        """
        try:
            return FactorRecord.decrypt(stored, self.data_key, self.key)
        except ValueError:
            sid = sids.factor_sid(stored.id)
            log.error(_UNREADABLE, "factor", sid)  # noqa: TRY400 - see above
            raise FactorsUnreadable from None

    def to_entity(self, stored: StoredEntity) -> Entity:
        """Return the entity as clients see it."""
        return Entity(
            sid=sids.entity_sid(stored.id),
            service=self.name.service,
            identity=self.name.identity,
            created_at=stored.created_at,
            updated_at=stored.updated_at,
        )

    def to_factor(
        self,
        stored: StoredFactor,
        entity_id: bytes,
        record: FactorRecord | None = None,
    ) -> Factor:
        """Return a factor as clients see it, without its secret.

        Args:
            stored: The factor.
            entity_id: Id of its entity, 16 bytes.
            record: Its decrypted record; None decrypts it.

        Raises:
            FactorsUnreadable: See `read`.
        """
        return self._to_factor(stored, record or self.read(stored), entity_id)

    def to_deleted(self, stored: StoredFactor, entity_id: bytes) -> Factor:
        """Return a factor that is deleted, for its event and its notice.

        One that cannot be decrypted can be deleted too; it then has no name.
        """
        try:
            record = self.read(stored)
        except FactorsUnreadable:
            record = FactorRecord(secret=b"", friendly_name="", config=TotpConfig())
        return self._to_factor(stored, record, entity_id)

    def _to_factor(
        self, stored: StoredFactor, record: FactorRecord, entity_id: bytes
    ) -> Factor:
        is_verified = stored.verified_at is not None
        return Factor(
            sid=sids.factor_sid(stored.id),
            entity_sid=sids.entity_sid(entity_id),
            service=self.name.service,
            identity=self.name.identity,
            friendly_name=record.friendly_name,
            status=FactorStatus.VERIFIED if is_verified else FactorStatus.UNVERIFIED,
            config=record.config,
            metadata=record.metadata,
            created_at=stored.created_at,
            updated_at=stored.updated_at,
            recovery_codes_left=stored.recovery_codes_left,
        )


def authenticator_of(entity: StoredEntity) -> StoredFactor | None:
    """Return the authenticator: the factor that `/auth` activated last.

    Without one it is the factor that was verified last, as in `lib/entity.lua`.
    """
    if activated := activated_of(entity):
        return activated
    verified = [
        (factor.verified_at, position, factor)
        for position, factor in enumerate(entity.factors)
        if factor.verified_at
    ]
    return max(verified)[-1] if verified else None


def activated_of(entity: StoredEntity) -> StoredFactor | None:
    """Return the factor that `/auth` activated last; None without one."""
    activated = (each for each in entity.factors if each.id == entity.authenticator)
    return next(activated, None)


def parse_factor_sid(sid: str) -> bytes:
    """Return the id of a factor, 16 bytes.

    Raises:
        FactorNotFound: The text is not the SID of a factor.
    """
    if not is_sid(sid, "YF"):
        raise FactorNotFound
    return sids.factor_id(sid)
