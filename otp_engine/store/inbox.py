"""Messages that never left, for whoever develops; codes and numbers in plain."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from otp_engine.domain.events import Approved, Canceled, Event, Exhausted
from otp_engine.domain.inbox import Letter, State
from otp_engine.domain.messages import Message
from otp_engine.domain.verification import Channel
from otp_engine.errors import StoreUnavailable
from otp_engine.store import keys
from otp_engine.store.connection import Client
from otp_engine.store.line import Line

_KEPT = 100
_LIFE = timedelta(days=1)


class Inbox:
    """Keeps `otp:{inbox}`, the last hundred messages, and how their codes ended."""

    def __init__(self, line: Line, now: Callable[[], datetime] | None = None) -> None:
        """Keep it where *line* leads; *now* is the time of day, in UTC."""
        self._line = line
        self._now = now or (lambda: datetime.now(UTC))

    def keep(self, message: Message) -> None:
        """Keep a message as the phone would have shown it."""
        at = self._now()
        text = json.dumps(
            {
                "at": at.isoformat(),
                "expires": (at + message.life).isoformat(),
                "to": message.to,
                "channel": message.channel,
                "locale": message.locale,
                "body": message.body,
                "code": message.code,
                "verification": message.verification.hex(),
            }
        )

        def put(client: Client) -> None:
            with client.pipeline(transaction=True) as pipeline:
                pipeline.lpush(keys.INBOX, text)
                pipeline.ltrim(keys.INBOX, 0, _KEPT - 1)
                pipeline.pexpire(keys.INBOX, _LIFE)
                pipeline.execute()

        self._line.ask(put, keys.INBOX)

    def watch(self, event: Event) -> None:
        """Learn from *event* how a verification ended."""
        match event:
            case Approved():
                self._end(event.verification, State.APPROVED)
            case Canceled():
                self._end(event.verification, State.CANCELED)
            case Exhausted():
                self._end(event.verification, State.EXHAUSTED)

    def letters(self) -> list[Letter]:
        """All that is kept, newest first; raises as `Store` does."""
        texts = self._line.ask(lambda it: it.lrange(keys.INBOX, 0, -1), keys.INBOX)
        given = [json.loads(text) for text in texts]
        named = [keys.inbox_end(one["verification"]) for one in given]
        if not named:
            return []
        ends = self._line.ask(lambda it: it.mget(named), keys.INBOX)
        return [_letter(one, end) for one, end in zip(given, ends, strict=True)]

    def _end(self, verification: bytes, state: State) -> None:
        key = keys.inbox_end(verification.hex())
        # It has ended, and whoever watches must not make that fail.
        with suppress(StoreUnavailable):
            self._line.ask(lambda it: it.set(key, state, px=_LIFE), key)


def _letter(given: dict[str, Any], end: bytes | None) -> Letter:
    return Letter(
        at=datetime.fromisoformat(given["at"]),
        expires=datetime.fromisoformat(given["expires"]),
        to=given["to"],
        channel=Channel(given["channel"]),
        locale=given["locale"],
        body=given["body"],
        code=given["code"],
        verification=bytes.fromhex(given["verification"]),
        ended=State(end.decode()) if end else None,
    )
