"""A person's network address, as limits count it."""

from __future__ import annotations

import ipaddress


def read(text: str) -> str:
    """Read an address: IPv4 whole, IPv6 by its /64.

    One household or one rented server holds a whole /64, so counting single IPv6
    addresses would count nothing. IPv4 written inside IPv6 counts as IPv4.

    Raises:
        ValueError: It is not an address.
    """
    address = ipaddress.ip_address(text.strip())
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed, 64), strict=False))
