"""The history of verifications, which clients of `/v2` read by id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from otp_engine.domain.verification_records import RecordedSend, VerificationRecord
from otp_engine.store import keys, lua_codec
from otp_engine.store.connection import RedisCommands
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

_SEND_ID_BYTES = 8
# The field with the channel of a send starts with it, as in lua/lib/verification.lua.
_CHANNEL = b"c"
# Not "canceled": a field name of 8 bytes is a send.
_CANCELED = b"is_canceled"


class RedisVerificationRecordStore:
    """Stores `otp:{<id>}:record`; implements `domain.ports.VerificationRecordStore`."""

    def __init__(self, client: RedisClient) -> None:
        """Store the records in Redis.

        Args:
            client: Executes the commands.
        """
        self._client = client
        self._add_send = LuaScript(client, "add_send_to_record")

    def add_send(
        self, record: VerificationRecord, *, send_id: bytes, ttl: timedelta
    ) -> VerificationRecord:
        """Store one send of a verification.

        Args:
            record: The verification.
            send_id: Idempotency key of the send, 8 bytes.
            ttl: How long to store the record from now, at least.

        Returns:
            The record with every send.
        """
        fields = self._add_send.run(
            [keys.record(record.id)],
            send_id,
            lua_codec.to_ms(ttl),
            record.service,
            record.encrypted_address,
            record.channel,
            int(record.bound),
        )
        pairs = zip(fields[::2], fields[1::2], strict=True)
        return _decode(record.id, dict(pairs))

    def get(self, id: bytes) -> VerificationRecord | None:
        """Return the record of a verification; None if there is none."""
        key = keys.record(id)
        fields = self._client.execute(lambda redis: redis.hgetall(key), key)
        return _decode(id, fields) if b"number" in fields else None

    def mark_canceled(self, id: bytes, *, at: datetime, ttl: timedelta) -> None:
        """Mark a verification as canceled at that time, and store it for *ttl*."""
        key = keys.record(id)
        self._client.execute(partial(_mark_canceled, key=key, at=at, ttl=ttl), key)

    def delete(self, id: bytes) -> None:
        """Delete the record of a verification that was approved."""
        key = keys.record(id)
        self._client.execute(lambda redis: redis.delete(key), key)


def _mark_canceled(
    redis: RedisCommands, *, key: str, at: datetime, ttl: timedelta
) -> None:
    # One transaction: without its expiry the key would never expire.
    with redis.pipeline(transaction=True) as pipeline:
        pipeline.hset(key, _CANCELED, lua_codec.to_epoch_ms(at))
        pipeline.pexpire(key, ttl)
        pipeline.execute()


def _decode(id: bytes, fields: Mapping[bytes, bytes]) -> VerificationRecord:
    attempts = [
        _decode_send(name, value, fields.get(_CHANNEL + name))
        for name, value in fields.items()
        if len(name) == _SEND_ID_BYTES
    ]
    canceled = fields.get(_CANCELED)
    return VerificationRecord(
        id=id,
        service=fields[b"service"].decode(),
        encrypted_address=fields[b"number"],
        channel=lua_codec.decode_channel(
            fields.get(b"last_channel", fields[b"channel"])
        ),
        sends=tuple(sorted(attempts, key=lambda attempt: attempt.sent_at)),
        canceled_at=lua_codec.from_epoch_ms(int(canceled)) if canceled else None,
        bound=fields.get(b"bound") == b"1",
    )


def _decode_send(send_id: bytes, value: bytes, channel: bytes | None) -> RecordedSend:
    sent_at, sms = value.split()
    at = lua_codec.from_epoch_ms(int(sent_at))
    return RecordedSend(send_id, at, lua_codec.decode_channel(channel or sms))
