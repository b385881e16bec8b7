"""What a browser remembers of a person's way through the pages, in a signed cookie."""

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
    state: str | None


@dataclass(frozen=True, slots=True)
class Approval:
    """A way that has just ended well, with what there is to prove it, and to whom."""

    proof: str | None
    back: Back | None


@dataclass(frozen=True, slots=True)
class Visit:
    """One person's way, kept in *session*, which only this service can write.

    The number is in it, for it is the person's own; no code is.
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

    def approved(self, proof: str | None) -> None:
        """The right code was typed; the page that says so is shown once."""
        self.begin_again()
        self.session["approved"], self.session["proof"] = True, proof

    def take_approval(self) -> Approval | None:
        """The approval that has not been shown yet; with it the way has ended."""
        proof = self.session.pop("proof", None)
        if not self.session.pop("approved", False):
            return None
        back = self.back
        for name in ("return_url", "state"):
            self.session.pop(name, None)
        return Approval(proof, back)

    def begin_again(self) -> None:
        """Forget the number."""
        for name in ("phone", "resend_at"):
            self.session.pop(name, None)

    def came_from(self, url: str, state: str | None) -> None:
        """An application sent the person, and wants them back at *url*."""
        self.session["return_url"], self.session["state"] = url, state

    @property
    def back(self) -> Back | None:
        """Where the person goes back to; none, if no application sent them."""
        url = self.session.get("return_url")
        return Back(url, self.session.get("state")) if url else None
