from __future__ import annotations

import pytest

from otp_engine.domain.limits import ip_networks


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ],
)
def test_ipv4_counts_whole_and_ipv6_by_its_64(text, counted):
    assert ip_networks.normalize(text) == counted


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
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="address"):
        ip_networks.normalize(text)


@pytest.mark.parametrize(
    ("address", "networks"),
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
def test_an_ipv6_address_counts_in_wider_networks(address, networks):
    assert ip_networks.wider_networks(address) == networks
