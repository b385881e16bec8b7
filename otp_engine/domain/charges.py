"""The shared limits that count a send or a check.

A requester (the client_ip, the API key, the client's own `RateLimits`) is charged
before the phone is looked up, and stays charged whatever happens later. The pool
(country, total) is charged after the phone, and gets its charge back if the request
is refused later.
"""

from __future__ import annotations

from collections.abc import Iterator

from otp_engine.domain import addresses
from otp_engine.domain.limits import Charge, KeyedLimit, Limit
from otp_engine.domain.pepper import Pepper
from otp_engine.domain.policy import Policy
from otp_engine.domain.verification import Asked, Guess


def of_requester(
    request: Asked | Guess, policy: Policy, pepper: Pepper
) -> list[Charge]:
    """List the limits of whoever sends *request*.

    Returns:
        The limits by address and by API key, then the client's own limits.
    """
    match request:
        case Asked():
            return [
                *_by_address("sends_per_ip", policy.sends_per_ip, request, pepper),
                *_by_key("sends_per_key", policy.sends_per_key, request),
                *(_pseudonymised(one, pepper) for one in request.charges if one.limit),
            ]
        case Guess():
            return [
                *_by_address("checks_per_ip", policy.checks_per_ip, request, pepper),
                *_by_key("checks_per_key", policy.checks_per_key, request),
            ]


def of_pool(request: Asked | Guess, policy: Policy) -> list[Charge]:
    """List the limits that all requests share."""
    match request:
        case Asked():
            return of_everybody(request.number.country, policy)
        case Guess():
            return list(_both("failed_checks_total", "", policy.failed_checks_total))


def of_everybody(country: str, policy: Policy) -> list[Charge]:
    """Those that count each send to *country*, whoever asks for it."""
    return [
        *_both("sends_per_country", country, policy.sends_per_country),
        *_both("sends_total", "", policy.sends_total),
    ]


def of_failed_login(address: str, policy: Policy, pepper: Pepper) -> list[Charge]:
    """List the limits of requests from *address* that have a wrong API key."""
    limit = policy.auth_failures_per_ip
    return list(_of_networks("auth_failures_per_ip", limit, address, pepper))


def _by_address(
    name: str, limit: Limit, request: Asked | Guess, pepper: Pepper
) -> Iterator[Charge]:
    if request.address:
        yield from _of_networks(name, limit, request.address, pepper)


def _of_networks(
    name: str, limit: Limit, address: str, pepper: Pepper
) -> Iterator[Charge]:
    for network, factor in addresses.networks(address):
        counted = pepper.digest("address", network)
        yield from _both(name, counted, limit.times(factor))


def _by_key(name: str, limit: KeyedLimit, request: Asked | Guess) -> Iterator[Charge]:
    if request.client:
        yield from _both(name, request.client, limit.of(request.client))


def _both(name: str, counted: str, limit: Limit) -> Iterator[Charge]:
    """What refuses, and what only would: each counts for itself."""
    for part in limit.parts:
        yield Charge(name, counted, part)


def _pseudonymised(charge: Charge, pepper: Pepper) -> Charge:
    """Replace the counted value, which can be an address or a name, by its digest."""
    counted = pepper.digest(charge.limit_name, charge.counted)
    return Charge(charge.limit_name, counted, charge.limit)
