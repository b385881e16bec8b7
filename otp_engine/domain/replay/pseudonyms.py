"""Prefixes and networks of a policy, found among the keyed hashes of events.

An event has the first digits of a number in clear, and its block and the client IP as
keyed hashes. A longer prefix is all blocks that start with it, and a network is all
addresses in it, so their hashes can be listed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.phones.numbers import visible_part
from otp_engine.domain.phones.prefixes import blocks_in
from otp_engine.domain.replay.sends import RecordedSend

_MOST_HASHES = 100_000
"""Hashes of one list, which takes about a third of a second."""

_IPV4_BITS = 32
# Each identifier of an IPv6 client in an event, by the length of its network.
_IPV6_HASHES = (64, 56, 48)


class TooManyHashes(ValueError):
    """A prefix or network is too large to list, or narrower than what events have.

    The message is the end of a sentence about the name.
    """


class PrefixFinder:
    """Finds the prefixes of a policy that the number of a send starts with."""

    def __init__(self, prefixes: Iterable[str], peppers: Sequence[Pepper]) -> None:
        """List the blocks of each prefix that is longer than events show.

        Args:
            prefixes: The prefixes, as `Prefix` has them.
            peppers: The peppers that hashed the blocks.

        Raises:
            TooManyHashes: The prefixes have too many blocks.
        """
        self._shown: set[str] = set()
        self._by_hash: dict[str, list[str]] = {}
        listed = 0
        for prefix in prefixes:
            if visible_part(prefix) == prefix:
                self._shown.add(prefix)
                continue
            blocks = _blocks_in(prefix)
            listed += len(blocks)
            if listed > _MOST_HASHES:
                raise TooManyHashes(
                    f"the prefixes have more than {_MOST_HASHES} blocks"
                )
            for pepper, block in product(peppers, blocks):
                hashed = pepper.pseudonymize("block", block)
                self._by_hash.setdefault(hashed, []).append(prefix)
        self._lengths = {len(prefix) for prefix in self._shown}

    def matching(self, send: RecordedSend) -> list[str]:
        """Return the prefixes of a send."""
        text, hashed = send.recipient.prefix, send.recipient.block_hash
        starts = {text[:length] for length in self._lengths}
        shown = [start for start in sorted(starts, key=len) if start in self._shown]
        return [*shown, *self._by_hash.get(hashed, ())] if hashed else shown


def _blocks_in(prefix: str) -> list[str]:
    try:
        return blocks_in(prefix)
    except ValueError as problem:
        raise TooManyHashes(f"a prefix {problem}") from None


@dataclass(frozen=True, slots=True)
class _HashedNetwork:
    """The hashes of a network, and which hash of a send they are compared with."""

    name: str
    index: int
    hashes: frozenset[str]


class NetworkFinder:
    """Finds the networks of a policy that the client IP of a send is in."""

    def __init__(self, names: Iterable[str], peppers: Sequence[Pepper]) -> None:
        """List the addresses of each network.

        Args:
            names: The networks, as `networks.parse` returns them.
            peppers: The peppers that hashed the client IPs.

        Raises:
            TooManyHashes: A network has too many addresses.
        """
        self._networks = [_hash_network(name, peppers) for name in names]

    def matching(self, send: RecordedSend) -> list[str]:
        """Return the networks of a send."""
        hashes = (send.recipient.ip_hash, *send.facts.ip_networks)
        return [
            network.name
            for network in self._networks
            if network.index < len(hashes) and hashes[network.index] in network.hashes
        ]


def _hash_network(name: str, peppers: Sequence[Pepper]) -> _HashedNetwork:
    network = ipaddress.ip_network(name)
    index, length = 0, _IPV4_BITS
    if isinstance(network, ipaddress.IPv6Network):
        index, length = next(
            (i, bits)
            for i, bits in reversed(list(enumerate(_IPV6_HASHES)))
            if network.prefixlen <= bits
        )
    count = 1 << (length - network.prefixlen)
    if count > _MOST_HASHES:
        raise TooManyHashes(
            f"{name} has {count} networks of /{length}, of which events have"
            " hashes: use a smaller one"
        )
    members: Iterable[Any] = network.subnets(new_prefix=length)
    texts = [
        str(member.network_address) if length == _IPV4_BITS else str(member)
        for member in members
    ]
    hashes = {pepper.pseudonymize("address", t) for pepper in peppers for t in texts}
    return _HashedNetwork(name, index, frozenset(hashes))
