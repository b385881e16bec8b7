"""Stand-ins for the outside, handed in through constructors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta

from otp_engine.domain.messages import Message
from otp_engine.domain.verification import Channel
from otp_engine.errors import OTPError

MESSAGE = Message(
    to="+919445012345",
    masked="+91******2345",
    channel=Channel.SMS,
    body="123456 is your Acme code.",
    life=timedelta(minutes=10),
)


@dataclass
class Outbox:
    """A sender that remembers, or refuses with what it was told to."""

    messages: list[Message] = field(default_factory=list)
    refusal: OTPError | None = None

    def send(self, message: Message) -> None:
        if self.refusal:
            raise self.refusal
        self.messages.append(message)

    def ping(self) -> None:
        if self.refusal:
            raise self.refusal

    @property
    def codes(self) -> list[str]:
        """The codes sent so far, oldest first."""
        return [code_in(message.body) for message in self.messages]

    @property
    def code(self) -> str:
        """The code sent last."""
        return self.codes[-1]


def code_in(text: str) -> str:
    """The code at the beginning of a message."""
    match = re.match(r"[0-9]+", text)
    assert match
    return match[0]


def other_than(*codes: str) -> str:
    """A code of the same length that is none of *codes*."""
    tries = (f"{n:0{len(codes[0])}}" for n in range(len(codes) + 1))
    return next(code for code in tries if code not in codes)
