"""The requests of simulated clients of `/auth`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, cycle

from tests.bench.load import Client
from tests.support.fakes import different_code

API_KEY = "shop-secret-0123456789"
_FIRST_NUMBER = 919_450_000_000


def request(path: str, body: Mapping[str, str]) -> bytes:
    """Return a request with the API key, on a connection that stays open."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {API_KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def send(phone: str) -> bytes:
    """Return a request for a code to *phone*."""
    return request("/auth/send_otp", {"phone": phone})


def check(phone: str, code: str) -> bytes:
    """Return a check of *code*."""
    return request("/auth/verify_otp", {"phone": phone, "otp": code})


def phones() -> Iterator[str]:
    """Yield different Indian mobile numbers, of which each can be used once."""
    return (f"+{n}" for n in count(_FIRST_NUMBER))


def senders(phones: Iterator[str], connections: int) -> list[Client]:
    """Return clients that each send a code to the next of *phones*."""
    return [map(send, phones) for _ in range(connections)]


def wrong_checkers(
    codes: Mapping[str, str], phones: Sequence[str], connections: int
) -> list[Client]:
    """Return clients that each check a wrong code of the next of *phones*."""
    turns = cycle(phones)
    wrong = {phone: different_code(codes[phone]) for phone in phones}
    return [(check(p, wrong[p]) for p in turns) for _ in range(connections)]


def right_checkers(
    codes: Mapping[str, str], phones: Sequence[str], connections: int
) -> list[Client]:
    """Return clients that each check the right code of the next of *phones*."""
    turns = iter(phones)
    return [(check(p, codes[p]) for p in turns) for _ in range(connections)]


def verifiers(
    codes: Mapping[str, str], phones: Iterator[str], connections: int
) -> list[Client]:
    """Return clients that each send a code, then check it."""
    return [_verify(codes, phones) for _ in range(connections)]


def _verify(codes: Mapping[str, str], phones: Iterator[str]) -> Client:
    for phone in phones:
        yield send(phone)
        # The message has arrived, unless the send was refused.
        if phone in codes:
            yield check(phone, codes[phone])
