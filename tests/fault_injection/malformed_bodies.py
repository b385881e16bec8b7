"""Requests with malformed, large or nested bodies, each as bytes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

from tests.fault_injection.load import KEY
from tests.fault_injection.raw_http import encode_post

PATHS = ("/auth/send_otp", "/auth/verify_otp")
PHONE = "+919445012345"

_JSON = "Content-Type: application/json"
_FORM = "Content-Type: application/x-www-form-urlencoded"
_VALID = {"phone": PHONE, "otp": "123456"}
_OTHER_TYPES: tuple[Any, ...] = (
    *(9445012345, 0, -1, 1.5, 1e300, True, False, [], {}),
    [PHONE],
    {"$gt": ""},
)


def requests() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each request."""
    for path in PATHS:
        for name, body in _malformed_json():
            yield f"{path}: {name}", encode_post(path, body, _JSON)
        for field, value in _other_types():
            body = json.dumps(_VALID | {field: value}).encode()
            name = f"{field} is {value!r:.20}"
            # Only one of the two paths reads the code.
            if field == "phone" or path == PATHS[1]:
                yield f"{path}: {name}", encode_post(path, body, _JSON)
        for name, body in _malformed_forms():
            yield f"{path}: {name}", encode_post(path, body, _FORM)
        for content_type in _content_types():
            yield (
                f"{path}: {content_type}",
                encode_post(path, json.dumps(_VALID).encode(), *content_type),
            )
        yield f"{path}: 1 MB in chunks", _in_chunks(path)


def _malformed_json() -> Iterator[tuple[str, bytes]]:
    valid = json.dumps(_VALID)
    yield "1 MB", b'{"phone": "' + b"9" * 1_000_000 + b'"}'
    yield "100,000 nested", b"[" * 100_000
    yield "16,000 nested", b"[" * 16_000
    yield "2,000 nested in 4 KiB", b"[" * 2_000 + b"]" * 2_000
    yield "2,000 nested in a field", b'{"phone": %s}' % (b"[" * 2_000 + b"]" * 2_000)
    yield "900 nested in a field", b'{"phone": %s}' % (b"[" * 900 + b"]" * 900)
    yield "a number of 15,000 digits", b'{"phone": %s}' % (b"9" * 15_000)
    for text in (b"NaN", b"Infinity", b"-Infinity", b"1e999"):
        yield text.decode(), b'{"phone": %s, "otp": %s}' % (text, text)
    yield "half of a surrogate pair", b'{"phone": "\\ud800", "otp": "\\udfff"}'
    for coding in ("utf-16", "utf-16-le", "utf-32"):
        yield coding, valid.encode(coding)
    yield "latin-1", '{"phone": "é"}'.encode("latin-1")
    yield "a field twice", b'{"phone": "+919445012345", "phone": "9", "otp": "123456"}'
    for text in (b"null", b"[]", b'"text"', b"0", b"true", b"", b" ", b"{", b"{}]"):
        yield ascii(text), text
    yield "NUL", b"\0"
    yield "NUL in a text", b'{"phone": "94450\\u000012345", "otp": "12\\u00003456"}'
    yield "NUL at the end", valid.encode() + b"\0"


def _other_types() -> Iterator[tuple[str, Any]]:
    for field in ("phone", "otp"):
        for value in _OTHER_TYPES:
            yield field, value


def _malformed_forms() -> Iterator[tuple[str, bytes]]:
    yield "10,000 fields", b"&".join(b"f%d=1" % n for n in range(10_000))
    yield "8,000 fields in 16 KiB", b"a&" * 8_000
    yield "a field twice", b"phone=9445012345&phone=9445067890&otp=123456"
    yield "no UTF-8", b"phone=%ff%fe&otp=%ff"
    yield "NUL in a text", b"phone=94450%0012345&otp=12%003456"
    yield "nothing", b""
    yield "percent signs", b"%" * 16_000


def _content_types() -> Iterator[tuple[str, ...]]:
    for content_type in (
        "text/plain",
        "text/xml",
        "multipart/form-data; boundary=x",
        "x",
        "",
    ):
        yield (f"Content-Type: {content_type}",)
    yield ()


def gzip_bombs() -> Iterator[tuple[str, bytes]]:
    """Yield requests with ten kilobytes of gzip that expand to ten megabytes."""
    compressed = gzip.compress(b'{"phone": "%s"}' % (b"9" * 10_000_000))
    for path in PATHS:
        for content_type in (_JSON, _FORM):
            bomb = encode_post(path, compressed, content_type, "Content-Encoding: gzip")
            yield f"{path}: gzip, {content_type}", bomb


def _in_chunks(path: str) -> bytes:
    key = "".join(f"{name}: {value}\r\n" for name, value in KEY.items())
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{key}"
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    return (
        f"{head}{_JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        + chunk * 250
        + b"0\r\n\r\n"
    )
