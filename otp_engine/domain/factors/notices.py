"""What the webhooks of a service post about its factors and challenges.

A notice has an identity, as Twilio Verify's webhooks do. It stays in the process: the
stream of events and the log have pseudonyms instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias


class NoticeType(StrEnum):
    """What happened, as Twilio Verify names it in `EventTypes`."""

    FACTOR_CREATED = "factor.created"
    FACTOR_VERIFIED = "factor.verified"
    FACTOR_DELETED = "factor.deleted"
    CHALLENGE_APPROVED = "challenge.approved"
    CHALLENGE_DENIED = "challenge.denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorNotice:
    """One change of a factor, or the end of a challenge.

    Attributes:
        type: What happened.
        service: SID of the service, also of the default one.
        identity: The identity of the entity.
        factor_sid: SID of the factor.
        factor_name: Friendly name of the factor.
        challenge_sid: SID of the challenge; None in notices of a factor.
    """

    type: NoticeType
    service: str
    identity: str = field(repr=False)
    factor_sid: str
    factor_name: str = field(repr=False)
    challenge_sid: str | None = None


Notify: TypeAlias = Callable[[FactorNotice], None]
"""Receives each notice after the change; it neither waits nor raises."""


def ignore_notice(_notice: FactorNotice) -> None:
    """Do nothing."""
