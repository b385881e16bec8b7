"""The data of CloudEvents of factors.

Verify publishes no such events. Their types are those of Verify's webhooks, and two of
this service. They have the pseudonym of the identity, and never the identity.
"""

from __future__ import annotations

from typing import Any

from otp_engine.domain.events import (
    ChallengeApproved,
    FactorApproved,
    FactorCheckFailed,
    FactorCreated,
    FactorDeleted,
    FactorVerified,
)

FactorEvent = (
    FactorCreated
    | FactorVerified
    | FactorDeleted
    | FactorCheckFailed
    | FactorApproved
    | ChallengeApproved
)
"""An event of one factor."""

_NAMES: dict[type[FactorEvent], str] = {
    FactorCreated: "factor.created",
    FactorVerified: "factor.verified",
    FactorDeleted: "factor.deleted",
    FactorCheckFailed: "factor.check_failed",
    FactorApproved: "factor.approved",
    ChallengeApproved: "challenge.approved",
}


def name_of(event: FactorEvent) -> str:
    """Return the last parts of the type of an event."""
    return _NAMES[type(event)]


def data_of(event: FactorEvent, account: str) -> dict[str, Any]:
    """Return the data of an event; a value that it does not have is null.

    Args:
        event: The event.
        account: SID of the account.
    """
    method = getattr(event, "method", None)
    return {
        "account_sid": account,
        "service_sid": event.service,
        "factor_sid": event.factor_sid,
        "factor_type": "TOTP",
        "identity_hash": event.identity_hash,
        "challenge_sid": getattr(event, "challenge_sid", None),
        "method": method.upper() if method else None,
        "attempts_remaining": getattr(event, "attempts_remaining", None),
    }
