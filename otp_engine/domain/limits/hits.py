"""The hits of a request: the shared limits that count it.

A requester (the client IP, the API key, the client's own `RateLimits`) is counted
before the phone is looked up, and stays counted if the request fails later. The global
limits (country, prefix, channel, total) count after the phone, and are released if the
request fails.

The windows of a limit that are enforced and those in shadow mode count separately, so
each of the two parts is a hit.
"""

from __future__ import annotations

from typing import Protocol

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.addresses import Address
from otp_engine.domain.email_addresses import EmailAddress
from otp_engine.domain.limits import ip_networks
from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.models import Channel, SendRequest
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.pumping_guard.rules import GuardMode

LIMITS_OF_ONE_CHANNEL = frozenset(
    {"sends_per_channel", "calls_per_phone", "calls_per_country", "calls_total"}
)
"""Limits that leave the other channels of a message."""


class Requester(Protocol):
    """The origin of a request. Every kind of request that is no send is a check."""

    @property
    def client_ip(self) -> str | None:
        """The network address of the person, where it is known."""

    @property
    def client_name(self) -> str | None:
        """Name of the API key; None for an anonymous client."""


def for_requester(
    request: Requester, policy: Policy, pepper: Pepper, ip_hash: str | None
) -> list[LimitHit]:
    """List the hits of the requester of *request*.

    Args:
        request: A send or a check.
        policy: The policy in force.
        pepper: Pseudonymizes the identifiers.
        ip_hash: The pseudonym of the client IP, where that is known.

    Returns:
        The hits of the client IP, of its networks, of the API key and of vouching, then
        of the client's own limits.
    """
    extra: tuple[LimitHit, ...] = ()
    if isinstance(request, SendRequest):
        action, extra = "sends", request.extra_hits
        per_ip, per_key = policy.sends_per_ip, policy.sends_per_key
    else:
        action, per_ip, per_key = "checks", policy.checks_per_ip, policy.checks_per_key
    hits: list[LimitHit] = []
    if (client_ip := request.client_ip) and ip_hash:
        hits += _per_ip(f"{action}_per_ip", per_ip, client_ip, ip_hash, pepper)
    by_network = policy.sends_per_network
    if action == "sends" and request.client_ip and not by_network.is_off:
        hits += [
            LimitHit("sends_per_network", name, part)
            for name, limit in by_network.matching(request.client_ip)
            for part in limit.parts
        ]
    if not per_key.is_off and (client := request.client_name):
        limit = per_key.for_name(client)
        hits += [LimitHit(f"{action}_per_key", client, part) for part in limit.parts]
    if isinstance(request, SendRequest) and request.vouched and request.client_name:
        hits += _for_vouching(request.address.country, request.client_name, policy)
    for hit in extra:
        if hit.limit:
            # The identifier can be an address or a name.
            identifier = pepper.pseudonymize(hit.limit_name, hit.identifier)
            hits.append(LimitHit(hit.limit_name, identifier, hit.limit))
    return hits


def _for_vouching(country: str, client_name: str, policy: Policy) -> list[LimitHit]:
    """List the hits of a client that vouches for a recipient.

    A guard that refuses nothing needs no vouching, so the limit then refuses nothing.
    """
    guard = policy.guard_rules(country)
    limit = policy.vouched_per_key.for_name(client_name)
    if guard.is_off:
        return []
    if guard.mode is GuardMode.SHADOW:
        limit = limit.as_shadow
    return [LimitHit("vouched_per_key", client_name, part) for part in limit.parts]


def for_destination(
    address: Address, channel: Channel, policy: Policy
) -> list[LimitHit]:
    """List the hits of a send that all requesters share.

    Args:
        address: The address that the message is for. Limits by country and prefix
            count messages to phone numbers only.
        channel: The channel of the message.
        policy: The policy in force.
    """
    limits: list[tuple[str, str, Limit]] = []
    by_country, by_prefix = policy.sends_per_country, policy.sends_per_prefix
    if (country := address.country) and not by_country.is_off:
        limits.append(("sends_per_country", country, by_country.for_name(country)))
    if country and not by_prefix.is_off:
        limits += [
            ("sends_per_prefix", name, limit)
            for name, limit in by_prefix.matching(address.canonical)
        ]
    if not (by_channel := policy.sends_per_channel).is_off:
        limits.append(("sends_per_channel", channel, by_channel.for_name(channel)))
    return [
        *(
            LimitHit(limit_name, name, part)
            for limit_name, name, limit in limits
            for part in limit.parts
        ),
        *(LimitHit("sends_total", "", part) for part in policy.sends_total.parts),
    ]


def for_call(country: str, phone: str, policy: Policy) -> list[LimitHit]:
    """List the hits of a call, besides those of any message.

    The limit of a phone counts here, because one route can try several channels, and
    only the step of the call counts as one.

    Args:
        country: ISO 3166 code of the number.
        phone: The pseudonym of the number.
        policy: The policy in force.
    """
    limits = [
        ("calls_per_phone", phone, policy.calls_per_phone),
        (
            *("calls_per_country", country),
            policy.calls_per_country.for_name(country),
        ),
        ("calls_total", "", policy.calls_total),
    ]
    return [
        LimitHit(limit_name, name, part)
        for limit_name, name, limit in limits
        for part in limit.parts
    ]


def for_mailbox(
    address: EmailAddress, pepper: Pepper, policy: Policy
) -> list[LimitHit]:
    """List the hits of an e-mail, besides those of any message.

    The limit of messages to one phone counts each spelling of an address. Many
    spellings can name one mailbox, so it counts once more for all of them.

    Args:
        address: The address.
        pepper: The pepper of the address.
        policy: The policy in force.
    """
    mailbox = pepper.pseudonymize("mailbox", address.mailbox)
    return [
        LimitHit("sends_per_mailbox", mailbox, part)
        for part in policy.sends_per_phone.parts
    ]


def for_failed_checks(policy: Policy) -> list[LimitHit]:
    """List the hits of a failed check that all requesters share."""
    limit = policy.failed_checks_total
    return [LimitHit("failed_checks_total", "", part) for part in limit.parts]


def for_failed_authentication(
    client_ip: str, policy: Policy, pepper: Pepper
) -> list[LimitHit]:
    """List the hits of a request with a wrong API key."""
    ip_hash = pepper.pseudonymize("address", client_ip)
    limit = policy.auth_failures_per_ip
    return _per_ip("auth_failures_per_ip", limit, client_ip, ip_hash, pepper)


def for_check_of_client_ip(
    client_ip: str, policy: Policy, pepper: Pepper
) -> list[LimitHit]:
    """List the hits of a check that count its client IP."""
    ip_hash = pepper.pseudonymize("address", client_ip)
    limit = policy.checks_per_ip
    return _per_ip("checks_per_ip", limit, client_ip, ip_hash, pepper)


def _per_ip(
    name: str, limit: Limit, client_ip: str, ip_hash: str, pepper: Pepper
) -> list[LimitHit]:
    """List the hits of a client IP and of its wider networks."""
    hits = [LimitHit(name, ip_hash, part) for part in limit.parts]
    for network, factor in ip_networks.wider_networks(client_ip):
        identifier = pepper.pseudonymize("address", network)
        wider = limit.times(factor)
        hits += [LimitHit(name, identifier, part) for part in wider.parts]
    return hits
