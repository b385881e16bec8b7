"""The inbox of dev mode: unsent messages, with codes and numbers in plain text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from otp_engine.domain.events import (
    CodeSent,
    Event,
    MaxAttemptsReached,
    VerificationApproved,
    VerificationCanceled,
)
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.messages.inbox import (
    CodeStatus,
    InboxMessage,
    SimulatedOutcome,
    StatusTime,
)
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.errors import StoreUnavailable
from otp_engine.store import keys
from otp_engine.store.connection import RedisCommands
from otp_engine.store.json_codec import converter
from otp_engine.store.redis_client import RedisClient

_MAX_MESSAGES = 100
_TTL = timedelta(days=1)
_SIMULATION_TTL = timedelta(hours=1)
_ACCEPTED = SimulatedOutcome.ACCEPTED.value.encode()
# Beside the statuses: that the message is a fallback.
_FALLBACK = b"fallback"


class RedisInbox:
    """Stores `otp:{inbox}`, the last 100 messages, and what became of them."""

    def __init__(
        self, client: RedisClient, now: Callable[[], datetime] | None = None
    ) -> None:
        """Store the messages in Redis.

        Args:
            client: Executes the commands.
            now: Returns the time in UTC. Default: the system clock.
        """
        self._client = client
        self._now = now or (lambda: datetime.now(UTC))

    def add(self, message: Message) -> None:
        """Store a message as the recipient's phone would show it.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        now = self._now()
        stored = InboxMessage(
            sent_at=now,
            expires_at=now + message.ttl,
            to=message.to,
            channel=message.channel,
            locale=message.language,
            body=message.body,
            code=message.code,
            verification_id=message.verification_id,
            delivery_id=message.delivery_id,
            subject=message.subject,
        )

        delivery = keys.inbox_delivery(message.delivery_id)

        def write(redis: RedisCommands) -> None:
            with redis.pipeline(transaction=True) as pipeline:
                pipeline.lpush(keys.INBOX, converter.dumps(stored))
                pipeline.ltrim(keys.INBOX, 0, _MAX_MESSAGES - 1)
                pipeline.pexpire(keys.INBOX, _TTL)
                pipeline.hset(delivery, DeliveryStatus.QUEUED, now.isoformat())
                pipeline.pexpire(delivery, _TTL)
                pipeline.execute()

        self._client.execute(write, keys.INBOX)

    def on_event(self, event: Event) -> None:
        """Store the final status of a closed verification, and what is a fallback."""
        match event:
            case CodeSent(delivery_id=str() as delivery_id, is_fallback=True):
                self._add_field(delivery_id, _FALLBACK)
            case VerificationApproved():
                self._close(event.verification_id, CodeStatus.APPROVED)
            case VerificationCanceled():
                self._close(event.verification_id, CodeStatus.CANCELED)
            case MaxAttemptsReached():
                self._close(event.verification_id, CodeStatus.MAX_ATTEMPTS_REACHED)

    def list_messages(self) -> list[InboxMessage]:
        """Return all stored messages, newest first.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        texts = self._client.execute(
            lambda redis: redis.lrange(keys.INBOX, 0, -1), keys.INBOX
        )
        messages = [converter.loads(text, InboxMessage) for text in texts]

        def read(redis: RedisCommands) -> list[Any]:
            with redis.pipeline(transaction=True) as pipeline:
                for message in messages:
                    pipeline.get(keys.inbox_status(message.verification_id.hex()))
                    pipeline.hgetall(keys.inbox_delivery(message.delivery_id))
                found: list[Any] = pipeline.execute()
            return found

        if not messages:
            return []
        found = self._client.execute(read, keys.INBOX)
        return [
            replace(
                message,
                final_status=CodeStatus(final.decode()) if final else None,
                statuses=_statuses(delivery),
                is_fallback=_FALLBACK in delivery,
            )
            for message, final, delivery in zip(
                messages, found[::2], found[1::2], strict=True
            )
        ]

    def clear(self) -> None:
        """Delete all messages; the status of their codes expires.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        self._client.execute(lambda redis: redis.delete(keys.INBOX), keys.INBOX)

    def has_message(self, delivery_id: str) -> bool:
        """Return whether a message was stored within a day.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        key = keys.inbox_delivery(delivery_id)
        return bool(self._client.execute(lambda redis: redis.exists(key), key))

    def add_status(self, report: DeliveryReport) -> None:
        """Store the status of a message, with the current time."""
        if report.delivery_id:
            self._add_field(report.delivery_id, report.status.value.encode())

    def simulated_outcomes(self) -> dict[Channel, SimulatedOutcome]:
        """Return the outcome of the next messages of each channel.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        key = keys.INBOX_SIMULATIONS
        stored = self._client.execute(lambda redis: redis.hgetall(key), key)
        return {
            channel: SimulatedOutcome(stored.get(channel.encode(), _ACCEPTED).decode())
            for channel in Channel
        }

    def simulate(
        self, outcome: SimulatedOutcome, channel: Channel | None = None
    ) -> None:
        """Set the outcome of the next messages, for an hour.

        Args:
            outcome: The outcome.
            channel: The channel; None for all.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        key = keys.INBOX_SIMULATIONS
        channels = [channel] if channel else list(Channel)

        def write(redis: RedisCommands) -> None:
            with redis.pipeline(transaction=True) as pipeline:
                pipeline.hset(key, mapping=dict.fromkeys(channels, outcome.value))
                pipeline.pexpire(key, _SIMULATION_TTL)
                pipeline.execute()

        self._client.execute(write, key)

    def _add_field(self, delivery_id: str, name: bytes) -> None:
        """Store the current time as a field of a message, unless it has the field."""
        key = keys.inbox_delivery(delivery_id)
        now = self._now().isoformat()

        def write(redis: RedisCommands) -> None:
            with redis.pipeline(transaction=True) as pipeline:
                pipeline.hsetnx(key, name, now)
                pipeline.pexpire(key, _TTL)
                pipeline.execute()

        # The delivery is recorded already; an error here must not fail the request.
        with suppress(StoreUnavailable):
            self._client.execute(write, key)

    def _close(self, verification_id: bytes, status: CodeStatus) -> None:
        key = keys.inbox_status(verification_id.hex())
        # The verification is closed already; an error here must not fail the request.
        with suppress(StoreUnavailable):
            self._client.execute(lambda redis: redis.set(key, status, px=_TTL), key)


def _statuses(fields: Mapping[bytes, bytes]) -> tuple[StatusTime, ...]:
    """Return the statuses of a message, oldest first."""
    found = [
        StatusTime(DeliveryStatus(name.decode()), datetime.fromisoformat(at.decode()))
        for name, at in fields.items()
        if name != _FALLBACK
    ]
    return tuple(sorted(found, key=lambda each: (each.at, each.status.rank)))
