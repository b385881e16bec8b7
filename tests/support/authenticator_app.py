"""An authenticator app: it reads an `otpauth://` URI, and shows codes."""

from __future__ import annotations

import time

import pyotp

from tests.support.fakes import different_code


class AuthenticatorApp:
    def __init__(self, uri: str) -> None:
        parsed = pyotp.parse_uri(uri)
        assert isinstance(parsed, pyotp.TOTP)
        self._totp = parsed

    @property
    def account(self) -> tuple[str | None, str]:
        return self._totp.issuer, self._totp.name

    def code(self, steps: int = 0) -> str:
        """Return the code that is current, or was or will be so many steps away."""
        return self._totp.at(int(time.time()) + steps * self._totp.interval)

    def wrong_code(self) -> str:
        """Return a code of no time step that is near."""
        return different_code(*(self.code(steps) for steps in range(-5, 6)))
