"""The script call of a send on the shared limits, recorded and repeated.

The repeated call has a new idempotency key each time, so each one is a new hit. The
recording needs to know nothing of the other arguments.
"""

from __future__ import annotations

import codecs
import re
import secrets
from collections.abc import Callable, Sequence

import redis

SHARED = b"otp:{shared}"
_ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"')


def recorded(client: redis.Redis, act: Callable[[], object]) -> list[list[bytes]]:
    """Return the script calls on the shared limits that *act* causes.

    Raises:
        AssertionError: It causes none.
    """
    monitor = client.connection_pool.make_connection()
    try:
        monitor.send_command("MONITOR")
        monitor.read_response()
        act()
        # The line of this command is the end of the recording.
        mark = secrets.token_hex(8)
        client.echo(mark)
        lines: list[bytes] = [b""]
        while mark.encode() not in lines[-1]:
            lines.append(monitor.read_response())
    finally:
        monitor.disconnect()
    calls = shared_calls(lines)
    assert calls, "no script call on the shared limits"
    return calls


def shared_calls(lines: Sequence[bytes]) -> list[list[bytes]]:
    """Return the script calls on shared limits in *lines* of `MONITOR`."""
    calls = map(arguments, lines)
    return [
        call
        for call in calls
        if call[:1] in ([b"EVALSHA"], [b"evalsha"]) and call[3].startswith(SHARED)
    ]


def arguments(line: bytes) -> list[bytes]:
    """Return the arguments of a command in a line of `MONITOR`."""
    return [codecs.escape_decode(text)[0] for text in _ARGUMENT.findall(line)]


class Replay:
    """Repeats a recorded call."""

    def __init__(self, client: redis.Redis, call: Sequence[bytes]) -> None:
        """Find the idempotency key: the first argument after the keys."""
        self._client = client
        self._call = list(call)
        self._first = 3 + int(call[2])

    def run(self, count: int, *, batch: int = 1_000) -> None:
        """Repeat the call *count* times, in pipelines of *batch* calls.

        Raises:
            AssertionError: A limit refused a hit.
        """
        for start in range(0, count, batch):
            with self._client.pipeline(transaction=False) as pipeline:
                for _ in range(min(batch, count - start)):
                    pipeline.execute_command(*self._with_new_key())
                replies = pipeline.execute()
            refused = [reply for reply in replies if reply[0] == b"refused"]
            assert not refused, refused[0]

    def _with_new_key(self) -> list[bytes]:
        """Return the call with another idempotency key, also in the names of keys."""
        old = self._call[self._first]
        new = secrets.token_bytes(len(old))
        old_hex, new_hex = old.hex().encode(), new.hex().encode()
        names = [name.replace(old_hex, new_hex) for name in self._call[: self._first]]
        return [*names, new, *self._call[self._first + 1 :]]
