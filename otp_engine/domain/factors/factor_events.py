"""The events of factors, with identities as keyed hashes."""

from __future__ import annotations

from collections.abc import Sequence

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import event_factory
from otp_engine.domain.events import Event, FactorCheckRefused, FactorCheckUnavailable
from otp_engine.domain.factors.records import EntityName
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.errors import LimitExceeded, OTPError, RateLimited, Unavailable


def hash_identity(name: EntityName, pepper: Pepper) -> str:
    """Return the pseudonym of an entity in events and logs."""
    return pepper.pseudonymize("identity event", f"{name.service}\n{name.identity}")


def failure(
    error: OTPError,
    *,
    identity_hash: str,
    service: str,
    client_name: str | None,
    ip_hash: str | None,
) -> Event | None:
    """Return the event of a check that failed before its code was compared.

    Args:
        error: The error.
        identity_hash: The pseudonym of the entity.
        service: SID of the service.
        client_name: Name of the API key; None for an anonymous client.
        ip_hash: Keyed hash of the client IP, where it is known.

    Returns:
        None if no rule refused the check, such as for a factor that does not exist.
    """
    if isinstance(error, Unavailable):
        return FactorCheckUnavailable(
            identity_hash=identity_hash,
            service=service,
            client_name=client_name,
            reason=event_factory.unavailable_reason(error),
        )
    rule = error.limit if isinstance(error, RateLimited) else error.rule
    if rule is None and not isinstance(error, LimitExceeded):
        return None
    return FactorCheckRefused(
        identity_hash=identity_hash,
        service=service,
        client_name=client_name,
        ip_hash=ip_hash,
        limit=rule or error.error_code,
    )


def shadow_refusals(
    usage: Sequence[WindowUsage],
    *,
    identity_hash: str,
    service: str,
    client_name: str | None,
    ip_hash: str | None,
) -> list[FactorCheckRefused]:
    """Return the events of limits in shadow mode that would have refused a check."""
    limits = sorted({window.limit_name for window in usage if window.would_refuse})
    return [
        FactorCheckRefused(
            identity_hash=identity_hash,
            service=service,
            client_name=client_name,
            ip_hash=ip_hash,
            limit=limit,
            shadow=True,
        )
        for limit in limits
    ]
