"""What a browser remembers of a person's way through the page, in a signed cookie."""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from otp_engine.api import responses


@dataclass(frozen=True, slots=True)
class Back:
    """Where a person goes back to, and what the application gave along."""

    url: str
    state: str


@dataclass(frozen=True, slots=True)
class Approval:
    """A way that has just ended well, with what there is to prove it, and to whom."""

    proof: str | None = None
    back: Back | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One person's way, kept in *session*, which only this service can write.

    The number is in it only as part of a handle, which is encrypted. No code is in it,
    and no proof.
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
    def token(self) -> str:
        """What a form of ours brings back, and nobody else's can (CSRF)."""
        token: str = self.session.setdefault("token", secrets.token_urlsafe(16))
        return token

    def brings(self, token: str) -> bool:
        """Whether a form brings what it was given."""
        known = self.session.get("token", "")
        return bool(known) and hmac.compare_digest(known.encode(), token.encode())

    @property
    def resend_after(self) -> int:
        """Seconds until another message would be let through."""
        at: float = self.session.get("resend_at", 0)
        return max(0, math.ceil(at - time.time()))

    def sent(self, handle: str, resend_after: timedelta) -> None:
        """Store that a code was sent for *handle*, and when the next one may follow."""
        self.session["handle"] = handle
        self.session["resend_at"] = time.time() + responses.resend_seconds(resend_after)

    @property
    def back(self) -> Back | None:
        """Where the person goes back to; none, if no application sent them."""
        url = self.session.get("return_url")
        return Back(url, self.session.get("state", "")) if url else None

    def came_from(self, back: Back) -> None:
        """Begin anew for an application, which wants the person *back*.

        What was begun for another is over, and its forms are nobody's any more: a
        link must not lead what a person does for one application to another.
        """
        if back != self.back:
            self.end()
            self.session["return_url"], self.session["state"] = back.url, back.state

    def change_number(self) -> None:
        """Ask for a number again, and keep the handle in case it is the same one."""
        if self.handle:
            self.session["previous"] = self.handle
        for name in ("handle", "resend_at"):
            self.session.pop(name, None)

    def begin_again(self) -> None:
        """Forget the number."""
        for name in ("handle", "previous", "resend_at"):
            self.session.pop(name, None)

    def end(self) -> None:
        """Forget the way, and who sent the person."""
        self.begin_again()
        for name in ("return_url", "state", "token"):
            self.session.pop(name, None)
