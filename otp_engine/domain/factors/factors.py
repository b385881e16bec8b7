"""Entities and their factors, which prove that a person has an authenticator app."""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from otp_engine.domain.engine import Engine
from otp_engine.domain.events import FactorCreated, FactorDeleted, FactorVerified
from otp_engine.domain.factors import totp
from otp_engine.domain.factors.checks import Check
from otp_engine.domain.factors.data_keys import DataKeys
from otp_engine.domain.factors.entity_access import (
    EntityAccess,
    authenticator_of,
    parse_factor_sid,
)
from otp_engine.domain.factors.factor_events import hash_identity
from otp_engine.domain.factors.models import (
    Entity,
    Factor,
    FactorCheck,
    FactorCheckResult,
    FactorRequest,
    NewFactor,
    TotpConfig,
)
from otp_engine.domain.factors.notices import (
    FactorNotice,
    NoticeType,
    Notify,
    ignore_notice,
)
from otp_engine.domain.factors.ports import FactorStore, StoredEntity, StoredFactor
from otp_engine.domain.factors.records import EntityName, FactorRecord
from otp_engine.domain.services import Service
from otp_engine.errors import (
    EntityNotFound,
    FactorExists,
    FactorNotFound,
    InvalidFactor,
    Unavailable,
)

_ID_BYTES = 16
_MAX_NAME_LENGTH = 64
# Control characters, surrogates, and the separators of lines and paragraphs.
_NOT_IN_NAMES = frozenset({"Cc", "Cs", "Zl", "Zp"})  # Unicode categories
# Bidirectional controls: they change the order of the text after the name (Unicode
# Technical Report 36, section 2.5).
_BIDI_CONTROLS = frozenset(
    ["LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"]
)
_MAX_REPLACEMENTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """The entities and factors of all services, under one policy.

    Every method raises `InvalidIdentity` for a text that cannot be an identity,
    `FactorsUnreadable` if no factor key decrypts what is stored, and `StoreUnavailable`
    if Redis does not answer.

    Attributes:
        engine: Counts requesters and emits events, under the policy in force.
        store: Stores entities and factors.
        data_keys: Returns the data key.
        brand: The name in authenticator apps for services without one.
        notify: Receives a notice of each change.
    """

    engine: Engine
    store: FactorStore
    data_keys: DataKeys
    brand: str
    notify: Notify = ignore_notice

    def create_entity(self, service: Service, identity: str) -> Entity:
        """Create an entity without factors, which stays until it is deleted.

        Raises:
            EntityExists: The service has an entity with that identity.
        """
        name = EntityName.parse(service, identity)
        data_key = self.data_keys.get_or_create()
        access, entity_id = EntityAccess.of(name, data_key), self._new_id()
        stored = self.store.create_entity(
            access.key, id=entity_id, record=name.encrypt(data_key, entity_id)
        )
        return access.to_entity(stored)

    def get_entity(self, service: Service, identity: str) -> Entity:
        """Return an entity.

        Raises:
            EntityNotFound: The service has no entity with that identity.
        """
        access, entity = self._find_entity(EntityName.parse(service, identity))
        return access.to_entity(entity)

    def list_entities(self, service: Service) -> Iterator[Entity]:
        """Yield the entities of a service, newest first."""
        data_key = self.data_keys.get()
        if data_key is None:
            return
        for stored in self.store.list_entities(service.sid):
            if access := EntityAccess.of_stored(stored, data_key):
                yield access.to_entity(stored)

    def delete_entity(
        self, service: Service, identity: str, *, client_name: str | None = None
    ) -> None:
        """Delete an entity with all of its factors.

        Raises:
            EntityNotFound: The service has no entity with that identity.
        """
        access, entity = self._find_entity(EntityName.parse(service, identity))
        factors = [access.to_deleted(each, entity.id) for each in entity.factors]
        if not self.store.delete_entity(access.key):
            raise EntityNotFound
        for factor in factors:
            self._report_deleted(factor, client_name)

    def delete_entities(
        self, service: Service, *, client_name: str | None = None
    ) -> None:
        """Delete all entities of a service with their factors.

        An entity that cannot be decrypted stays, and the log has its SID.
        """
        # Until there is none: a request can create one during the list.
        while self._delete_listed(service, client_name):
            pass

    def create_factor(self, request: FactorRequest) -> NewFactor:
        """Create an unverified factor, and its entity if that is missing.

        Raises:
            InvalidFactor: A value of the factor is not allowed.
            FactorExists: The client chose the secret of another factor of the entity.
            TooManyFactors: The entity has as many factors as it can have.
            RateLimited: The entity had too many new factors.
        """
        name = EntityName.parse(request.service, request.identity)
        record = self._new_record(request)
        data_key = self.data_keys.get_or_create()
        access = EntityAccess.of(name, data_key)
        factor = self._put(access, record, request)
        self.report_change(
            FactorCreated, NoticeType.FACTOR_CREATED, factor, request.client_name
        )
        return NewFactor(
            factor=factor,
            secret=totp.encode_secret(record.secret),
            uri=totp.to_uri(
                record.secret,
                record.config,
                issuer=request.issuer or request.service.brand or self.brand,
                name=record.friendly_name,
            ),
        )

    def get_factor(self, service: Service, identity: str, sid: str) -> Factor:
        """Return a factor.

        Raises:
            EntityNotFound, FactorNotFound: The entity or the factor does not exist.
        """
        name = EntityName.parse(service, identity)
        access, entity, stored = self._find_factor(name, parse_factor_sid(sid))
        return access.to_factor(stored, entity.id)

    def list_factors(self, service: Service, identity: str) -> list[Factor]:
        """Return the factors of an entity, oldest first.

        Raises:
            EntityNotFound: The service has no entity with that identity.
        """
        access, entity = self._find_entity(EntityName.parse(service, identity))
        return [access.to_factor(each, entity.id) for each in entity.factors]

    def find_authenticator(self, service: Service, identity: str) -> Factor | None:
        """Return the authenticator of an identity; None without one."""
        try:
            access, entity = self._find_entity(EntityName.parse(service, identity))
        except EntityNotFound:
            return None
        stored = authenticator_of(entity)
        return access.to_factor(stored, entity.id) if stored else None

    def update_factor(  # noqa: PLR0913 - the values that can change
        self,
        service: Service,
        identity: str,
        sid: str,
        *,
        friendly_name: str | None = None,
        config: TotpConfig | None = None,
        metadata: str | None = None,
    ) -> Factor:
        """Change values of a factor; None leaves a value as it is.

        Raises:
            InvalidFactor: A value is not allowed.
            EntityNotFound, FactorNotFound: The entity or the factor does not exist.
        """
        name, factor_id = EntityName.parse(service, identity), parse_factor_sid(sid)
        if friendly_name is not None:
            check_name(friendly_name)
        for _ in range(_MAX_REPLACEMENTS):
            access, entity, stored = self._find_factor(name, factor_id)
            old = access.read(stored)
            new = replace(
                old,
                friendly_name=friendly_name or old.friendly_name,
                config=config or old.config,
                metadata=old.metadata if metadata is None else metadata,
            )
            if new == old:
                return access.to_factor(stored, entity.id)
            record = new.encrypt(access.data_key, access.key, factor_id)
            if self.store.replace_factor(
                access.key, factor_id, old=stored.record, new=record
            ):
                return self.get_factor(service, identity, sid)
        raise Unavailable

    def delete_factor(
        self,
        service: Service,
        identity: str,
        sid: str,
        *,
        client_name: str | None = None,
    ) -> None:
        """Delete a factor.

        Raises:
            EntityNotFound, FactorNotFound: The entity or the factor does not exist.
        """
        name = EntityName.parse(service, identity)
        access, entity, stored = self._find_factor(name, parse_factor_sid(sid))
        factor = access.to_deleted(stored, entity.id)
        if not self.store.delete_factor(access.key, stored.id):
            raise FactorNotFound
        self._report_deleted(factor, client_name)

    def check(self, request: FactorCheck) -> FactorCheckResult:
        """Check a code of a factor.

        A check is counted before its code is compared. A code of a time step that was
        accepted before is wrong, and the result does not distinguish the two.

        Raises:
            NetworkNotAllowed: The operator has blocked the network of the client.
            RateLimited: A limit of the requester or of the factor refused.
            FactorNotFound: The entity or the factor does not exist.
            FactorUnverified: The factor is unverified, and the check does not activate.
            FactorAlreadyVerified: The factor is verified, and the check activates.
        """
        return Check(self, request).run()

    def access(self, name: EntityName) -> EntityAccess:
        """Return what identifies an entity in the store, and decrypts its factors.

        Raises:
            FactorNotFound: There is no factor at all.
        """
        data_key = self.data_keys.get()
        if data_key is None:
            raise FactorNotFound
        return EntityAccess.of(name, data_key)

    def report_change(
        self,
        kind: type[FactorCreated | FactorVerified | FactorDeleted],
        notice: NoticeType,
        factor: Factor,
        client_name: str | None,
    ) -> None:
        """Emit the event and the notice of a change of a factor.

        Args:
            kind: The class of the event.
            notice: The type of the notice.
            factor: The factor after the change.
            client_name: Name of the API key of the client.
        """
        name = EntityName(factor.service, factor.identity)
        self.engine.emit(
            kind(
                identity_hash=hash_identity(name, self.engine.peppers[0]),
                service=factor.service,
                factor_sid=factor.sid,
                client_name=client_name,
            )
        )
        self.notify(
            FactorNotice(
                type=notice,
                service=factor.service,
                identity=factor.identity,
                factor_sid=factor.sid,
                factor_name=factor.friendly_name,
            )
        )

    def _delete_listed(self, service: Service, client_name: str | None) -> bool:
        """Delete the entities of a list; return whether there was one to delete."""
        has_deleted = False
        for stored in self.store.list_entities(service.sid):
            # Read here, so that a service without entities needs no data key.
            data_key = self.data_keys.get()
            access = data_key and EntityAccess.of_stored(stored, data_key)
            if not (access and self.store.delete_entity(access.key)):
                continue
            has_deleted = True
            for each in stored.factors:
                self._report_deleted(access.to_deleted(each, stored.id), client_name)
        return has_deleted

    def _report_deleted(self, factor: Factor, client_name: str | None) -> None:
        self.report_change(
            FactorDeleted, NoticeType.FACTOR_DELETED, factor, client_name
        )

    def _find_entity(self, name: EntityName) -> tuple[EntityAccess, StoredEntity]:
        data_key = self.data_keys.get()
        if data_key is None:
            raise EntityNotFound
        access = EntityAccess.of(name, data_key)
        entity = self.store.get_entity(access.key)
        if entity is None:
            raise EntityNotFound
        return access, entity

    def _find_factor(
        self, name: EntityName, id: bytes
    ) -> tuple[EntityAccess, StoredEntity, StoredFactor]:
        access, entity = self._find_entity(name)
        return access, entity, _factor_in(entity, id)

    def _new_record(self, request: FactorRequest) -> FactorRecord:
        secret = request.secret
        if secret is None:
            algorithm = request.config.algorithm
            secret = totp.generate_secret(algorithm, self.engine.random_bytes)
        return FactorRecord(
            secret=totp.check_secret(secret),
            friendly_name=check_name(request.friendly_name),
            config=request.config,
            metadata=request.metadata,
            recovery_key=request.recovery_key,
        )

    def _put(
        self, access: EntityAccess, record: FactorRecord, request: FactorRequest
    ) -> Factor:
        """Store a new factor, and return it."""
        entity_id, factor_id, compared = self._new_id(), self._new_id(), None
        for _ in range(_MAX_REPLACEMENTS):
            if request.secret is not None:
                compared = self._check_unused(access, request.secret)
            entity = self.store.put_factor(
                access.key,
                entity_id=entity_id,
                entity_record=access.name.encrypt(access.data_key, entity_id),
                factor_id=factor_id,
                record=record.encrypt(access.data_key, access.key, factor_id),
                is_authenticator=request.is_authenticator,
                recovery=request.recovery,
                compared=compared,
            )
            if entity:
                return access.to_factor(_factor_in(entity, factor_id), entity.id)
        raise Unavailable

    def _check_unused(self, access: EntityAccess, secret: bytes) -> list[bytes]:
        """Compare a secret that the client chose with those of an entity.

        Returns:
            The ids of the factors that have other secrets.

        Raises:
            FactorExists: A factor of the entity has that secret.
        """
        entity = self.store.get_entity(access.key)
        factors = entity.factors if entity else ()
        for factor in factors:
            if hmac.compare_digest(access.read(factor).secret, secret):
                raise FactorExists
        return [factor.id for factor in factors]

    def _new_id(self) -> bytes:
        return self.engine.random_bytes(_ID_BYTES)


def _factor_in(entity: StoredEntity, id: bytes) -> StoredFactor:
    for factor in entity.factors:
        if factor.id == id:
            return factor
    raise FactorNotFound


def check_name(name: str, parameter: str = "friendly_name") -> str:
    """Return a friendly name if it can be shown.

    Args:
        name: The name.
        parameter: Name of the value in an error.

    Raises:
        InvalidFactor: It is empty or longer than 64 characters, or has a control.
    """
    is_shown = not any(
        unicodedata.category(each) in _NOT_IN_NAMES
        or unicodedata.bidirectional(each) in _BIDI_CONTROLS
        for each in name
    )
    if not (name.strip() and len(name) <= _MAX_NAME_LENGTH and is_shown):
        raise InvalidFactor(
            parameter,
            f"must have 1 to {_MAX_NAME_LENGTH} characters and no control characters",
        )
    return name
