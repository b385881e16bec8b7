"""Stand-ins for the outside, handed in through constructors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from otp_engine.crypto.argon2 import Argon2Parameters
from otp_engine.crypto.hash_pool import HashPool
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.domain.ports import Deliver, Sender, VerificationStore
from otp_engine.errors import OTPError, StoreUnavailable

MESSAGE = Message(
    to="+919445012345",
    masked="+91******2345",
    channel=Channel.SMS,
    body="123456 is your Acme code.",
    code="123456",
    verification_id=b"0" * 16,
    locale=None,
    ttl=timedelta(minutes=10),
)


@dataclass
class FakeSender:
    """A sender that remembers, or refuses with what it was told to."""

    messages: list[Message] = field(default_factory=list)
    error: OTPError | None = None
    full: OTPError | None = None
    name: str = "outbox"

    @contextmanager
    def reserve(self) -> Iterator[Deliver]:
        if self.full:
            raise self.full
        yield self.send

    def send(self, message: Message) -> None:
        if self.error:
            raise self.error
        self.messages.append(message)

    def ping(self) -> None:
        if self.error:
            raise self.error

    @property
    def codes(self) -> list[str]:
        """The codes sent so far, oldest first."""
        return [extract_code(message.body) for message in self.messages]

    @property
    def code(self) -> str:
        """The code sent last."""
        return self.codes[-1]


def deliver(sender: Sender, message: Message = MESSAGE) -> None:
    """Send *message* as the engine does."""
    with sender.reserve() as hand_over:
        hand_over(message)


class StoreLosingReplies:
    """A store that does what it is asked, and whose answer to one *step* is lost."""

    def __init__(self, store: VerificationStore, step: str) -> None:
        self._store, self._step = store, step

    def __getattr__(self, name: str) -> Any:
        step = getattr(self._store, name)
        return partial(self._unheard, step) if name == self._step else step

    def _unheard(self, step: Callable[..., object], *args: Any, **given: Any) -> None:
        step(*args, **given)
        raise StoreUnavailable


class HashPoolWithHook(HashPool):
    """Hashes, after something else has happened."""

    def __init__(self, happen: Callable[[], object]) -> None:
        super().__init__(1)
        self._happen = happen

    def hash(self, secret: bytes, salt: bytes, parameters: Argon2Parameters) -> bytes:
        self._happen()
        return super().hash(secret, salt, parameters)


def extract_code(text: str) -> str:
    """The code at the beginning of a message."""
    match = re.match(r"[0-9]+", text)
    assert match
    return match[0]


def different_code(*codes: str) -> str:
    """A code of the same length that is none of *codes*."""
    tries = (f"{n:0{len(codes[0])}}" for n in range(len(codes) + 1))
    return next(code for code in tries if code not in codes)
