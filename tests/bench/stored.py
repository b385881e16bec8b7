"""Print the bytes of a verification in Redis: `python -m tests.bench.stored`.

The service runs as operators run it, with delivery reports. Each number is sent one
message, its delivery is reported, and its code is checked once wrong and once right.
Each kind of key is measured by MEMORY USAGE at its largest, with its longest expiry.
"""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import redis

from tests.bench.figures import table
from tests.support import redis_server, server_process, twilio_server
from tests.support.fakes import different_code
from tests.support.server_process import ServerProcess
from tests.support.twilio_server import Twilio

NUMBERS = [f"+9194450{n:05d}" for n in range(500)]
PUBLIC_URL = "https://otp.example.com"
SETTINGS = {
    "OTP_ARGON2": "m=64,t=1,p=1",
    "OTP_PUBLIC_URL": PUBLIC_URL,
    "OTP_SENDS_TOTAL": "1000000/1h",
}
BEARER = {"Authorization": "Bearer shop-secret-0123456789"}
_NAME = re.compile(rb"^otp:\{([^}]*)\}(.*)$")
_KINDS = {
    ":verification": "pending verification",
    ":sends": "counted messages of a phone",
    ":failed_checks": "failed checks of a phone, until its approval",
    ":consecutive_failures": "consecutive failures of a phone, until its approval",
    ":approval": "last approval of a phone",
    ":proven": "proven phone",
    ":deliveries": "delivery of a message",
    "events": "four events: sent, failed check, approved, delivered",
    "shared": "global limits and the pumping guard",
}
Sizes = dict[str, tuple[int, int]]


def measure() -> Sizes:
    """Return bytes and expiry in ms of each kind, divided by the verifications."""
    with (
        tempfile.TemporaryDirectory() as folder,
        redis_server.redis_on_a_socket(Path(folder)) as url,
        redis.Redis.from_url(url) as client,
        twilio_server.running() as twilio,
    ):
        environ = server_process.production(url, twilio.url) | SETTINGS
        with server_process.untraced_server("--workers", "1", **environ) as server:
            snapshots = []
            for step in (_send, _fail, _approve, _report_all):
                step(server, twilio)
                snapshots.append(_sizes(client))
            redis_server.wait_until(lambda: client.xlen("otp:{events}") >= _EVENTS)
            snapshots.append(_sizes(client))
    kinds = {kind for snapshot in snapshots for kind in snapshot}
    return {
        kind: max(snapshot.get(kind, (0, 0)) for snapshot in snapshots)
        for kind in kinds
    }


# Of each number: sent, failed check, approved and delivered.
_EVENTS = 4 * len(NUMBERS)


def _send(server: ServerProcess, _: Twilio) -> None:
    for number in NUMBERS:
        server.post("/auth/send_otp", {"phone": number}, **BEARER)


def _fail(server: ServerProcess, twilio: Twilio) -> None:
    for number in NUMBERS:
        _check(server, number, different_code(twilio.code_to(number)))


def _approve(server: ServerProcess, twilio: Twilio) -> None:
    for number in NUMBERS:
        _check(server, number, twilio.code_to(number))


def _check(server: ServerProcess, number: str, code: str) -> None:
    server.post("/auth/verify_otp", {"phone": number, "otp": code}, **BEARER)


def _report_all(server: ServerProcess, twilio: Twilio) -> None:
    for form in twilio.messages:
        _report(server, form)


def _report(server: ServerProcess, form: dict[str, str]) -> None:
    callback = form["StatusCallback"].partition("#")[0]
    report = {
        "MessageSid": "SM" + "2" * 32,
        "AccountSid": twilio_server.ACCOUNT,
        "To": form["To"],
        "MessageStatus": "delivered",
    }
    signature = twilio_server.sign(callback, report)
    path = callback.removeprefix(PUBLIC_URL)
    server.post_form(path, report, **{"X-Twilio-Signature": signature})


def _sizes(client: Any) -> Sizes:
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for name in client.scan_iter(count=1000):
        size = client.memory_usage(name, samples=0)
        found[_kind(name)].append((size, client.pttl(name)))
    return {
        kind: (
            sum(size for size, _ in sizes) // len(NUMBERS),
            max(ttl for _, ttl in sizes),
        )
        for kind, sizes in found.items()
    }


def _kind(name: bytes) -> str:
    match = _NAME.match(name)
    assert match
    tag, suffix = match[1].decode(), match[2].decode()
    if tag in {"events", "shared"} or not suffix:
        return tag
    return re.sub(r"[0-9a-f]{8,}", "*", suffix)


def _duration(milliseconds: int) -> str:
    minutes = round(milliseconds / 60_000)
    if milliseconds < 0:
        return "no expiry"
    if minutes >= 1440:
        return f"{round(minutes / 1440)} d"
    return f"{minutes // 60} h" if minutes >= 60 else f"{minutes} min"


if __name__ == "__main__":
    rows = [
        [_KINDS.get(kind, kind), str(size), _duration(ttl)]
        for kind, (size, ttl) in sorted(measure().items())
    ]
    print(table(["kind", "bytes", "expires after"], rows))
