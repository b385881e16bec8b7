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

    def __init__(
        self, client: redis.Redis, first: Sequence[bytes], second: Sequence[bytes]
    ) -> None:
        """Find the idempotency key: where the *first* and *second* call differ."""
        different = [
            n for n, (a, b) in enumerate(zip(first, second, strict=True)) if a != b
        ]
        assert len(different) == 1, different
        self._client = client
        self._call = list(first)
        self._at = different[0]

    def run(self, count: int, *, batch: int = 1_000) -> None:
        """Repeat the call *count* times, in pipelines of *batch* calls.

        Raises:
            AssertionError: A limit refused a hit.
        """
        length = len(self._call[self._at])
        for start in range(0, count, batch):
            with self._client.pipeline(transaction=False) as pipeline:
                for _ in range(min(batch, count - start)):
                    self._call[self._at] = secrets.token_bytes(length)
                    pipeline.execute_command(*self._call)
                replies = pipeline.execute()
            refused = [reply for reply in replies if reply[0] == b"refused"]
            assert not refused, refused[0]
