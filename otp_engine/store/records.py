"""What callers of `/v2` may ask about a verification, by its id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from otp_engine.domain.record import Attempt, Record
from otp_engine.domain.verification import Channel
from otp_engine.store import keys
from otp_engine.store.connection import Client
from otp_engine.store.line import Line
from otp_engine.store.scripts import Script

_TOKEN_BYTES = 8
# Not "canceled": a name of 8 bytes is a send.
_CANCELLED = b"is_canceled"


class Records:
    """Keeps `otp:{id}:record`; see `domain.ports.Records`."""

    def __init__(self, line: Line) -> None:
        """Keep it where *line* leads."""
        self._line = line
        self._note = Script(line, "record_send")

    def note(self, record: Record, *, token: bytes, life: timedelta) -> Record:
        """Remember one send, and say all that is known of its verification."""
        fields = self._note.run(
            [keys.record(record.id)],
            token,
            round(life.total_seconds() * 1000),
            record.service,
            record.encrypted_number,
            record.channel,
            int(record.bound),
        )
        pairs = zip(fields[::2], fields[1::2], strict=True)
        return _read(record.id, dict(pairs))

    def find(self, id: bytes) -> Record | None:
        """Say what is known of a verification."""
        key = keys.record(id)
        fields = self._line.ask(lambda client: client.hgetall(key), key)
        return _read(id, fields) if b"number" in fields else None

    def cancelled(self, id: bytes, *, life: timedelta) -> None:
        """Remember for *life* that a verification was closed without an approval."""
        key = keys.record(id)
        self._line.ask(partial(_mark, key=key, life=life), key)

    def forget(self, id: bytes) -> None:
        """Remember nothing of a verification that was approved."""
        key = keys.record(id)
        self._line.ask(lambda client: client.delete(key), key)


def _mark(client: Client, *, key: str, life: timedelta) -> None:
    with client.pipeline(transaction=True) as pipeline:
        pipeline.hset(key, _CANCELLED, 1)
        pipeline.pexpire(key, life)
        pipeline.execute()


def _read(id: bytes, fields: Mapping[bytes, bytes]) -> Record:
    attempts = [
        _attempt(name, value)
        for name, value in fields.items()
        if len(name) == _TOKEN_BYTES
    ]
    return Record(
        id=id,
        service=fields[b"service"].decode(),
        encrypted_number=fields[b"number"],
        channel=Channel(fields[b"channel"].decode()),
        attempts=tuple(sorted(attempts, key=lambda attempt: attempt.at)),
        cancelled=_CANCELLED in fields,
        bound=fields.get(b"bound") == b"1",
    )


def _attempt(token: bytes, value: bytes) -> Attempt:
    at, channel = value.decode().split()
    moment = datetime.fromtimestamp(int(at) / 1000, tz=UTC)
    return Attempt(token, moment, Channel(channel))
