"""The state of one person's verification on the page, in a signed cookie."""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from otp_engine.api import response_headers


@dataclass(frozen=True, slots=True)
class ReturnTarget:
    """Where the person returns to after the verification.

    Attributes:
        url: The URL of the application, which receives the proof token.
        state: A value that the application chose; it becomes the token's `nonce`.
    """

    url: str
    state: str


@dataclass(frozen=True, slots=True)
class Completed:
    """A verification that was just approved.

    Attributes:
        proof: The proof token for the application, if there is one.
        return_target: Where to send the token.
    """

    proof: str | None = field(default=None, repr=False)
    return_target: ReturnTarget | None = None


@dataclass(frozen=True, slots=True)
class VerifySession:
    """The state of one person, in a Flask session that only this service can write.

    A handle contains the phone number encrypted. The session contains no code and no
    proof token.
    """

    session: MutableMapping[str, Any]

    @property
    def handle(self) -> str | None:
        """The handle of the verification that a code was sent for."""
        handle: str | None = self.session.get("handle")
        return handle

    @property
    def previous(self) -> str | None:
        """The handle of the verification that the person left to change the number."""
        previous: str | None = self.session.get("previous")
        return previous

    @property
    def csrf_token(self) -> str:
        """The CSRF token of the forms, created on first use."""
        token: str = self.session.setdefault("csrf_token", secrets.token_urlsafe(16))
        return token

    def csrf_valid(self, token: str) -> bool:
        """Return whether *token*, from a form, is the one of this session."""
        expected = self.session.get("csrf_token", "")
        return bool(expected) and hmac.compare_digest(expected.encode(), token.encode())

    @property
    def resend_after(self) -> int:
        """The seconds until the next message is allowed."""
        at: float = self.session.get("resend_at", 0)
        return max(0, math.ceil(at - time.time()))

    def code_sent(self, handle: str, resend_after: timedelta) -> None:
        """Store that a code was sent.

        Args:
            handle: The handle of the verification.
            resend_after: The time until the next message is allowed.
        """
        self.session["handle"] = handle
        self.session["resend_at"] = time.time() + response_headers.resend_seconds(
            resend_after
        )

    @property
    def return_target(self) -> ReturnTarget | None:
        """Where the person returns to; None if no application sent them."""
        url = self.session.get("return_url")
        return ReturnTarget(url, self.session.get("state", "")) if url else None

    def start_for(self, target: ReturnTarget) -> None:
        """Start a verification for the application at *target*.

        A different target clears the session and invalidates its forms. Otherwise a
        link could send the proof of a verification for one application to another.
        """
        if target != self.return_target:
            self.clear()
            self.session["return_url"] = target.url
            self.session["state"] = target.state

    def change_number(self) -> None:
        """Return to the number form, and keep the handle for the same number."""
        if self.handle:
            self.session["previous"] = self.handle
        for name in ("handle", "resend_at"):
            self.session.pop(name, None)

    def reset_number(self) -> None:
        """Delete the number and its verification from the session."""
        for name in ("handle", "previous", "resend_at"):
            self.session.pop(name, None)

    def clear(self) -> None:
        """Delete everything except the language from the session."""
        self.reset_number()
        for name in ("return_url", "state", "csrf_token"):
            self.session.pop(name, None)
