"""Requests that try to add a header to the response, or a line to the log."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from tests.fault_injection.load import KEY

# Every header that a response may have.
DEFINED_HEADERS = frozenset(
    {
        *("allow", "connection", "content-length", "content-type", "date", "server"),
        *("otp-attempts-left", "otp-channel", "otp-expires-in", "otp-resend-after"),
        "retry-after",
        *("www-authenticate", "x-request-id", "ratelimit", "ratelimit-policy"),
        *("cache-control", "vary"),
    }
)

_PAYLOADS = (
    b"\r\nX-Planted: 1",
    b"\r\n X-Planted: 1",
    b"\nX-Planted: 1",
    b"\rX-Planted: 1",
    b"\r\n\r\nHTTP/1.1 200 OK\r\nX-Planted: 1\r\n\r\n",
    b"%0d%0aX-Planted:%201",
    b"\0",
    b"\x1b[31m",
    b'","planted":"1',
    b'"}\n{"planted":1}',
    "\u2028\u0085".encode(),
    b"\xff\xfe",
    b"${jndi:ldap://x}",
    b"%s%n{0}",
)
_HEADERS = (
    *(b"X-Request-Id", b"User-Agent", b"X-Forwarded-For", b"Cookie", b"Referer"),
    *(b"Host", b"Content-Type", b"Accept-Language"),
)
_FIELDS = ("phone", "otp", "locale", "client_ip", "channel")


def requests(phone: str, code: str, secret: str) -> Iterator[bytes]:
    """Yield requests with a payload and sensitive values in each part."""
    sensitive = f"{phone} {code} {secret}".encode()
    for payload in _PAYLOADS:
        for header in _HEADERS:
            yield _request(headers=header + b": abcdefgh" + payload + sensitive)
        yield from _authorizations(payload, sensitive)
        yield _request(headers=b"X-" + payload + b": 1")
        yield _request(target=b"/auth/" + payload + sensitive.replace(b" ", b"/"))
        yield _request(
            target=b"/auth/send_otp?" + payload + sensitive.replace(b" ", b"&")
        )
        yield _request(method=b"POST" + payload)
        yield from _bodies(payload, phone, code)
    for value in (phone, code, secret):
        yield _request(headers=b"X-Request-Id: " + value.encode())
        yield _request(headers=value.encode() + b": 1")
        yield _request(method=value.encode())
        yield _request(target=b"/" + value.encode())
    yield _request(target=b"/" + b"9" * 8_000)
    yield _request(target=b"*")
    yield _request(target=f"http://{phone}/auth/send_otp".encode())


def _authorizations(payload: bytes, sensitive: bytes) -> Iterator[bytes]:
    encoded = base64.b64encode(sensitive.replace(b" ", b":") + payload)
    for credentials in (
        b"Bearer abcdefgh" + payload + sensitive,
        b"Basic " + encoded,
        b"Basic " + payload + sensitive,
        b'Digest username="' + sensitive + payload + b'"',
        payload + sensitive,
    ):
        yield _request(key=b"Authorization: " + credentials)


def _bodies(payload: bytes, phone: str, code: str) -> Iterator[bytes]:
    valid = {"phone": phone, "otp": code}
    text = payload.decode("utf-8", errors="replace")
    for field in _FIELDS:
        value = valid.get(field, "") + text
        for path in (b"/auth/send_otp", b"/auth/verify_otp"):
            body = json.dumps(valid | {field: value}).encode()
            yield _request(target=path, body=body)
    yield _request(body=json.dumps({text: phone, code: text}).encode())


def _request(
    *,
    method: bytes = b"POST",
    target: bytes = b"/auth/verify_otp",
    headers: bytes = b"X-Nothing: 1",
    body: bytes = b"{}",
    key: bytes | None = None,
) -> bytes:
    api_key = b"".join(f"{name}: {value}".encode() for name, value in KEY.items())
    lines = (
        method + b" " + target + b" HTTP/1.1",
        b"Host: localhost",
        b"Connection: close",
        api_key if key is None else key,
        headers,
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
    )
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
