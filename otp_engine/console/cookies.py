"""The cookie of a session in the console, and the token of its forms."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from flask import Request, Response

_BYTES = 32
_FORM = b"form of the console"


@dataclass(frozen=True, slots=True)
class TokenCookie:
    """The cookie with the token of a session.

    Over https without a public path its name starts with `__Host-`, so that no other
    host of the domain can set it. The path is `/` then, as that prefix requires. Else
    the cookie belongs to the console's path.

    Attributes:
        public_path: The path of the public URL; empty without one.
        path: The path of the console in the service.
        is_public_https: Whether the public URL is https.
    """

    public_path: str
    path: str
    is_public_https: bool

    def read(self, request: Request) -> bytes | None:
        """Return the token of a request; None without a token."""
        text = request.cookies.get(self._name(request), "")
        try:
            token = base64.urlsafe_b64decode(text.encode("ascii"))
        except (UnicodeEncodeError, binascii.Error):
            return None
        return token if len(token) == _BYTES else None

    def write(self, request: Request, response: Response, token: bytes) -> None:
        """Set the cookie; the browser deletes it when it is closed."""
        is_secure = self._is_secure(request)
        path = f"{self.public_path}{self.path}"
        response.set_cookie(
            self._name(request),
            base64.urlsafe_b64encode(token).decode(),
            path="/" if is_secure and not self.public_path else path,
            secure=is_secure,
            httponly=True,
            samesite="Strict",
        )

    def _name(self, request: Request) -> str:
        if not self._is_secure(request):
            return "otp_console"
        prefix = "__Secure-" if self.public_path else "__Host-"
        return f"{prefix}otp_console"

    def _is_secure(self, request: Request) -> bool:
        return self.is_public_https or request.is_secure


def new_token() -> bytes:
    """Return a new random token."""
    return secrets.token_bytes(_BYTES)


def form_token(token: bytes) -> str:
    """Return the token of the forms of a session, which does not reveal that token."""
    return hmac.digest(token, _FORM, hashlib.sha256).hex()


def is_form_token(text: str, token: bytes) -> bool:
    """Return whether *text*, from a form, is the token of the forms of a session."""
    return hmac.compare_digest(text.encode(), form_token(token).encode())
