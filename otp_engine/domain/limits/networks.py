"""Networks of client IPs, as operators write them: `203.0.113.0/24`.

Such a network holds for the client IPs that `ip_networks.normalize` returns: all of an
IPv4 address, and the /64 of an IPv6 address.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from otp_engine import parsing
from otp_engine.domain.limits import ip_networks

_CLIENT_BITS = 64
"""Length of the network of one IPv6 client."""

_BITS = {4: 32, 6: 128}


def parse(text: str) -> str:
    """Parse a network in CIDR notation, or an address as the network of one client.

    Raises:
        ValueError: The text is no network, has an address within a network, or is a
            part of the /64 of one IPv6 client. The message follows the name of a
            setting.
    """
    address, slash, _ = text.partition("/")
    try:
        if not slash:
            return str(ipaddress.ip_network(ip_networks.normalize(address)))
        network = ipaddress.ip_network(text)
    except ValueError:
        raise _rejection(text) from None
    if network.version == 6 and network.prefixlen > _CLIENT_BITS:  # noqa: PLR2004 - IPv6
        raise ValueError(
            f"must have IPv6 networks of /{_CLIENT_BITS} or larger, because a client"
            f" has a /{_CLIENT_BITS}: {text!r}"
        )
    return str(network)


def _rejection(text: str) -> ValueError:
    """Return the error of a text that is no network."""
    form = f"must have networks such as 203.0.113.0/24 or 2001:db8::/32: {text!r}"
    try:
        network = ipaddress.ip_network(text.partition("%")[0], strict=False)
    except ValueError:
        return ValueError(form)
    if "%" in text:
        return ValueError(form)
    return ValueError(f"must have {network} or an address in place of {text!r}")


@lru_cache(maxsize=1 << 15)
def _read(name: str) -> tuple[int, int, int]:
    """Return the version, the first address and the prefix length of a network.

    A value reads each of its networks to sort them, and again for its index.

    Args:
        name: The network, as `parse` returns it.
    """
    network = ipaddress.ip_network(name)
    return network.version, int(network.network_address), network.prefixlen


class NetworkIndex:
    """Finds the networks of a client IP among any number of networks.

    A search takes one lookup for each length of their prefixes.
    """

    __slots__ = ("_by_length",)

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Index networks.

        Args:
            names: The networks, as `parse` returns them.
        """
        lengths: dict[tuple[int, int], dict[int, str]] = {}
        for name in names:
            version, start, length = _read(name)
            shift = _BITS[version] - length
            lengths.setdefault((version, shift), {})[start >> shift] = name
        # The largest networks come first.
        self._by_length = sorted(lengths.items(), reverse=True)

    @property
    def lengths(self) -> int:
        """The number of lookups of a search at most."""
        return len(self._by_length)

    def matching(self, client_ip: str) -> list[str]:
        """Return the networks that contain a client IP, the largest first.

        Args:
            client_ip: An address or a /64, as `ip_networks.normalize` returns it.
        """
        address = ipaddress.ip_address(client_ip.partition("/")[0])
        number = int(address)
        return [
            name
            for (version, shift), by_start in self._by_length
            if version == address.version
            and (name := by_start.get(number >> shift)) is not None
        ]


MAX_NETWORKS = 10_000
"""Networks in one value. Every policy version contains all of its values as text."""


@dataclass(frozen=True, slots=True)
class NetworkSet:
    """The clients of some networks.

    Attributes:
        names: The networks in CIDR notation, sorted.
    """

    names: tuple[str, ...] = ()
    _index: NetworkIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", NetworkIndex(self.names))

    @classmethod
    def parse(cls, text: str) -> NetworkSet:
        """Parse comma-separated networks, or `none`.

        Raises:
            ValueError: A part is no network or occurs twice, or there are too many. The
                message follows the name of a setting.
        """
        if text.lower() in {"none", "off"}:
            return cls()
        names = [parse(part) for part in parsing.comma_separated(text)]
        if not names:
            raise ValueError("must have networks such as 203.0.113.0/24, or none")
        if len(names) > MAX_NETWORKS:
            raise ValueError(f"must have at most {MAX_NETWORKS} networks: {len(names)}")
        if len(set(names)) < len(names):
            [(twice, _)] = Counter(names).most_common(1)
            raise ValueError(f"must have each network once: {twice!r}")
        return cls(tuple(sorted(names, key=_read)))

    def includes(self, client_ip: str) -> bool:
        """Return whether a network contains a client IP."""
        return bool(self._index.matching(client_ip))

    def __bool__(self) -> bool:
        return bool(self.names)

    def __str__(self) -> str:
        return ", ".join(self.names) or "none"
