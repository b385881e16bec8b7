"""The state of one person's verification on the page, in a signed cookie."""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from otp_engine.api import response_headers
from otp_engine.api.return_target import ReturnTarget, origin_of
from otp_engine.domain.models import Channel, SendResult
from otp_engine.errors import VerificationNotFound
from otp_engine.web import grants

_VERIFICATION = (
    *("handle", "previous", "channel", "chosen", "resend_at", "codes", "closed"),
)
_RETURN = ("return_url", "state", "csrf_token", "enrolled_until", grants.SESSION_KEY)


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
    proof token. It decides only what the page shows: the engine enforces every rule.

    Attributes:
        session: The Flask session.
        now: Returns the seconds since 1970.
    """

    session: MutableMapping[str, Any]
    now: Callable[[], float] = time.time

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
    def channel(self) -> Channel:
        """The channel of the last message."""
        return Channel(self.session.get("channel", Channel.SMS))

    @property
    def chosen_channel(self) -> Channel | None:
        """The channel of the last message, if the person chose it."""
        return self.channel if self.session.get("chosen") else None

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
        return max(0, math.ceil(at - self.now()))

    @property
    def code_lengths(self) -> set[int]:
        """The lengths of the live codes of the verification."""
        now, ends = self.now(), self.session.get("codes", {})
        return {int(length) for length, end in ends.items() if end > now}

    @property
    def closed(self) -> str | None:
        """Why no code can be entered until a new one is sent, as the key of a text."""
        closed: str | None = self.session.get("closed")
        if self.session.get("codes") and not self.code_lengths:
            return closed or VerificationNotFound.error_code
        return closed

    def code_sent(
        self, handle: str, result: SendResult, chosen: Channel | None = None
    ) -> None:
        """Store that a code was sent.

        Args:
            handle: The handle of the verification.
            result: The send.
            chosen: The channel that the person chose, if any.
        """
        continued = handle in {self.handle, self.previous}
        codes = self.session.get("codes", {}) if continued else {}
        self._delete(*_VERIFICATION)
        self.session["handle"] = handle
        self.session["channel"] = result.channel.value
        self.session["chosen"] = chosen is not None
        end = self.now() + result.expires_in.total_seconds()
        self.session["codes"] = codes | {str(result.code_length): end}
        seconds = response_headers.resend_seconds(result.resend_after)
        self.wait_for_resend(result.resend_after, seconds)

    def wait_for_resend(self, wait: timedelta, seconds: int) -> None:
        """Store that no message is allowed for some time.

        A longer time stays, so that a countdown does not start again because the same
        time is rounded again.

        Args:
            wait: The exact time.
            seconds: The time that an anonymous client of the API gets.
        """
        now = self.now()
        if now + wait.total_seconds() > self.session.get("resend_at", 0):
            self.session["resend_at"] = now + seconds

    def close(self, reason: str) -> None:
        """Store that no code can be entered until a new one is sent.

        Args:
            reason: The key of the text for the person.
        """
        self.session["closed"] = reason

    @property
    def is_enrolled(self) -> bool:
        """Whether the person has just activated an authenticator app."""
        until: float = self.session.get("enrolled_until", 0)
        return until > self.now()

    def enrolled(self, shown_for: timedelta) -> None:
        """Clear the session, except that an authenticator app is active.

        Args:
            shown_for: How long another load of the page shows it.
        """
        self.clear()
        self.session["enrolled_until"] = self.now() + shown_for.total_seconds()

    @property
    def return_target(self) -> ReturnTarget | None:
        """Where the person returns to; None if no application sent them."""
        url = self.session.get("return_url")
        return ReturnTarget(url, self.session.get("state", "")) if url else None

    @property
    def return_origin(self) -> str | None:
        """The origin of the application that the person returns to, if there is one."""
        target = self.return_target
        return origin_of(target.url) if target else None

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
        """Return to the number form, and keep the verification for the same number."""
        if self.handle:
            self.session["previous"] = self.session.pop("handle")

    def continue_previous(self) -> None:
        """Return to the verification that the person left."""
        if self.previous:
            self.session["handle"] = self.session.pop("previous")

    def reset_handle(self) -> None:
        """Delete a handle that is not valid."""
        self._delete("handle")

    def clear_verification(self) -> None:
        """Delete the verification of another number."""
        self._delete(*_VERIFICATION)

    def clear(self) -> None:
        """Delete everything except the language from the session."""
        self._delete(*_VERIFICATION, *_RETURN)

    def _delete(self, *names: str) -> None:
        for name in names:
            self.session.pop(name, None)
