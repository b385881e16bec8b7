"""Fakes of senders, stores and hash queues, which tests pass to constructors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from otp_engine.crypto.hash_queue import Compute, HashQueue
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.domain.ports import Accepted, Deliver, Sender, VerificationStore
from otp_engine.errors import (
    DestinationSuspended,
    OTPError,
    Overloaded,
    StoreUnavailable,
)

MESSAGE = Message(
    to="+919445012345",
    masked="+91********45",
    channel=Channel.SMS,
    body="123456 is your Acme code.",
    code="123456",
    verification_id=b"0" * 16,
    locale=None,
    ttl=timedelta(minutes=10),
    delivery_id="ab" * 20,
    language="en",
    brand="Acme",
    country="IN",
    expires_at=datetime(2026, 7, 1, 12, 10, tzinfo=UTC),
    variables={"code": "123456", "brand": "Acme", "minutes": "10"},
)

EMAIL_MESSAGE = replace(
    MESSAGE,
    to="person@example.com",
    masked="p***@e***.com",
    channel=Channel.EMAIL,
    body="123456 is your Acme code.\n\nIt expires in 10 minutes. Do not share it.",
    subject="Your Acme code",
    country="",
    language="en",
    brand="Acme",
    delivery_id="0a1b2c3d4e5f" * 3 + "0a1b",
)


def by_name(*senders: Sender) -> dict[str, Sender]:
    """Return *senders* as the engine expects them."""
    return {sender.name: sender for sender in senders}


@dataclass
class FakeSender:
    """A sender that keeps its messages.

    Attributes:
        messages: The accepted messages, oldest first.
        error: Raised for each message, if it is set.
        full: Raised for each reservation, if it is set.
        name: Name of the sender.
        has_deadline: Whether it is called in the thread of the request.
        channels: The channels that it delivers.
        reports_delivery: Whether it reports the delivery of its messages.
    """

    messages: list[Message] = field(default_factory=list)
    error: OTPError | None = None
    full: OTPError | None = None
    name: str = "outbox"
    has_deadline: bool = False
    channels: tuple[Channel, ...] = (Channel.SMS,)
    reports_delivery: bool = False

    @contextmanager
    def acquire_slot(self) -> Iterator[Deliver]:
        if self.full:
            raise self.full
        yield self.deliver

    def deliver(self, message: Message) -> Accepted:
        return Accepted(self.name, self.send(message))

    def send(self, message: Message) -> str | None:
        if self.error:
            self.error.provider = self.name
            raise self.error
        self.messages.append(message)
        return f"{self.name}-{len(self.messages)}"

    def ping(self) -> None:
        if self.error:
            raise self.error

    @property
    def codes(self) -> list[str]:
        """The codes of all messages, oldest first."""
        return [message.code for message in self.messages]

    @property
    def code(self) -> str:
        """The code of the last message."""
        return self.codes[-1]


def suspended_block(wait: timedelta) -> DestinationSuspended:
    """Return the error of a send to a block that is suspended for *wait* from now."""
    return DestinationSuspended(
        level="block",
        prefix="+91944501",
        country="IN",
        unproven=10.0,
        until=datetime.now(UTC) + wait,
        trips=1,
        is_new=False,
        retry_after=wait,
    )


def deliver(sender: Sender, message: Message = MESSAGE) -> str:
    """Send *message* as the engine does; return the name of the provider."""
    with sender.acquire_slot() as send:
        return send(message).provider


class StoreLosingReplies:
    """A store that executes each step, and loses the replies to one of them.

    So many of its first replies arrive as `received`.
    """

    def __init__(
        self, store: VerificationStore, step: str, *, received: int = 0
    ) -> None:
        self._store, self._step = store, step
        self._received = received

    def __getattr__(self, name: str) -> Any:
        step = getattr(self._store, name)
        return partial(self._lose_reply, step) if name == self._step else step

    def _lose_reply(
        self, step: Callable[..., object], *args: Any, **kwargs: Any
    ) -> object:
        reply = step(*args, **kwargs)
        if self._received:
            self._received -= 1
            return reply
        raise StoreUnavailable


class HashQueueWithHook(HashQueue):
    """A queue that calls a function before each hash."""

    def __init__(self, before_hash: Callable[[], object]) -> None:
        super().__init__(1)
        self._before_hash = before_hash

    @contextmanager
    def acquire_slot(
        self, client: str | None = None, client_ip: str | None = None
    ) -> Iterator[Compute]:
        with super().acquire_slot(client, client_ip) as compute:

            def call_and_hash(*args: Any, **options: Any) -> bytes:
                self._before_hash()
                return compute(*args, **options)

            yield call_and_hash


def raise_overloaded() -> None:
    """Raise the error of a hash that has waited too long."""
    raise Overloaded


def extract_code(text: str) -> str:
    """Return the code at the start of a message."""
    match = re.match(r"[0-9]+", text)
    assert match
    return match[0]


def different_code(*codes: str) -> str:
    """Return a code of the same length that differs from all *codes*."""
    candidates = (f"{n:0{len(codes[0])}}" for n in range(len(codes) + 1))
    return next(code for code in candidates if code not in codes)
