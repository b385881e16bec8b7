from __future__ import annotations

import pytest

from otp_engine.domain.limits import ip_networks


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("64:ff9b::203.0.113.7", "203.0.113.7"),
        ("64:ff9b::cb00:7107", "203.0.113.7"),
        # Another network of RFC 8215, in which the position of the address is unknown.
        ("64:ff9b:1::cb00:7107", "64:ff9b:1::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ],
)
def test_ipv4_address_is_kept_and_ipv6_address_becomes_its_64(text, normalized):
    assert ip_networks.normalize(text) == normalized


@pytest.mark.parametrize(
    "text",
    [
        *("", "unknown", "203.0.113", "203.0.113.7:80", "1"),
        *(
            "fe80::1%eth0",
            "2001:db8::1%",
            "2001:db8::1%x, 192.0.2.1",
            "::ffff:192.0.2.1%",
        ),
    ],
)
def test_malformed_address_is_rejected(text):
    with pytest.raises(ValueError, match="address"):
        ip_networks.normalize(text)


@pytest.mark.parametrize(
    ("client_ip", "networks"),
    [
        ("203.0.113.7", []),
        ("unknown", []),
        (
            "2001:db8:1:203::/64",
            [
                ("2001:db8:1:200::/56", 4),
                ("2001:db8:1::/48", 16),
            ],
        ),
    ],
)
def test_ipv6_address_has_wider_networks(client_ip, networks):
    assert ip_networks.wider_networks(client_ip) == networks
