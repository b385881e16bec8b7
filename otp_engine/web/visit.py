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

    The number is in it, for it is the person's own; no code is, and no proof.
    """

    session: MutableMapping[str, Any]

    @property
    def phone(self) -> str | None:
        """The number that a code was asked for, in E.164."""
        phone: str | None = self.session.get("phone")
        return phone

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

    def sent(self, phone: str, resend_after: timedelta) -> None:
        """A code is out to *phone*, and the next may follow after so long."""
        self.session["phone"] = phone
        self.session["resend_at"] = time.time() + resend_after.total_seconds()

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

    def begin_again(self) -> None:
        """Forget the number."""
        for name in ("phone", "resend_at"):
            self.session.pop(name, None)

    def end(self) -> None:
        """Forget the way, and who sent the person."""
        self.begin_again()
        for name in ("return_url", "state", "token"):
            self.session.pop(name, None)
