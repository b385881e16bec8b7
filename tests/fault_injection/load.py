"""Many concurrent clients, on one thread, so that they use little CPU."""

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
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Attributes:
        path: Its path.
        body: Its JSON body; without one it is a GET.
        port: The port of its server, if it has a server of its own.
        key: Whether it has the API key.
    """

    path: str
    body: Mapping[str, Any] | None = None
    port: int | None = None
    key: bool = True

    @property
    def phone(self) -> str:
        return self.body["phone"] if self.body else ""

    @property
    def code(self) -> str:
        return self.body.get("otp", "") if self.body else ""

    def encode(self) -> bytes:
        body = b"" if self.body is None else json.dumps(self.body).encode()
        head = [
            f"{'POST' if body else 'GET'} {self.path} HTTP/1.1",
            "Host: localhost",
            "Connection: close",
            *(f"{name}: {value}" for name, value in KEY.items() if self.key),
        ]
        if body:
            head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*head, "", ""]).encode() + body


@dataclass(frozen=True, slots=True)
class Reply:
    """A response, with the monotonic times of its start and end.

    Attributes:
        status: `REFUSED` without a connection, `NO_ANSWER` after a lost one.
    """

    call: Call
    status: int
    headers: Mapping[str, str]
    body: Any
    started: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.started

    @property
    def error(self) -> str | None:
        return self.body.get("error") if isinstance(self.body, dict) else None

    @property
    def approved(self) -> bool:
        return self.body == {"VerificationStatus": "approved"}

    @property
    def failed_check(self) -> bool:
        return self.body == {"VerificationStatus": "pending"}


def send(phone: str, **more: str) -> Call:
    return Call("/auth/send_otp", {"phone": phone, **more})


def check(phone: str, code: str) -> Call:
    return Call("/auth/verify_otp", {"phone": phone, "otp": code})


def numbers(count: int, first: int = 0) -> list[str]:
    """Return *count* different Indian mobile numbers."""
    return [
        f"+9194{n:08}" for n in range(50_000_000 + first, 50_000_000 + first + count)
    ]


def run_in_parallel(port: int, calls: Sequence[Call]) -> list[Reply]:
    """Open a connection for each of *calls*, then send all requests at once."""
    return asyncio.run(_run_in_parallel(port, calls))


def retry_while_overloaded(port: int, calls: Sequence[Call]) -> list[Reply]:
    """Send all of *calls* at once, and repeat those that are answered with 503."""
    replies = run_in_parallel(port, calls)
    while overloaded := [reply.call for reply in replies if reply.status == 503]:
        replies = [reply for reply in replies if reply.status != 503]
        replies += run_in_parallel(port, overloaded)
    return replies


def run_clients(
    port: int,
    next_call: Callable[[int], Call],
    *,
    clients: int,
    until: Callable[[], bool],
    pause: float = 0,
) -> list[Reply]:
    """Run *clients* that each send request after request, until *until* is true.

    Args:
        port: The port of the service.
        next_call: Returns the nth request of all.
        clients: Number of clients.
        until: Returns whether the clients stop.
        pause: Seconds between a reply and the next request of a client.
    """
    return asyncio.run(_run_clients(port, next_call, clients, until, pause))


# A simulated user, who chooses each request by the reply to the last one.
User = Generator[Call, Reply, None]


def run_users(
    port: int, users: Sequence[User], *, pause: float = 0, ramp_up: float = 0
) -> list[Reply]:
    """Run all of *people* at the same time.

    Args:
        port: The port of the service.
        users: The users.
        pause: Seconds between a reply and the next request of a user.
        ramp_up: Seconds until the last user starts.
    """
    return asyncio.run(_run_users(port, users, pause, ramp_up))


def run_in_shares(port: int, calls: Sequence[Call], clients: int) -> list[Reply]:
    """Distribute *calls* to *clients*, which send theirs one after the other."""
    return run_users(port, [_one_by_one(calls[n::clients]) for n in range(clients)])


def _one_by_one(calls: Sequence[Call]) -> User:
    for call in calls:  # noqa: UP028 - a list takes no replies
        yield call


async def _run_users(
    port: int, users: Sequence[User], pause: float, ramp_up: float
) -> list[Reply]:
    replies: list[Reply] = []

    async def run_user(n: int, user: User) -> None:
        await asyncio.sleep(ramp_up * n / len(users))
        with suppress(StopIteration):
            call = next(user)
            while True:
                started = time.monotonic()
                connection = await _connect(call.port or port)
                replies.append(await _request_over(call, connection, started))
                call = user.send(replies[-1])
                await asyncio.sleep(pause)

    await asyncio.gather(*starmap(run_user, enumerate(users)))
    return replies


async def _run_in_parallel(port: int, calls: Sequence[Call]) -> list[Reply]:
    connection = await asyncio.gather(*(_connect(call.port or port) for call in calls))
    return await asyncio.gather(*map(_request_over, calls, connection))


async def _run_clients(
    port: int,
    next_call: Callable[[int], Call],
    clients: int,
    until: Callable[[], bool],
    pause: float,
) -> list[Reply]:
    replies: list[Reply] = []
    counter = iter(range(10**9))

    async def client(n: int) -> None:
        # Independent clients do not start at the same moment.
        await asyncio.sleep(pause * n / clients)
        while not until():
            call = next_call(next(counter))
            started = time.monotonic()
            connection = await _connect(call.port or port)
            replies.append(await _request_over(call, connection, started))
            await asyncio.sleep(pause)

    await asyncio.gather(*map(client, range(clients)))
    return replies


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter] | None


async def _connect(port: int) -> Connection:
    try:
        return await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None


async def _request_over(
    call: Call, connection: Connection, started: float | None = None
) -> Reply:
    started = started or time.monotonic()
    try:
        received = await asyncio.wait_for(_exchange(call, connection), _TIMEOUT_SECONDS)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        received = b""
    if connection is None:
        return Reply(call, REFUSED, {}, None, started, time.monotonic())
    return _read(call, received, started)


async def _exchange(call: Call, connection: Connection) -> bytes:
    if connection is None:
        return b""
    reader, writer = connection
    try:
        writer.write(call.encode())
        return await reader.read(-1)
    finally:
        writer.close()


def _read(call: Call, received: bytes, started: float) -> Reply:
    ended = time.monotonic()
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return Reply(call, NO_ANSWER, {}, None, started, ended)
    first, *lines = head.decode().split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    headers = {name.lower(): value for name, _, value in pairs}
    status = int(first.split()[1])
    is_json = headers.get("content-type") == "application/json"
    content = json.loads(body) if is_json else body.decode()
    return Reply(call, status, headers, content, started, ended)
