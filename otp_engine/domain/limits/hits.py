"""The shared limits that count a send or a check.

A requester (the client_ip, the API key, the client's own `RateLimits`) is charged
before the phone is looked up, and stays charged whatever happens later. The pool
(country, total) is charged after the phone, and gets its charge back if the request
is rejected later.
"""

from __future__ import annotations

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.limits import ip_networks
from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.models import CheckRequest, SendRequest
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.recipients import Recipient


def for_requester(
    request: SendRequest | CheckRequest, policy: Policy, pepper: Pepper, whom: Recipient
) -> list[LimitHit]:
    """List the limits of the requester of *request*.

    Args:
        request: A send or a check.
        policy: The policy in force.
        pepper: Pseudonymizes what is counted.
        whom: The recipient, with the pseudonym of the request's address.

    Returns:
        The limits by address and by API key, then the client's own limits.
    """
    own: tuple[LimitHit, ...] = ()
    if isinstance(request, SendRequest):
        name, own = "sends", request.extra_hits
        by_address, by_key = policy.sends_per_ip, policy.sends_per_key
    else:
        name, by_address, by_key = "checks", policy.checks_per_ip, policy.checks_per_key
    limits: list[LimitHit] = []
    if request.client_ip and whom.ip_hash:
        limits += _of_address(
            f"{name}_per_ip", by_address, request.client_ip, whom.ip_hash, pepper
        )
    if request.client:
        limit = by_key.for_key(request.client)
        limits += _enforced_and_shadow(f"{name}_per_key", request.client, limit)
    return limits + [_pseudonymized(charge, pepper) for charge in own if charge.limit]


def for_global_limits(
    request: SendRequest | CheckRequest, policy: Policy
) -> list[LimitHit]:
    """List the limits that all requests share."""
    match request:
        case SendRequest():
            return for_country_and_total(request.number.country, policy)
        case CheckRequest():
            limit = policy.failed_checks_total
            return _enforced_and_shadow("failed_checks_total", "", limit)


def for_country_and_total(country: str, policy: Policy) -> list[LimitHit]:
    """List the limits that count each send to *country*, from all requesters."""
    return [
        *_enforced_and_shadow("sends_per_country", country, policy.sends_per_country),
        *_enforced_and_shadow("sends_total", "", policy.sends_total),
    ]


def for_failed_authentication(
    address: str, policy: Policy, pepper: Pepper
) -> list[LimitHit]:
    """List the limits of requests from *address* that have a wrong API key."""
    name, limit = "auth_failures_per_ip", policy.auth_failures_per_ip
    digest = pepper.pseudonymize("address", address)
    return _of_address(name, limit, address, digest, pepper)


def _of_address(
    name: str, limit: Limit, address: str, digest: str, pepper: Pepper
) -> list[LimitHit]:
    """List the limits of an address with this *digest*, and of its wider networks."""
    charges = _enforced_and_shadow(name, digest, limit)
    for network, factor in ip_networks.networks(address)[1:]:
        counted = pepper.pseudonymize("address", network)
        charges += _enforced_and_shadow(name, counted, limit.times(factor))
    return charges


def _enforced_and_shadow(name: str, counted: str, limit: Limit) -> list[LimitHit]:
    """List both parts of *limit*, because each of them counts separately."""
    return [LimitHit(name, counted, part) for part in limit.parts]


def _pseudonymized(charge: LimitHit, pepper: Pepper) -> LimitHit:
    """Replace the counted value, which can be an address or a name, by its digest."""
    counted = pepper.pseudonymize(charge.limit_name, charge.identifier)
    return LimitHit(charge.limit_name, counted, charge.limit)
