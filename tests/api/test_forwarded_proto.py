from __future__ import annotations

import pytest

from otp_engine.api.forwarded_proto import client_scheme


@pytest.mark.parametrize(
    ("header", "scheme"),
    [
        ("https", "https"),
        ("http", "http"),
        (" HTTPS ", "https"),
        # A client wrote the entries before that of the proxy.
        ("http, https", "https"),
        ("https,http", "http"),
        ("ftp, https", "https"),
        ('", https', "https"),
        ("https, https", "https"),
    ],
)
def test_last_entry_is_client_scheme(header, scheme):
    assert client_scheme(header, 1) == scheme


@pytest.mark.parametrize(
    ("header", "scheme"),
    [
        ("http, https, http", "https"),
        ("https, http, http", "http"),
        ("https, http", "https"),
        # One proxy replaced the header, and the other one forwarded it.
        ("https", "https"),
    ],
)
def test_entry_of_outermost_of_two_proxies_is_client_scheme(header, scheme):
    assert client_scheme(header, 2) == scheme


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "ftp",
        "javascript",
        "https,",
        "https, ftp",
        "https://a",
        '"https"',
        "ws",
    ],
)
def test_missing_or_unknown_scheme_is_ignored(header):
    assert client_scheme(header, 1) is None
