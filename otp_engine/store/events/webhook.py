"""The position of the event webhook in the stream, and what it knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from otp_engine.domain.event_webhook.feed import Batch, Entry
from otp_engine.domain.event_webhook.followed import FollowedVerification
from otp_engine.domain.events import RecordedEvent
from otp_engine.store import keys, lua_codec
from otp_engine.store.events import codec
from otp_engine.store.events.event_store import RETENTION
from otp_engine.store.json_codec import converter
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

_LEASE = timedelta(seconds=30)
_MAX_ENTRIES = 100
# Events are written up to a second after they have happened.
_SETTLING_TIME = timedelta(seconds=5)


class RedisEventFeed:
    """Stores `otp:{events}:webhook` and its neighbors for as long as events.

    Implements `domain.event_webhook.feed.EventFeed`.
    """

    def __init__(self, client: RedisClient) -> None:
        """Store the position in Redis.

        Args:
            client: Executes the commands.
        """
        self._client = client
        # Redis can have no memory left, and the position must move nevertheless.
        self._lead = LuaScript(client, "lead_event_webhook", when_full=True)
        self._move = LuaScript(client, "move_event_webhook", when_full=True)

    def read(self, token: str) -> Batch | None:
        """Return what was not posted yet; None if another worker has the lead.

        Args:
            token: Identifies this worker.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        reply = self._lead.run(
            [
                *(keys.EVENTS, keys.EVENT_WEBHOOK),
                *(keys.EVENT_WEBHOOK_LEASE, keys.EVENT_WEBHOOK_NEXT_LOOKS),
            ],
            token,
            lua_codec.to_ms(_LEASE),
            lua_codec.to_ms(RETENTION),
            lua_codec.to_ms(_SETTLING_TIME),
            _MAX_ENTRIES,
        )
        if not reply:
            return None
        at, position, oldest, *due = reply
        entries = self._entries_after(position.decode())
        return Batch(
            read_at=lua_codec.from_epoch_ms(at),
            position=position.decode(),
            oldest=oldest.decode(),
            entries=entries,
            # An event before the end of a verification must be read before the end.
            due=() if len(entries) == _MAX_ENTRIES else tuple(due),
        )

    def read_followed(
        self, ids: Sequence[bytes]
    ) -> Mapping[bytes, FollowedVerification]:
        """Return what is known of verifications, by id.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        if not ids:
            return {}
        key, names = keys.EVENT_WEBHOOK_VERIFICATIONS, [each.hex() for each in ids]
        texts = self._client.execute(lambda redis: redis.hmget(key, names), key)
        return {
            verification: converter.loads(text, FollowedVerification)
            for verification, text in zip(ids, texts, strict=True)
            if text
        }

    def move(
        self,
        token: str,
        position: str,
        followed: Mapping[bytes, tuple[FollowedVerification, datetime] | None],
    ) -> bool:
        """Store that all entries up to *position* were posted.

        Args:
            token: Identifies this worker.
            position: Id of the last entry.
            followed: What is known of verifications now and when to look next; None
                deletes one.

        Returns:
            Whether this worker still had the lead. Nothing is stored otherwise.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        changes: list[str | int] = []
        for verification, known in followed.items():
            if known is None:
                changes += (verification.hex(), "", 0)
            else:
                text, next_look = converter.dumps(known[0]), known[1]
                changes += (verification.hex(), text, lua_codec.to_epoch_ms(next_look))
        reply = self._move.run(
            [
                *(keys.EVENT_WEBHOOK, keys.EVENT_WEBHOOK_LEASE),
                *(keys.EVENT_WEBHOOK_VERIFICATIONS, keys.EVENT_WEBHOOK_NEXT_LOOKS),
            ],
            token,
            position,
            lua_codec.to_ms(RETENTION),
            *changes,
        )
        return bool(reply)

    def resign(self, token: str) -> None:
        """Give up the lead, so that another worker need not wait for the lease.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        key = keys.EVENT_WEBHOOK_LEASE
        held = self._client.execute(lambda redis: redis.get(key), key)
        # A lease that ends between the two commands costs its next holder one batch.
        if held == token.encode():
            self._client.execute(lambda redis: redis.delete(key), key)

    def _entries_after(self, position: str) -> list[Entry]:
        stored = self._client.execute(
            lambda redis: redis.xrange(keys.EVENTS, f"({position}", "+", _MAX_ENTRIES),
            keys.EVENTS,
        )
        return [Entry(name.decode(), _decode(name, fields)) for name, fields in stored]


def _decode(entry_id: bytes, fields: codec.Fields) -> RecordedEvent | None:
    return codec.decode_entry(codec.parse_id(entry_id), fields)
