"""Challenges: requests to prove a factor, which a right code closes.

    requester ─▶ challenge ─▶ factor ─▶ compare ─▶ accept the time step ─▶ approve

A challenge counts each check before its factor does. The acceptance of the time step
decides which check is right, and the challenge is then closed for the first of those.
A check that the challenge has counted is in time, so an accepted time step always
approves the challenge, also if that expires in between.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from otp_engine.domain import sids
from otp_engine.domain.events import ChallengeApproved
from otp_engine.domain.factors import challenge_models, factor_events
from otp_engine.domain.factors.challenge_models import (
    Challenge,
    ChallengeCheck,
    ChallengeRequest,
)
from otp_engine.domain.factors.challenge_store import ChallengeStore, StoredChallenge
from otp_engine.domain.factors.checks import Check
from otp_engine.domain.factors.entity_access import EntityAccess, parse_factor_sid
from otp_engine.domain.factors.factor_events import hash_identity
from otp_engine.domain.factors.factors import Factors
from otp_engine.domain.factors.models import Factor, FactorCheck
from otp_engine.domain.factors.notices import FactorNotice, NoticeType
from otp_engine.domain.factors.records import EntityName
from otp_engine.domain.recipients import hash_client_ip
from otp_engine.domain.services import Service
from otp_engine.errors import (
    ChallengeAlreadyApproved,
    ChallengeNotFound,
    EntityNotFound,
    FactorNotFound,
    FactorsUnreadable,
    InvalidFactor,
    OTPError,
)
from otp_engine.parsing import is_sid

log = logging.getLogger(__name__)

_ID_BYTES = 16
# Clocks differ, so the longest lifetime of a client can be a little too long here.
_CLOCK_DIFFERENCE = timedelta(minutes=1)

_Reserve = Callable[[EntityAccess, bytes], StoredChallenge]


class _CountedCheck(Check):
    """A check of a factor that a challenge counts first."""

    challenge: StoredChallenge

    def __init__(
        self, factors: Factors, request: FactorCheck, reserve: _Reserve
    ) -> None:
        """Start a check.

        Args:
            factors: The factors, with the components that the check needs.
            request: The check, without a factor.
            reserve: Takes the entity and the idempotency key of the check, counts the
                check, and returns its challenge.
        """
        super().__init__(factors, request)
        self._reserve = reserve

    def _select_factor(self, access: EntityAccess) -> bytes:
        self.challenge = self._reserve(access, self.idempotency_key)
        return self.challenge.factor_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenges:
    """The challenges of all services.

    Every method raises the errors of `Factors` for a text that cannot be an identity,
    and for a store that cannot be read.

    Attributes:
        factors: The factors that challenges prove.
        store: Stores challenges.
        utcnow: Returns the time in UTC, which `expires_at` is compared with.
    """

    factors: Factors
    store: ChallengeStore
    utcnow: Callable[[], datetime]

    def create(self, request: ChallengeRequest) -> Challenge:
        """Create a challenge, and check the code that comes with the request.

        Raises:
            InvalidFactor: `expires_at` is in the past or too late.
            EntityNotFound, FactorNotFound, FactorUnverified: The entity has no such
                verified factor.
            RateLimited: The factor had too many challenges, or a rule refused the check
                of the code.
        """
        self._check_end(request.expires_at)
        name = EntityName.parse(request.service, request.identity)
        challenge_id = self.factors.engine.random_bytes(_ID_BYTES)

        def create(access: EntityAccess, idempotency_key: bytes) -> StoredChallenge:
            return self.store.create_challenge(
                access.key,
                id=challenge_id,
                factor_id=parse_factor_sid(request.factor_sid),
                record=_encrypt(request.hidden_details, access, challenge_id),
                expires_at=request.expires_at,
                idempotency_key=idempotency_key,
            )

        if request.code is None:
            return self._create_without_code(name, create, request)
        check = FactorCheck(
            service=request.service,
            identity=request.identity,
            code=request.code,
            client_name=request.client_name,
            client_ip=request.client_ip,
        )
        return self._run(check, create)

    def check(self, request: ChallengeCheck) -> Challenge:
        """Check a code for a challenge; a wrong one leaves it pending.

        Raises:
            ChallengeNotFound: The entity has no such challenge.
            ChallengeAlreadyApproved: Another check has closed it.
            ChallengeExpired: It accepts no more codes.
            FactorNotFound: Its factor was deleted.
            RateLimited: A rule of the requester, of the challenge or of the factor
                refused the check.
        """
        challenge_id = _parse_sid(request.sid)
        check = FactorCheck(
            service=request.service,
            identity=request.identity,
            code=request.code,
            client_name=request.client_name,
            client_ip=request.client_ip,
        )

        def reserve(access: EntityAccess, idempotency_key: bytes) -> StoredChallenge:
            return self.store.reserve_challenge_check(
                access.key, challenge_id, idempotency_key=idempotency_key
            )

        try:
            return self._run(check, reserve)
        except EntityNotFound:
            raise ChallengeNotFound from None

    def get(self, service: Service, identity: str, sid: str) -> Challenge:
        """Return a challenge.

        Raises:
            ChallengeNotFound: The entity has no such challenge.
        """
        name, challenge_id = EntityName.parse(service, identity), _parse_sid(sid)
        try:
            access = self._access(name)
        except EntityNotFound:
            raise ChallengeNotFound from None
        stored = self.store.get_challenge(access.key, challenge_id)
        if stored is None:
            raise ChallengeNotFound
        return _view(stored, access)

    def list_all(self, service: Service, identity: str) -> list[Challenge]:
        """Return the challenges of an entity, oldest first.

        Raises:
            EntityNotFound: The service has no entity with that identity.
        """
        self.factors.get_entity(service, identity)
        access = self._access(EntityName.parse(service, identity))
        found = self.store.list_challenges(access.key)
        return [_view(stored, access) for stored in found]

    def _access(self, name: EntityName) -> EntityAccess:
        try:
            return self.factors.access(name)
        except FactorNotFound:
            raise EntityNotFound from None

    def _check_end(self, expires_at: datetime | None) -> None:
        if expires_at is None:
            return
        now = self.utcnow()
        latest = now + challenge_models.MAX_LIFETIME + _CLOCK_DIFFERENCE
        if not now < expires_at <= latest:
            raise InvalidFactor("expires_at", "must be within the next 60 minutes")

    def _create_without_code(
        self, name: EntityName, create: _Reserve, request: ChallengeRequest
    ) -> Challenge:
        """Create a challenge; a refusal has the event that one of a check has."""
        access = self._access(name)
        try:
            return _view(create(access, b""), access)
        except OTPError as error:
            engine = self.factors.engine
            pepper = engine.peppers[0]
            event = factor_events.failure(
                error,
                identity_hash=hash_identity(name, pepper),
                service=name.service,
                client_name=request.client_name,
                ip_hash=hash_client_ip(request.client_ip, pepper),
            )
            if event:
                engine.emit(event)
            raise

    def _run(self, request: FactorCheck, reserve: _Reserve) -> Challenge:
        """Check a code, and close the challenge if it is right."""
        access = self._access(EntityName.parse(request.service, request.identity))
        check = _CountedCheck(self.factors, request, reserve)
        result = check.run()
        stored = check.challenge
        if not result.approved:
            return _view(stored, access)
        approved = self.store.approve_challenge(
            access.key, stored.id, idempotency_key=check.idempotency_key
        )
        if approved is None:
            # The code of another time step has closed it meanwhile.
            raise ChallengeAlreadyApproved
        challenge = _view(approved, access)
        self._report(challenge, result.factor, request.client_name)
        return challenge

    def _report(
        self, challenge: Challenge, factor: Factor, client_name: str | None
    ) -> None:
        """Emit the event and the notice of an approval."""
        engine = self.factors.engine
        name = EntityName(challenge.service, challenge.identity)
        engine.emit(
            ChallengeApproved(
                identity_hash=hash_identity(name, engine.peppers[0]),
                service=challenge.service,
                factor_sid=challenge.factor_sid,
                client_name=client_name,
                challenge_sid=challenge.sid,
            )
        )
        self.factors.notify(
            FactorNotice(
                type=NoticeType.CHALLENGE_APPROVED,
                service=challenge.service,
                identity=challenge.identity,
                factor_sid=challenge.factor_sid,
                factor_name=factor.friendly_name,
                challenge_sid=challenge.sid,
            )
        )


def _parse_sid(sid: str) -> bytes:
    """Return the id, 16 bytes, of the challenge with that SID."""
    if not is_sid(sid, "YC"):
        raise ChallengeNotFound
    return sids.challenge_id(sid)


def _encrypt(hidden_details: str | None, access: EntityAccess, id: bytes) -> bytes:
    """Return the record of a challenge, which no other place can decrypt."""
    text = json.dumps({"hidden_details": hidden_details})
    return access.data_key.encrypt(text.encode(), context=_context(access, id))


def _view(stored: StoredChallenge, access: EntityAccess) -> Challenge:
    """Return a challenge as clients see it.

    Raises:
        FactorsUnreadable: Another data key has encrypted its record, or it was changed.
    """
    context, sid = _context(access, stored.id), sids.challenge_sid(stored.id)
    try:
        record = json.loads(access.data_key.decrypt(stored.record, context=context))
    except ValueError:
        log.error("the record of the challenge %s cannot be decrypted", sid)  # noqa: TRY400 - the traceback has no more
        raise FactorsUnreadable from None
    return Challenge(
        sid=sid,
        entity_sid=sids.entity_sid(stored.entity_id),
        factor_sid=sids.factor_sid(stored.factor_id),
        service=access.name.service,
        identity=access.name.identity,
        status=stored.status,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        responded_at=stored.responded_at,
        expires_at=stored.expires_at,
        hidden_details=record["hidden_details"],
    )


def _context(access: EntityAccess, id: bytes) -> bytes:
    return b"challenge " + access.key.digest.encode() + b" " + id
