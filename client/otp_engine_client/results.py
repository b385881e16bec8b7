"""What the calls return: frozen values, with what is secret hidden from their repr."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitWindow:
    """A window of a limit that counted a send.

    Attributes:
        name: The limit and its window, such as `sends_per_phone 5/10m`.
        quota: Messages in each period.
        period: Length of the window.
        remaining: Messages that are left; None if the service does not report it.
        resets_in: Time until another message is possible, with none left.
    """

    name: str
    quota: int
    period: timedelta
    remaining: int | None = None
    resets_in: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A send that the service accepted.

    Attributes:
        channel: The channel of the message, such as `sms`; `totp` if no message was
            sent, because the person has an authenticator app.
        expires_in: Time that the code is valid.
        resend_after: Time until the next message is allowed.
        handle: The handle of a bound verification. Keep it in the session of the
            person, on the server.
        limits: The limits that counted the message; only with an API key.
        request_id: The ID of the request in the log of the service.
    """

    channel: str | None = None
    expires_in: timedelta | None = None
    resend_after: timedelta | None = None
    handle: str | None = field(default=None, repr=False)
    limits: tuple[LimitWindow, ...] = ()
    request_id: str | None = None

    @property
    def uses_authenticator(self) -> bool:
        """Whether no message was sent, and `verify_totp` checks the code."""
        return self.channel == "totp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of a check. It is true only if it was approved.

    Attributes:
        approved: Whether the code was correct. It is used up then.
        channel: The channel of the code that was entered, for an approval; `totp` or
            `recovery_code` for an authenticator app.
        attempts_left: Attempts that remain after a wrong code.
        expires_in: Time that the newest code is valid, after a wrong code.
        recovery_codes_left: Recovery codes that can still be used, after a check of
            one.
        proof: The proof token of an approval, if the service issues them.
        request_id: The ID of the request in the log of the service.
    """

    approved: bool
    channel: str | None = None
    attempts_left: int | None = None
    expires_in: timedelta | None = None
    recovery_codes_left: int | None = None
    proof: str | None = field(default=None, repr=False)
    request_id: str | None = None

    def __bool__(self) -> bool:
        # `if client.verify_otp(...)` must never accept a wrong code.
        return self.approved


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrollment:
    """A secret for an authenticator app. It is active after `activate_totp`.

    Attributes:
        secret: The secret in Base32, for people who cannot scan.
        uri: The `otpauth://` URI, which opens an app on the same device.
        qr_code: The URI as an SVG element.
        recovery_codes: Codes that work without the app, each once.
        request_id: The ID of the request in the log of the service.
    """

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    qr_code: str = field(repr=False)
    recovery_codes: tuple[str, ...] = field(repr=False)
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLink:
    """A link to the hosted page, for one person and one use.

    Attributes:
        url: The link. Redirect the browser of the person to it.
        expires_in: Time that it can be opened.
        request_id: The ID of the request in the log of the service.
    """

    url: str = field(repr=False)
    expires_in: timedelta
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a valid proof token proves. One of the first three attributes has a value.

    Attributes:
        phone: The verified number in E.164.
        email: The verified e-mail address.
        identity: The identity that an authenticator app has proven.
        factor: How it was proven: `totp` or `recovery_code`; None without an identity.
        id: The `jti`. Accept each one once, and store it until `expires_at`.
        issued_at: The time of the approval.
        expires_at: The end of the token.
        test: Whether it is a sandbox number, which has a fixed code.
    """

    phone: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    identity: str | None = None
    factor: str | None = None
    id: str
    issued_at: datetime
    expires_at: datetime
    test: bool = False
