"""The inbox of dev mode: unsent messages, with codes and numbers in plain text."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from otp_engine.domain.events import (
    Event,
    MaxAttemptsReached,
    VerificationApproved,
    VerificationCanceled,
)
from otp_engine.domain.messages.inbox import (
    CodeStatus,
    InboxMessage,
    SimulatedOutcome,
)
from otp_engine.domain.messages.templates import Message
from otp_engine.errors import StoreUnavailable
from otp_engine.store import keys
from otp_engine.store.connection import RedisCommands
from otp_engine.store.json_codec import converter
from otp_engine.store.redis_client import RedisClient

_MAX_MESSAGES = 100
_TTL = timedelta(days=1)
_SIMULATION_TTL = timedelta(hours=1)
_ACCEPTED = SimulatedOutcome.ACCEPTED


class RedisInbox:
    """Stores `otp:{inbox}`, the last 100 messages, and the status of their codes."""

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
        )

        def write(redis: RedisCommands) -> None:
            with redis.pipeline(transaction=True) as pipeline:
                pipeline.lpush(keys.INBOX, converter.dumps(stored))
                pipeline.ltrim(keys.INBOX, 0, _MAX_MESSAGES - 1)
                pipeline.pexpire(keys.INBOX, _TTL)
                pipeline.execute()

        self._client.execute(write, keys.INBOX)

    def on_event(self, event: Event) -> None:
        """Store the final status of a verification that *event* has closed."""
        match event:
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
        names = [
            keys.inbox_status(message.verification_id.hex()) for message in messages
        ]
        if not names:
            return []
        statuses = self._client.execute(lambda redis: redis.mget(names), keys.INBOX)
        return [
            replace(
                message, final_status=CodeStatus(status.decode()) if status else None
            )
            for message, status in zip(messages, statuses, strict=True)
        ]

    def clear(self) -> None:
        """Delete all messages; the status of their codes expires.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        self._client.execute(lambda redis: redis.delete(keys.INBOX), keys.INBOX)

    def mark_undelivered(self, verification_id: bytes) -> None:
        """Store that the last message of a verification will not arrive."""
        self._close(verification_id, CodeStatus.UNDELIVERED)

    def simulated_outcome(self) -> SimulatedOutcome:
        """Return the outcome of the next messages.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        key = keys.INBOX_SIMULATION
        [stored] = self._client.execute(lambda redis: redis.mget([key]), key)
        return SimulatedOutcome(stored.decode()) if stored else _ACCEPTED

    def simulate(self, outcome: SimulatedOutcome) -> None:
        """Set the outcome of the next messages, for an hour.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        key = keys.INBOX_SIMULATION
        self._client.execute(
            lambda redis: redis.set(key, outcome, px=_SIMULATION_TTL), key
        )

    def _close(self, verification_id: bytes, status: CodeStatus) -> None:
        key = keys.inbox_status(verification_id.hex())
        # The verification is closed already; an error here must not fail the request.
        with suppress(StoreUnavailable):
            self._client.execute(lambda redis: redis.set(key, status, px=_TTL), key)
