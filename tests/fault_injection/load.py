"""Many clients at once, on one thread, so that the clients are not what is slow."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import starmap
from typing import Any

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
REFUSED = -1
NO_ANSWER = 0
_PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Call:
    """A request, for one of several servers."""

    path: str
    body: Mapping[str, Any] | None = None
    port: int | None = None

    @property
    def phone(self) -> str:
        return self.body["phone"] if self.body else ""

    @property
    def code(self) -> str:
        return self.body.get("otp", "") if self.body else ""

    def written(self) -> bytes:
        body = b"" if self.body is None else json.dumps(self.body).encode()
        head = [
            f"{'POST' if body else 'GET'} {self.path} HTTP/1.1",
            "Host: localhost",
            "Connection: close",
            *(f"{name}: {value}" for name, value in KEY.items()),
        ]
        if body:
            head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*head, "", ""]).encode() + body


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, and when, by a clock of seconds that only grow.

    Attributes:
        status: `REFUSED` when there was no connection, `NO_ANSWER` when it broke.
    """

    call: Call
    status: int
    headers: Mapping[str, str]
    body: Any
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def error(self) -> str | None:
        return self.body.get("error") if isinstance(self.body, dict) else None

    @property
    def approved(self) -> bool:
        return self.body == {"VerificationStatus": "approved"}

    @property
    def wrong(self) -> bool:
        return self.body == {"VerificationStatus": "pending"}


def send(phone: str, **more: str) -> Call:
    return Call("/auth/send_otp", {"phone": phone, **more})


def check(phone: str, code: str) -> Call:
    return Call("/auth/verify_otp", {"phone": phone, "otp": code})


def numbers(count: int, first: int = 0) -> list[str]:
    """Indian mobile numbers that differ."""
    return [
        f"+9194{n:08}" for n in range(50_000_000 + first, 50_000_000 + first + count)
    ]


def all_at_once(port: int, calls: Sequence[Call]) -> list[Reply]:
    """Open a connection for each of *calls*, then put all of them together."""
    return asyncio.run(_all_at_once(port, calls))


def in_the_end(port: int, calls: Sequence[Call]) -> list[Reply]:
    """Put all of *calls* at once; who finds no place in the crowd comes again."""
    replies = all_at_once(port, calls)
    while crowded := [reply.call for reply in replies if reply.status == 503]:
        replies = [reply for reply in replies if reply.status != 503]
        replies += all_at_once(port, crowded)
    return replies


def for_a_while(
    port: int,
    next_call: Callable[[int], Call],
    *,
    clients: int,
    until: Callable[[], bool],
    pause: float = 0,
) -> list[Reply]:
    """Let *clients* call one after the other, each on its own, *until* says enough.

    Args:
        next_call: The nth request of all.
        pause: Seconds that a client waits between an answer and its next request.
    """
    return asyncio.run(_for_a_while(port, next_call, clients, until, pause))


Person = Generator[Call, Reply, None]
"""Somebody who asks, looks at the answer, and then decides what to ask next."""


def play(
    port: int, people: Sequence[Person], *, pause: float = 0, over: float = 0
) -> list[Reply]:
    """Let all of *people* go about their business at the same time.

    Args:
        pause: Seconds that each waits between an answer and the next request.
        over: Seconds until the last of them has begun.
    """
    return asyncio.run(_play(port, people, pause, over))


def share_out(port: int, calls: Sequence[Call], clients: int) -> list[Reply]:
    """Let so many *clients* each make a share of *calls*, one after the other."""
    return play(port, [_in_turn(calls[n::clients]) for n in range(clients)])


def _in_turn(calls: Sequence[Call]) -> Person:
    for call in calls:  # noqa: UP028 - a list takes no answers
        yield call


async def _play(
    port: int, people: Sequence[Person], pause: float, over: float
) -> list[Reply]:
    replies: list[Reply] = []

    async def go(n: int, person: Person) -> None:
        await asyncio.sleep(over * n / len(people))
        with suppress(StopIteration):
            call = next(person)
            while True:
                began = time.monotonic()
                opened = await _connect(call.port or port)
                replies.append(await _ask(call, opened, began))
                call = person.send(replies[-1])
                await asyncio.sleep(pause)

    await asyncio.gather(*starmap(go, enumerate(people)))
    return replies


async def _all_at_once(port: int, calls: Sequence[Call]) -> list[Reply]:
    opened = await asyncio.gather(*(_connect(call.port or port) for call in calls))
    return await asyncio.gather(*map(_ask, calls, opened))


async def _for_a_while(
    port: int,
    next_call: Callable[[int], Call],
    clients: int,
    until: Callable[[], bool],
    pause: float,
) -> list[Reply]:
    replies: list[Reply] = []
    asked = iter(range(10**9))

    async def client(n: int) -> None:
        # Spread out, as clients are that do not know of each other.
        await asyncio.sleep(pause * n / clients)
        while not until():
            call = next_call(next(asked))
            began = time.monotonic()
            opened = await _connect(call.port or port)
            replies.append(await _ask(call, opened, began))
            await asyncio.sleep(pause)

    await asyncio.gather(*map(client, range(clients)))
    return replies


Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter] | None


async def _connect(port: int) -> Opened:
    try:
        return await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None


async def _ask(call: Call, opened: Opened, began: float | None = None) -> Reply:
    began = began or time.monotonic()
    try:
        said = await asyncio.wait_for(_said(call, opened), _PATIENCE)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        said = b""
    if opened is None:
        return Reply(call, REFUSED, {}, None, began, time.monotonic())
    return _read(call, said, began)


async def _said(call: Call, opened: Opened) -> bytes:
    if opened is None:
        return b""
    reader, writer = opened
    try:
        writer.write(call.written())
        return await reader.read(-1)
    finally:
        writer.close()


def _read(call: Call, said: bytes, began: float) -> Reply:
    ended = time.monotonic()
    head, whole, body = said.partition(b"\r\n\r\n")
    if not whole:
        return Reply(call, NO_ANSWER, {}, None, began, ended)
    first, *lines = head.decode().split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    headers = {name.lower(): value for name, _, value in pairs}
    status = int(first.split()[1])
    return Reply(call, status, headers, json.loads(body or b"null"), began, ended)
