from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.limits import ip_networks, networks
from otp_engine.domain.limits.networks import MAX_NETWORKS, NetworkIndex, NetworkSet

ipv4 = st.builds(
    lambda address, bits: str(ipaddress.ip_network((address, bits), strict=False)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)
ipv6 = st.builds(
    lambda address, bits: str(
        ipaddress.ip_network((address << 64, bits), strict=False)
    ),
    st.integers(0, 2**64 - 1),
    st.integers(0, 64),
)
clients = st.one_of(
    st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address),
    st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address),
).map(lambda address: ip_networks.normalize(str(address)))


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("203.0.113.0/255.255.255.0", "203.0.113.0/24"),
        ("203.0.113.7", "203.0.113.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("2001:db8:1:2::/64", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7/32"),
    ],
)
def test_network_is_parsed_to_its_canonical_form(text, network):
    assert networks.parse(text) == network
    assert networks.parse(network) == network


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must have networks such as"),
        ("203.0.113", "must have networks such as"),
        ("203.0.113.0/33", "must have networks such as"),
        ("203.0.113.0/24/24", "must have networks such as"),
        ("fe80::1%eth0", "must have networks such as"),
        ("example.com", "must have networks such as"),
        ("203.0.113.7/24", "must have 203.0.113.0/24 or an address in place of"),
        ("2001:db8::/65", "must have IPv6 networks of /64 or larger"),
        ("::ffff:203.0.113.0/120", "must have IPv6 networks of /64 or larger"),
    ],
)
def test_text_that_is_no_network_of_clients_is_rejected(text, reason):
    with pytest.raises(ValueError, match=f"^{reason}"):
        networks.parse(text)


@given(
    names=st.lists(st.one_of(ipv4, ipv6), max_size=8, unique=True),
    client=clients,
)
def test_index_finds_the_networks_that_contain_a_client(names, client):
    found = NetworkIndex(names).matching(client)

    address = ipaddress.ip_address(client.partition("/")[0])
    assert sorted(found) == sorted(
        name
        for name in names
        if (network := ipaddress.ip_network(name)).version == address.version
        and address in network
    )


def test_larger_network_is_found_first():
    index = NetworkIndex(["203.0.113.0/24", "203.0.113.7/32", "203.0.0.0/16"])

    assert index.matching("203.0.113.7") == [
        *("203.0.0.0/16", "203.0.113.0/24", "203.0.113.7/32"),
    ]


def test_search_in_100_000_networks_has_one_lookup_for_each_length():
    names = [f"10.{n >> 8}.{n & 255}.0/24" for n in range(65_536)]
    names += [f"2001:db8:{n:x}::/48" for n in range(40_000)]
    index = NetworkIndex(names)

    assert index.lengths == 2
    assert index.matching("10.7.9.1") == ["10.7.9.0/24"]
    assert index.matching("2001:db8:9c3f:1::/64") == ["2001:db8:9c3f::/48"]
    assert index.matching("2001:db8:9c40:1::/64") == []


@given(names=st.lists(st.one_of(ipv4, ipv6), max_size=8, unique=True))
def test_formatted_networks_are_parsed_to_the_same_value(names):
    parsed = NetworkSet.parse(", ".join(names) or "none")

    assert sorted(parsed.names) == sorted(names)
    assert NetworkSet.parse(str(parsed)) == parsed


@pytest.mark.parametrize("text", ["none", "off", "OFF"])
def test_set_without_networks_is_empty(text):
    assert not NetworkSet.parse(text)
    assert not NetworkSet.parse(text).includes("203.0.113.7")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must have networks such as"),
        ("203.0.113.0/24, none", "must have networks such as"),
        ("203.0.113.7, 203.0.113.7/32", "must have each network once"),
    ],
)
def test_malformed_set_is_rejected(text, reason):
    with pytest.raises(ValueError, match=f"^{reason}"):
        NetworkSet.parse(text)


def test_set_with_too_many_networks_is_rejected():
    text = ",".join(f"10.0.{n >> 8}.{n & 255}" for n in range(MAX_NETWORKS + 1))

    with pytest.raises(ValueError, match="must have at most 10000 networks: 10001"):
        NetworkSet.parse(text)


def test_set_includes_the_clients_of_its_networks():
    blocked = NetworkSet.parse("203.0.113.0/24, 2001:db8::/32")

    assert blocked.includes("203.0.113.7")
    assert blocked.includes("2001:db8:1:2::/64")
    assert not blocked.includes("203.0.112.7")
    assert not blocked.includes("2001:db9::/64")
