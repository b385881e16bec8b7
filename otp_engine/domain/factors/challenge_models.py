"""The challenges of factors, and the requests about them.

A challenge is one request to prove a factor. A right code closes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.services import Service

LIFETIME = timedelta(minutes=5)
"""Lifetime of a challenge for which the client chooses none, as Verify's."""

MAX_LIFETIME = timedelta(hours=1)
"""Longest lifetime that a client can choose."""

STORED_FOR = timedelta(days=1)
"""How long a challenge can be read after it has expired."""

MAX_CHECKS = 5
"""Checks of one challenge."""

PER_FACTOR = Limit.parse("50/1h, 100/1d")
"""New challenges of one factor, as Verify's for codes of five digits and more."""


class ChallengeStatus(StrEnum):
    """The state of a challenge, as Verify names it.

    No challenge of a TOTP factor is denied: a wrong code leaves it pending.
    """

    PENDING = "pending"
    APPROVED = "approved"
    EXPIRED = "expired"
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One request to prove a factor.

    Attributes:
        sid: SID of the challenge, `YC...`.
        entity_sid: SID of the entity, `YE...`.
        factor_sid: SID of the factor, `YF...`.
        service: SID of the service.
        identity: The identity of the entity.
        status: Whether a right code has closed it.
        created_at: Time of the creation.
        updated_at: Time of the last change.
        responded_at: Time of the approval; None without one.
        expires_at: Time from which it accepts no code.
        hidden_details: JSON text of the client; None without one.
    """

    sid: str
    entity_sid: str
    factor_sid: str
    service: str
    identity: str = field(repr=False)
    status: ChallengeStatus
    created_at: datetime
    updated_at: datetime
    responded_at: datetime | None
    expires_at: datetime
    hidden_details: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeRequest:
    """The request to create a challenge.

    Attributes:
        service: The service of the entity.
        identity: The identity of the entity.
        factor_sid: SID of a verified factor.
        code: A code to check at once, in ASCII digits; None to check one later.
        expires_at: Time from which it accepts no code; None for `LIFETIME`.
        hidden_details: JSON text of the client.
        client_name: Name of the API key; None for an anonymous client.
        client_ip: The network address of the person, where it is known.
    """

    service: Service
    identity: str = field(repr=False)
    factor_sid: str
    code: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    hidden_details: str | None = field(default=None, repr=False)
    client_name: str | None = None
    client_ip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeCheck:
    """The request to check a code for a challenge.

    Attributes:
        service: The service of the entity.
        identity: The identity of the entity.
        sid: SID of the challenge.
        code: The code, in ASCII digits.
        client_name: Name of the API key; None for an anonymous client.
        client_ip: The network address of the person, where it is known.
    """

    service: Service
    identity: str = field(repr=False)
    sid: str
    code: str = field(repr=False)
    client_name: str | None = None
    client_ip: str | None = None
