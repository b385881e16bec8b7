"""Maps the replies of a mail server to the errors of this package.

RFC 5321 (4.2) defines the codes, and RFC 3463 the enhanced ones that the text of a
reply can start with. The text can contain the address, so only the codes are logged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from otp_engine.errors import (
    DeliveryFailed,
    InvalidEmail,
    OTPError,
    ProviderUnavailable,
)

_ENHANCED = re.compile(rb"[245]\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9.])")
_SHUTTING_DOWN = 421
_TEMPORARY, _PERMANENT = range(400, 500), range(500, 600)

# Enhanced codes by subject, or by subject and detail.
_UNKNOWN_ADDRESS = frozenset({(1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (1, 6), (1, 10)})
_MAILBOX, _SYSTEM, _ROUTE, _SECURITY = 2, 3, 4, 7
# Codes after RCPT without an enhanced code.
_UNKNOWN_ADDRESS_CODES = frozenset({501, 550, 551, 553})
_MAILBOX_CODES = frozenset({450, 452, 552})


class Stage(Enum):
    """The command that a reply is for."""

    SESSION = auto()
    """Greeting, EHLO, STARTTLS, AUTH or MAIL."""
    RECIPIENT = auto()
    """RCPT."""
    CONTENT = auto()
    """DATA, or the end of the message."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that is no success.

    Attributes:
        code: The code; -1 if the reply has none.
        subject: The second part of the enhanced code; None without one.
        detail: The third part of the enhanced code; None without one.
    """

    code: int
    subject: int | None = None
    detail: int | None = None

    @classmethod
    def parse(cls, code: int, text: bytes) -> Reply:
        """Return the reply with a *code* and a *text*."""
        match = _ENHANCED.match(text)
        if not match:
            return cls(code)
        return cls(code, int(match[1]), int(match[2]))

    def __str__(self) -> str:
        if self.subject is None:
            return str(self.code)
        return f"{self.code} {self.code // 100}.{self.subject}.{self.detail}"


def to_error(stage: Stage, reply: Reply) -> OTPError:
    """Return the error that corresponds to a *reply*: the message was not sent.

    A temporary rejection of one address is no `ProviderUnavailable`: the server works
    for all other addresses, and its circuit must stay closed.

    Args:
        stage: The command that the reply is for.
        reply: The reply.

    Returns:
        A new error, with the code of the reply as its `provider_error`.
    """
    error = _create_error(stage, reply)
    error.provider_error = reply.code if reply.code > 0 else None
    return error


def _create_error(stage: Stage, reply: Reply) -> OTPError:
    is_about_recipient = _is_about_recipient(stage, reply)
    if reply.code in _PERMANENT:
        if not is_about_recipient:
            return DeliveryFailed(retry_elsewhere=True)
        is_unknown = (reply.subject, reply.detail) in _UNKNOWN_ADDRESS or (
            reply.subject is None and reply.code in _UNKNOWN_ADDRESS_CODES
        )
        return InvalidEmail() if is_unknown else DeliveryFailed(retry_elsewhere=False)
    if reply.code in _TEMPORARY and reply.code != _SHUTTING_DOWN and is_about_recipient:
        return DeliveryFailed(retry_elsewhere=True)
    return ProviderUnavailable()


def _is_about_recipient(stage: Stage, reply: Reply) -> bool:
    """Return whether a rejection is about the address, and not about the sender."""
    if stage is Stage.SESSION:
        return False
    if reply.subject is None:
        codes = _UNKNOWN_ADDRESS_CODES | _MAILBOX_CODES
        return stage is Stage.RECIPIENT and reply.code in codes
    if (reply.subject, reply.detail) in _UNKNOWN_ADDRESS:
        return True
    subjects = {_MAILBOX, _ROUTE} if stage is Stage.RECIPIENT else {_MAILBOX}
    if reply.code in _TEMPORARY and stage is Stage.RECIPIENT:
        # Greylisting is a rule of security.
        subjects.add(_SECURITY)
    return reply.subject in subjects
