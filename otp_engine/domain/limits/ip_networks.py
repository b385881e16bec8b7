"""Client IPs as limits count them."""

from __future__ import annotations

import ipaddress

# Prefix lengths of wider IPv6 networks, with the factor of their limits.
_WIDER_IPV6 = ((56, 4), (48, 16))

WIDER_FACTORS = tuple(factor for _, factor in _WIDER_IPV6)
"""By which the limits of wider IPv6 networks exceed that of a client IP."""

# RFC 6052, section 2.1: IPv4 addresses as an IPv6 network sees them.
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")


def normalize(text: str) -> str:
    """Parse an address: the whole of an IPv4 one, the /64 of an IPv6 one.

    One household or one rented server has a whole /64, so a limit of single IPv6
    addresses would limit no client. An IPv4-mapped IPv6 address counts as IPv4, and so
    does one that a translator made of an IPv4 address (RFC 6052): all clients of that
    translator would otherwise be one /64.

    Raises:
        ValueError: The text is not an address, or has a scope id (`%`), which only
            addresses of a local link have.
    """
    if "%" in text:
        raise ValueError("an address with a scope id")
    address = ipaddress.ip_address(text.strip())
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    if address in _TRANSLATED:
        return str(ipaddress.IPv4Address(address.packed[-4:]))
    return str(ipaddress.ip_network((address.packed, 64), strict=False))


def wider_networks(client_ip: str) -> list[tuple[str, int]]:
    """List the wider networks that also count a request of *client_ip*.

    A household often gets a /56 and a tunnel a /48 (RFC 6177), so one client can use
    256 or 65,536 different /64s. The wider networks have higher limits, because several
    households can share them.

    Args:
        client_ip: An address or a network, as `normalize` returns it.

    Returns:
        The /56 and the /48 of an IPv6 network, each with the factor by which its limit
        exceeds that of one client IP. Empty for an IPv4 address.
    """
    if ":" not in client_ip:
        return []
    network = ipaddress.IPv6Network(client_ip)
    return [
        (str(network.supernet(new_prefix=bits)), factor) for bits, factor in _WIDER_IPV6
    ]
