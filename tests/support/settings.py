"""Environments of the service in tests."""

from __future__ import annotations

import base64

from tests.support.twilio_server import ACCOUNT, SERVICE

# Dev mode with cheap hashes and without a cooldown.
RELAXED = {
    "OTP_DEV": "1",
    "OTP_ARGON2": "test",
    "OTP_RESEND_COOLDOWN": "0s",
}

PEPPER = base64.b64encode(b"pepper-0123456789-of-a-test-only").decode()
FACTOR_KEY = base64.b64encode(b"factor-key-0123456789-of-a-test!").decode()
# The smallest environment outside dev mode.
PRODUCTION = {
    "REDIS_URL": "redis://localhost:6379/0",
    "OTP_PEPPER": PEPPER,
    "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": "token-of-the-account",
    "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
}
# Clients without a key, outside dev mode.
ANONYMOUS = PRODUCTION | {
    "OTP_API_KEYS": "",
    "OTP_DEV": "",
    "OTP_ALLOW_ANONYMOUS": "1",
    "OTP_ARGON2": "light",
    "OTP_FACTOR_KEY": base64.b64encode(b"factor-key-of-a-test-only-012345").decode(),
}
