"""Environments of the service in tests."""

from __future__ import annotations

# Dev mode with cheap hashes and without a cooldown.
RELAXED = {
    "OTP_DEV": "1",
    "OTP_ARGON2": "test",
    "OTP_RESEND_COOLDOWN": "0s",
}
