"""Headers that WSGI could confuse with others, as the server passes them on."""

from __future__ import annotations

import pytest

from tests.fault_injection import raw_http
from tests.support import server_process

SEND, VERIFY = "/auth/send_otp", "/auth/verify_otp"
JSON = "Content-Type: application/json"
CHECK = b'{"phone": "9445012345", "otp": "123456"}'
KEYS = {"OTP_API_KEYS": "shop:shop-secret-0123456789"}
KEY = "Authorization: Bearer shop-secret-0123456789"


@pytest.fixture(scope="module")
def port():
    with server_process.running_server("--dev", **KEYS) as server:
        yield server.port


def request(*lines, body=CHECK):
    head = [f"POST {VERIFY} HTTP/1.1", "Host: localhost", "Connection: close", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def length(body=CHECK):
    return f"Content-Length: {len(body)}"


@pytest.mark.parametrize(
    "lines",
    [
        (JSON, "Content_Type: text/plain", length()),
        ("Content_Type: text/plain", JSON, length()),
        (JSON, length(), "Content_Length: 3"),
        (JSON, "Content_Length: 3", length()),
        (JSON, length(), "X_Request_Id: 0123456789abcdef"),
    ],
    ids=str,
)
def test_content_headers_with_underscores_have_no_effect(port, lines):
    response = raw_http.exchange(port, request(KEY, *lines))

    assert (response.status, response.error) == (404, "verification_not_found")


@pytest.mark.parametrize(
    "lines",
    [("Content_Type: application/json", length()), ("Content_Type: text/plain",)],
)
def test_underscores_do_not_replace_a_missing_content_type(port, lines):
    response = raw_http.exchange(port, request(KEY, *lines))

    assert (response.status, response.error) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "lines",
    [
        (length(), "Content-Length: 3"),
        ("Content-Length: 3", length()),
        ("Content-Length: 40, 40",),
        ("Content-Length: +40",),
        ("Content-Length: -1",),
        (f"{length()}, 3",),
    ],
    ids=str,
)
def test_ambiguous_content_length_is_400(port, lines):
    assert raw_http.exchange(port, request(KEY, JSON, *lines)).status == 400


@pytest.mark.parametrize(
    "lines",
    [
        (KEY, "Authorization: Bearer other"),
        ("Authorization: Bearer other", KEY),
        (KEY, KEY),
        ("X-Authorization: Bearer shop-secret-0123456789",),
    ],
    ids=str,
)
def test_several_keys_in_one_request_are_401(port, lines):
    response = raw_http.exchange(port, request(JSON, length(), *lines))

    assert (response.status, response.error) == (401, "unauthorized")
