"""The store of deliveries and of their fallbacks."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter

from otp_engine.domain.delivery_records import (
    DeliveryRecord,
    StatusChange,
    StoredDelivery,
)
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.store import keys, lua_codec
from otp_engine.store.json_codec import converter
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

# Without spaces and defaults a delivery takes a tenth less memory.
_compact_converter = converter.copy(omit_if_default=True)
_to_text = json.JSONEncoder(separators=(",", ":")).encode

_TAG_DIGITS = 24
_MARK_BYTES = 8
_REPORT_TTL = timedelta(days=1)
# A delivery is stored within a second after its hand-over, or not at all: a report that
# names any other message does not occupy memory for longer.
_UNKNOWN_TTL = timedelta(minutes=10)
_INDEX_TTL = timedelta(days=1)
_WITHOUT_ID = "message"
_LEASED = ":leased"
_PLAN = ":plan"
_SENT_AT = b":sent_at"
_STATUS = b":status"


class RedisDeliveryStore:
    """Stores `otp:{<verification>}:deliveries` and `otp:{shared}:due_fallbacks`.

    Implements `domain.delivery_records.DeliveryStatusStore`.
    """

    def __init__(
        self,
        client: RedisClient,
        *,
        replicas: int = 0,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Store the deliveries in Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge a claim and a mark.
            random_bytes: Returns as many random bytes as its argument.
        """
        self._client = client
        self._random_bytes = random_bytes
        script = partial(LuaScript, client)
        durable = partial(LuaScript, client, replicas=replicas)
        self._track = script("track_delivery")
        self._record_status = script("record_delivery_status")
        self._schedule = script("schedule_fallback")
        self._claim = durable("claim_fallbacks")
        self._mark = durable("mark_fallback")
        self._read = script("read_fallback")

    def track(
        self,
        delivery_id: str,
        record: DeliveryRecord,
        *,
        code_expires_at: datetime,
        plan: bytes = b"",
    ) -> DeliveryStatus | None:
        """Store a delivery.

        Args:
            delivery_id: Its id, 40 hexadecimal digits.
            record: The delivery.
            code_expires_at: When its code expires.
            plan: The encrypted plan of its fallback; empty without one.

        Returns:
            The status of a report that arrived before.
        """
        tag, name = _split(delivery_id)
        status = self._track.run(
            [keys.deliveries(tag)],
            name,
            _to_text(_compact_converter.unstructure(record)),
            plan,
            lua_codec.to_epoch_ms(code_expires_at),
            record.provider,
        )
        return _decode_status(status)

    def record_status(self, report: DeliveryReport) -> StatusChange:
        """Store the status of a report, unless an equal or a later one is stored.

        A report of another provider than that of the message has no effect. A report
        without a delivery id is known by the provider's id of its message: an
        earlier release has handed the message over.
        """
        if report.delivery_id:
            tag, name = _split(report.delivery_id)
            unknown_ttl = _UNKNOWN_TTL
        else:
            identity = f"{report.provider}:{report.message_id}".encode()
            tag = hashlib.sha256(identity).hexdigest()[:_TAG_DIGITS]
            name, unknown_ttl = _WITHOUT_ID, _REPORT_TTL
        is_new, before, record, ms, plan = self._record_status.run(
            [keys.deliveries(tag)],
            *(name, report.status.rank, report.status, report.provider),
            *(lua_codec.to_ms(_REPORT_TTL), lua_codec.to_ms(unknown_ttl)),
        )
        return StatusChange(
            is_new=bool(is_new),
            before=_decode_status(before),
            record=_decode_record(record),
            elapsed=timedelta(milliseconds=ms) if record else None,
            has_fallback=bool(plan),
        )

    def list_deliveries(self, tag: str) -> list[StoredDelivery]:
        """Return the deliveries of a verification, oldest first.

        Args:
            tag: The part of the ids that names the verification.
        """
        key = keys.deliveries(tag)
        fields = self._client.execute(lambda redis: redis.hgetall(key), key)
        found = [
            StoredDelivery(
                delivery_id=tag + name.decode(),
                record=converter.loads(text, DeliveryRecord),
                sent_at=lua_codec.from_epoch_ms(int(fields[name + _SENT_AT])),
                status=_decode_status(fields.get(name + _STATUS, b"")),
            )
            for name, text in fields.items()
            if b":" not in name
        ]
        return sorted(found, key=attrgetter("sent_at"))

    def schedule_fallback(self, delivery_id: str, *, after: timedelta) -> None:
        """Set when the fallback of a delivery is due, unless a worker has claimed it.

        Args:
            delivery_id: Id of the delivery.
            after: Time until then.
        """
        self._schedule.run(
            [keys.DUE_FALLBACKS],
            delivery_id,
            lua_codec.to_ms(after),
            lua_codec.to_ms(_INDEX_TTL),
        )

    def claim_fallbacks(self, count: int, *, lease: timedelta) -> list[str]:
        """Claim fallbacks that are due, each until the end of its lease.

        Args:
            count: The largest number to claim.
            lease: Time after which the fallbacks are due again.

        Returns:
            The ids of the deliveries.
        """
        claimed: Sequence[bytes] = self._claim.run(
            [keys.DUE_FALLBACKS], lua_codec.to_ms(lease), count
        )
        return [delivery_id.decode() for delivery_id in claimed]

    def read_plan(self, delivery_id: str) -> bytes | None:
        """Return the encrypted plan of a fallback.

        Returns:
            None if it was used or has ended, or the code of its delivery has expired.
        """
        tag, name = _split(delivery_id)
        return self._read.run([keys.deliveries(tag)], name) or None

    def mark_fallback(self, delivery_id: str) -> bool:
        """Mark a fallback as used, just before its message is handed over.

        Returns:
            Whether the message may be handed over: the fallback was not used or ended
            before, and the first message has not arrived.
        """
        tag, name = _split(delivery_id)
        key = self._random_bytes(_MARK_BYTES)
        return bool(self._mark.run([keys.deliveries(tag)], name, key))

    def end_fallback(self, delivery_id: str) -> None:
        """Delete what is stored of a fallback."""
        tag, name = _split(delivery_id)
        key = keys.deliveries(tag)
        self._client.execute(lambda redis: redis.hdel(key, name + _PLAN), key)
        self.release_claim(delivery_id)

    def release_claim(self, delivery_id: str) -> None:
        """Delete a fallback from the index of those that are due."""
        index = keys.DUE_FALLBACKS
        members = delivery_id, delivery_id + _LEASED
        self._client.execute(lambda redis: redis.zrem(index, *members), index)


def _split(delivery_id: str) -> tuple[str, str]:
    """Return the part of an id that names the verification, and the rest."""
    return delivery_id[:_TAG_DIGITS], delivery_id[_TAG_DIGITS:]


def _decode_status(stored: bytes) -> DeliveryStatus | None:
    """Return the status of its stored form, such as `1 sent twilio`."""
    return DeliveryStatus(stored.decode().split(" ")[1]) if stored else None


def _decode_record(stored: bytes) -> DeliveryRecord | None:
    return converter.loads(stored, DeliveryRecord) if stored else None
