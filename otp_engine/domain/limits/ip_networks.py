"""A person's network address, as limits count it."""

from __future__ import annotations

import ipaddress

# Prefix lengths of wider IPv6 networks, with the factor of their limits.
_WIDER = ((56, 4), (48, 16))


def normalize(text: str) -> str:
    """Read an address: IPv4 whole, IPv6 by its /64.

    One household or one rented server holds a whole /64, so counting single IPv6
    addresses would count nothing. IPv4 written inside IPv6 counts as IPv4.

    Raises:
        ValueError: It is not an address, or has a scope id (`%`), which no client
            outside the local link has.
    """
    if "%" in text:
        raise ValueError("an address with a scope id")
    address = ipaddress.ip_address(text.strip())
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed, 64), strict=False))


def networks(address: str) -> list[tuple[str, int]]:
    """List the networks that count a request of *address*.

    A household is often delegated a /56 and a tunnel a /48 (RFC 6177), so that one
    client can use 256 or 65,536 different /64s. The wider networks have higher limits,
    because several households can share them.

    Args:
        address: An address or a network, as `read` returns it.

    Returns:
        Each network, and the factor by which its limit exceeds that of one address:
        an IPv4 address alone, or the /64, /56 and /48 of an IPv6 address.
    """
    try:
        network = ipaddress.ip_network(address)
    except ValueError:
        return [(address, 1)]
    if isinstance(network, ipaddress.IPv4Network):
        return [(address, 1)]
    wider = [(str(network.supernet(new_prefix=bits)), n) for bits, n in _WIDER]
    return [(address, 1), *wider]
