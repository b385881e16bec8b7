from __future__ import annotations

from ipaddress import ip_network

import pytest

from otp_engine.config.address_filter import AddressFilter

PUBLIC = AddressFilter()
OWN = AddressFilter((ip_network("10.1.0.0/16"), ip_network("fd00:1::/64")))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_address_is_allowed(address):
    assert PUBLIC.allows(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "192.0.2.1",
        "::1",
        "::",
        "::127.0.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "localhost",
        "2130706433",
        "0177.0.0.1",
        "",
    ],
)
def test_address_that_is_not_public_is_not_allowed(address):
    assert not PUBLIC.allows(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5"])
def test_address_of_a_listed_network_is_allowed(address):
    assert OWN.allows(address)


@pytest.mark.parametrize("address", ["10.2.0.1", "fd00:2::5", "127.0.0.1"])
def test_address_outside_of_the_listed_networks_is_not_allowed(address):
    assert not OWN.allows(address)


def test_public_address_is_not_allowed_where_only_listed_networks_are():
    only_own = AddressFilter(OWN.private, allows_public=False)

    assert not only_own.allows("8.8.8.8")
    assert only_own.allows("10.1.2.3")
