"""Settings for tests of the API and of the pages."""

from __future__ import annotations

RELAXED = {
    "OTP_DEV": "1",
    "OTP_ARGON2": "test",
    "OTP_RESEND_COOLDOWN": "0s",
}
"""Development mode without a cooldown, and with hashes that take no time."""
