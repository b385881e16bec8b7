"""The entities and factors of clients, and the requests about them.

An entity is a person or a thing of one service, which a client names by an identity. A
factor is the secret of one authenticator app of an entity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from otp_engine.crypto.factor_keys import RecoveryKey
from otp_engine.domain.services import Service
from otp_engine.errors import InvalidFactor

_CODE_LENGTHS = range(6, 9)
_TIME_STEPS = range(20, 61)
_SKEWS = range(3)


class Algorithm(StrEnum):
    """The hash function of a factor's codes (RFC 6238, section 1.2)."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"


class FactorStatus(StrEnum):
    """Whether a right code of the factor was checked."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpConfig:
    """How the codes of a factor are computed (RFC 6238).

    Attributes:
        algorithm: The hash function.
        code_length: Number of digits, 6 to 8. NIST SP 800-63B-4 requires six.
        time_step: Seconds for which a code is current, 20 to 60.
        skew: Time steps before and after the current one that are accepted, 0 to 2.

    Raises:
        InvalidFactor: A value is out of its range.
    """

    algorithm: Algorithm = Algorithm.SHA1
    code_length: int = 6
    time_step: int = 30
    skew: int = 1

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("code_length", self.code_length, _CODE_LENGTHS),
            ("time_step", self.time_step, _TIME_STEPS),
            ("skew", self.skew, _SKEWS),
        ):
            if value not in allowed:
                raise InvalidFactor(name, f"must be from {allowed[0]} to {allowed[-1]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A person or a thing of one service.

    Attributes:
        sid: SID of the entity, `YE...`.
        service: SID of the service.
        identity: The name that the client chose.
        created_at: Time of the creation.
        updated_at: Time of the last change of the entity or of a factor.
    """

    sid: str
    service: str
    identity: str = field(repr=False)
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """The secret of one authenticator app, without the secret.

    Attributes:
        sid: SID of the factor, `YF...`.
        entity_sid: SID of its entity, `YE...`.
        service: SID of the service.
        identity: The identity of the entity.
        friendly_name: The name that the client chose.
        status: Whether a right code of it was checked.
        config: How its codes are computed.
        metadata: JSON text of the client; None without one.
        created_at: Time of the creation.
        updated_at: Time of the last change.
        recovery_codes_left: Number of recovery codes that can still be used.
    """

    sid: str
    entity_sid: str
    service: str
    identity: str = field(repr=False)
    friendly_name: str = field(repr=False)
    status: FactorStatus
    config: TotpConfig
    metadata: str | None = field(repr=False)
    created_at: datetime
    updated_at: datetime
    recovery_codes_left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFactor:
    """A factor that was just created; only this result has the secret.

    Attributes:
        factor: The factor.
        secret: The secret in Base32, without padding.
        uri: The `otpauth://` URI that an authenticator app reads, with the secret.
    """

    factor: Factor
    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRequest:
    """The request to create a factor.

    Attributes:
        service: The service of the entity.
        identity: The identity of the entity, which is created if it is missing.
        friendly_name: The name of the account in the authenticator app.
        issuer: The name of the application in the authenticator app; empty takes the
            brand.
        config: How its codes are computed.
        secret: A secret of the client's own, 16 to 64 bytes; None generates one.
        metadata: JSON text of the client.
        is_authenticator: Whether `/auth` enrolls the factor. It replaces the unverified
            factor that `/auth` created before.
        recovery: The stored recovery codes of the factor; empty without any.
        recovery_key: The key of those codes.
        client_name: Name of the API key; None for an anonymous client.
        client_ip: The network address of the person, where it is known.
    """

    service: Service
    identity: str = field(repr=False)
    friendly_name: str = field(repr=False)
    issuer: str = ""
    config: TotpConfig = TotpConfig()
    secret: bytes | None = field(default=None, repr=False)
    metadata: str | None = field(default=None, repr=False)
    is_authenticator: bool = False
    recovery: bytes = field(default=b"", repr=False)
    recovery_key: RecoveryKey | None = None
    client_name: str | None = None
    client_ip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrollment:
    """An authenticator app that was just enrolled; only this result has the codes.

    Attributes:
        created: The factor, with its secret.
        recovery_codes: Its recovery codes, without separators.
    """

    created: NewFactor
    recovery_codes: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorCheck:
    """The request to check a code of a factor.

    Attributes:
        service: The service of the entity.
        identity: The identity of the entity.
        code: The code, in ASCII digits.
        factor_sid: SID of the factor. None checks the authenticator of the entity, or
            with *activates* the factor that `/auth` enrolled.
        client_name: Name of the API key; None for an anonymous client.
        client_ip: The network address of the person, where it is known.
        activates: Whether a right code verifies an unverified factor. Without it an
            unverified factor is refused, and with it a verified one.
    """

    service: Service
    identity: str = field(repr=False)
    code: str = field(repr=False)
    factor_sid: str | None = None
    client_name: str | None = None
    client_ip: str | None = None
    activates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorCheckResult:
    """The result of a check of a factor.

    Attributes:
        approved: Whether the code was right and of a new time step.
        factor: The factor after the check.
        attempts_remaining: Checks that the rules of the factor still allow.
        retry_after: After the last attempt, the time until another check is allowed.
        approved_at: Time of the approval by the store's clock; None without one.
    """

    approved: bool
    factor: Factor
    attempts_remaining: int = 0
    retry_after: timedelta = timedelta()
    approved_at: datetime | None = None
