"""Requests that try to write a header of the answer, or a line of the log."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from tests.fault_injection.load import KEY

OF_OURS = frozenset(
    {
        *("allow", "connection", "content-length", "content-type", "date", "server"),
        *("otp-attempts-left", "otp-expires-in", "otp-resend-after", "retry-after"),
        *("www-authenticate", "x-request-id", "ratelimit", "ratelimit-policy"),
        "cache-control",
    }
)
"""Every header that an answer may have."""

_POISONS = (
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
    """Each with something of what no log may hold in it, where it can be."""
    told = f"{phone} {code} {secret}".encode()
    for poison in _POISONS:
        for header in _HEADERS:
            yield _request(headers=header + b": abcdefgh" + poison + told)
        yield from _of_strangers(poison, told)
        yield _request(headers=b"X-" + poison + b": 1")
        yield _request(target=b"/auth/" + poison + told.replace(b" ", b"/"))
        yield _request(target=b"/auth/send_otp?" + poison + told.replace(b" ", b"&"))
        yield _request(method=b"POST" + poison)
        yield from _bodies(poison, phone, code)
    for word in (phone, code, secret):
        yield _request(headers=b"X-Request-Id: " + word.encode())
        yield _request(headers=word.encode() + b": 1")
        yield _request(method=word.encode())
        yield _request(target=b"/" + word.encode())
    yield _request(target=b"/" + b"9" * 8_000)
    yield _request(target=b"*")
    yield _request(target=f"http://{phone}/auth/send_otp".encode())


def _of_strangers(poison: bytes, told: bytes) -> Iterator[bytes]:
    login = base64.b64encode(told.replace(b" ", b":") + poison)
    for credentials in (
        b"Bearer abcdefgh" + poison + told,
        b"Basic " + login,
        b"Basic " + poison + told,
        b'Digest username="' + told + poison + b'"',
        poison + told,
    ):
        yield _request(key=b"Authorization: " + credentials)


def _bodies(poison: bytes, phone: str, code: str) -> Iterator[bytes]:
    fine = {"phone": phone, "otp": code}
    text = poison.decode("utf-8", errors="replace")
    for field in _FIELDS:
        value = fine.get(field, "") + text
        for path in (b"/auth/send_otp", b"/auth/verify_otp"):
            body = json.dumps(fine | {field: value}).encode()
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
    own = b"".join(f"{name}: {value}".encode() for name, value in KEY.items())
    lines = (
        method + b" " + target + b" HTTP/1.1",
        b"Host: localhost",
        b"Connection: close",
        own if key is None else key,
        headers,
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
    )
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
