"""The addresses that a request to a URL of the operator may go to.

A URL can name a service that only this machine reaches: the metadata service of a
cloud, Redis, or a page of an internal network. A host name can also get such an address
later. So the address of each connection is checked, and not the URL.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network

# Addresses with an IPv4 address in their last 32 bits: IPv4-compatible ones, and those
# of NAT64 (RFC 6052).
_WITH_IPV4 = (IPv6Network("::/96"), IPv6Network("64:ff9b::/96"))
# What `is_global` accepts in some versions of Python: protocol assignments, which also
# have metadata services, and local NAT64 (IANA, special-purpose addresses). Azure's
# metadata service has a public address.
_NOT_PUBLIC = tuple(
    map(
        ip_network,
        ("192.0.0.0/24", "168.63.129.16/32", "2001::/23", "64:ff9b:1::/48"),
    )
)


@dataclass(frozen=True, slots=True)
class AddressFilter:
    """Which addresses are allowed.

    Attributes:
        private: Networks that are allowed although the internet does not reach them.
        allows_public: Whether public addresses are allowed too.
    """

    private: tuple[Network, ...] = ()
    allows_public: bool = True

    def allows(self, text: str) -> bool:
        """Return whether an IP address is allowed.

        Args:
            text: The address, as the resolver returns it.
        """
        try:
            address = _embedded_ipv4(ip_address(text))
        except ValueError:
            return False
        if any(address in network for network in self.private):
            return True
        return self.allows_public and _is_public(address)


def _embedded_ipv4(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that packets to an IPv6 address reach, if any."""
    if isinstance(address, IPv4Address):
        return address
    if embedded := address.ipv4_mapped or address.sixtofour:
        return embedded
    if any(address in network for network in _WITH_IPV4) and int(address) > 1:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not (isinstance(address, IPv6Address) and address.is_site_local)
        and not any(address in network for network in _NOT_PUBLIC)
    )
