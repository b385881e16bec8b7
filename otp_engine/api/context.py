"""The dependencies of the views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Flask, current_app, g
from flask.globals import app_ctx

from otp_engine.api.authentication import ApiKeyAuthenticator
from otp_engine.config.verify_page import VerifyPageSettings
from otp_engine.crypto import api_keys
from otp_engine.crypto.pepper import Pepper
from otp_engine.crypto.proof_tokens import ProofTokenIssuer
from otp_engine.domain import verification_handles
from otp_engine.domain.addresses import Address
from otp_engine.domain.engine import Engine
from otp_engine.domain.engine_router import EngineRouter
from otp_engine.domain.factors.authenticators import ApprovalMethod, Authenticators
from otp_engine.domain.factors.challenge_store import ChallengeStore
from otp_engine.domain.factors.challenges import Challenges
from otp_engine.domain.factors.factors import Factors
from otp_engine.domain.factors.models import FactorCheckResult
from otp_engine.domain.factors.recovery_store import RecoveryCodeStore
from otp_engine.domain.models import Channel, CheckResult
from otp_engine.domain.page_links import PageLinkStore
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.ports import (
    EventStore,
    ServiceStore,
    VerificationRecordStore,
)
from otp_engine.domain.safe_numbers import SafeNumbers
from otp_engine.domain.sandbox_numbers import SandboxNumbers
from otp_engine.domain.services import Service
from otp_engine.domain.verification_handles import VerificationHandle
from otp_engine.errors import FactorsNotConfigured

_EXTENSION = "otp_engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """The engines, and the dependencies of requests and responses.

    Attributes:
        dev: Whether dev mode is on, in which `/v2` accepts anonymous clients.
        sandbox_numbers: Parses phone numbers, sandbox numbers included.
        current_engines: Returns the engines under the current policy.
        peppers: The current pepper, then the previous one during a rotation.
        authenticator: Authenticates clients by their API keys.
        default_region: ISO 3166-1 code of the country of national numbers.
        account_sid: The account SID of this deployment.
        service: The default service of `/v2`, which always exists.
        auth_service: The service of `/auth` and of the verify page. It shares its
            verifications with the default one; its codes have the length of the policy.
        services: The other services, and additions to the default one.
        records: The records of verifications, which `/v2` reads by SID.
        safe_numbers: The numbers of the safe list.
        events: The stored events.
        public_url: The URL of this service; None takes the URL of the request.
        parse_webhook_url: Parses the URL of a service's webhook.
        challenge_store: Stores challenges.
        webhook_secret: Returns the secret of the webhook with that SID; None if factors
            are not configured.
        proofs: Issues proof tokens.
        verify_page: The settings of the page.
        page_links: The page links that were opened.
        utcnow: Returns the time in UTC.
        recovery_store: Stores recovery codes.
        build_factors: Returns the factors under the policy of an engine; None if
            factors are not configured.
    """

    dev: bool
    sandbox_numbers: SandboxNumbers
    current_engines: Callable[[], EngineRouter]
    peppers: tuple[Pepper, ...]
    authenticator: ApiKeyAuthenticator
    default_region: str
    account_sid: str
    service: Service
    auth_service: Service
    services: ServiceStore
    records: VerificationRecordStore
    safe_numbers: SafeNumbers
    events: EventStore
    public_url: str | None
    parse_webhook_url: Callable[[str], str]
    challenge_store: ChallengeStore
    webhook_secret: Callable[[str], str] | None
    proofs: ProofTokenIssuer
    verify_page: VerifyPageSettings
    page_links: PageLinkStore
    utcnow: Callable[[], datetime]
    recovery_store: RecoveryCodeStore
    build_factors: Callable[[Engine], Factors] | None = None

    @property
    def engines(self) -> EngineRouter:
        """The engines of this request; a later request can get others."""
        request_data = app_ctx.g
        engines: EngineRouter | None = request_data.get("engines")
        if engines is None:
            engines = request_data.engines = self.current_engines()
        return engines

    @property
    def policy(self) -> Policy:
        """The policy of this request."""
        return self.engines.production.policy

    @property
    def factors(self) -> Factors:
        """The factors, under the policy of this request.

        Raises:
            FactorsNotConfigured: The operator has set no factor key.
        """
        if self.build_factors is None:
            raise FactorsNotConfigured
        return self.build_factors(self.engines.production)

    @property
    def challenges(self) -> Challenges:
        """The challenges, under the policy of this request.

        Raises:
            FactorsNotConfigured: The operator has set no factor key.
        """
        return Challenges(
            factors=self.factors, store=self.challenge_store, utcnow=self.utcnow
        )

    @property
    def has_factors(self) -> bool:
        """Whether the operator has set a factor key."""
        return self.build_factors is not None

    @property
    def authenticators(self) -> Authenticators:
        """The authenticators, under the policy of this request.

        Raises:
            FactorsNotConfigured: The operator has set no factor key.
        """
        return Authenticators(
            factors=self.factors,
            recovery_store=self.recovery_store,
            utcnow=self.utcnow,
        )

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels that the configured providers have."""
        return self.engines.production.channels

    @property
    def phone_channels(self) -> tuple[Channel, ...]:
        """The channels that reach a phone."""
        return tuple(each for each in self.channels if each is not Channel.EMAIL)

    @property
    def address_channels(self) -> tuple[Channel, ...]:
        """The channels that reach an e-mail address."""
        return tuple(each for each in self.channels if each is Channel.EMAIL)

    def proof_header(self, address: Address, result: CheckResult) -> dict[str, str]:
        """Return the header that proves an approval to other parties."""
        audience = g.get("client_name") or api_keys.ANONYMOUS_NAME
        proof = self.prove(address, result, audience=audience)
        return {"OTP-Proof": proof} if proof else {}

    def prove(
        self,
        address: Address,
        result: CheckResult,
        *,
        audience: str,
        nonce: str | None = None,
    ) -> str | None:
        """Issue a proof token for an approval, as `ProofTokenIssuer.issue`."""
        if result.approved_at is None:
            return None
        return self.proofs.issue(
            address.canonical,
            approved_at=result.approved_at,
            audience=audience,
            nonce=nonce,
            test=self.sandbox_numbers.get(address.canonical) is not None,
        )

    def factor_proof_header(
        self, result: FactorCheckResult, method: ApprovalMethod
    ) -> dict[str, str]:
        """Return the header that proves an approved identity to other parties."""
        audience = g.get("client_name") or api_keys.ANONYMOUS_NAME
        proof = self.prove_identity(result, method, audience=audience)
        return {"OTP-Proof": proof} if proof else {}

    def prove_identity(
        self,
        result: FactorCheckResult,
        method: ApprovalMethod,
        *,
        audience: str,
        nonce: str | None = None,
    ) -> str | None:
        """Issue a proof token for an approved identity.

        Args:
            result: The check.
            method: How the identity was proven.
            audience: As for `ProofTokenIssuer.issue`.
            nonce: As for `ProofTokenIssuer.issue`.
        """
        if result.approved_at is None:
            return None
        return self.proofs.issue(
            result.factor.identity,
            approved_at=result.approved_at,
            audience=audience,
            nonce=nonce,
            factor=method,
        )

    def parse_handle(self, text: str) -> VerificationHandle:
        """Parse the handle of a bound verification.

        Raises:
            VerificationNotFound: It is not a handle.
        """
        return verification_handles.parse(text, self.peppers, self.parse_international)

    def handle_header(self, handle: VerificationHandle) -> dict[str, str]:
        """Return the header with the handle of a bound verification."""
        return {"OTP-Verification": handle.encode(self.peppers[0])}

    def parse_international(self, text: str) -> PhoneNumber:
        """Parse a phone number with its plus.

        Raises:
            InvalidPhone: The text is not a number, or has no plus.
        """
        return self.sandbox_numbers.parse(text, numbers.UNKNOWN_REGION)

    def init_app(self, app: Flask) -> None:
        """Make this the context of the views of *app*."""
        app.extensions[_EXTENSION] = self


def get_dependencies() -> Dependencies:
    """Return the context of the app that serves this request."""
    context: Dependencies = current_app.extensions[_EXTENSION]
    return context
