"""Codes of authenticator apps (TOTP, RFC 6238), their secrets and their URIs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

import pyotp

from otp_engine import parsing
from otp_engine.domain.factors.models import Algorithm, TotpConfig
from otp_engine.errors import InvalidCode, InvalidFactor

_DIGESTS = {
    Algorithm.SHA1: hashlib.sha1,
    Algorithm.SHA256: hashlib.sha256,
    Algorithm.SHA512: hashlib.sha512,
}
# The sizes of the reference implementation (RFC 6238, appendix A).
_SECRET_BYTES = {Algorithm.SHA1: 20, Algorithm.SHA256: 32, Algorithm.SHA512: 64}
# RFC 4226, section 4, R6: 128 bits at least. The largest block that HMAC does not hash
# is 128 bytes, and no app needs more than the output of SHA-512.
_ALLOWED_BYTES = range(16, 65)
_BASE32_GROUP = 8
_CODE = re.compile(r"[0-9]{6,8}", re.ASCII)


def generate_secret(
    algorithm: Algorithm, random_bytes: Callable[[int], bytes]
) -> bytes:
    """Generate a secret as long as the output of its hash function.

    Args:
        algorithm: The hash function of the codes.
        random_bytes: Returns a number of unpredictable bytes.
    """
    return random_bytes(_SECRET_BYTES[algorithm])


def parse_secret(text: str) -> bytes:
    """Parse a secret of the client's own in Base32 (RFC 4648).

    Upper and lower case, spaces and padding make no difference.

    Raises:
        InvalidFactor: The text is not Base32 of 16 to 64 bytes.
    """
    compact = "".join(text.split()).rstrip("=")
    padding = "=" * (-len(compact) % _BASE32_GROUP)
    try:
        # Encoded first, because letters such as ß have an upper case in ASCII.
        secret = base64.b32decode((compact + padding).encode("ascii").upper())
    except (binascii.Error, ValueError):
        # The cause can quote the secret.
        raise InvalidFactor("secret", "must be Base32") from None
    return check_secret(secret)


def check_secret(secret: bytes) -> bytes:
    """Return *secret* if its length is allowed.

    Raises:
        InvalidFactor: It has fewer than 16 or more than 64 bytes.
    """
    if len(secret) not in _ALLOWED_BYTES:
        raise InvalidFactor("secret", "must have 16 to 64 bytes (26 to 103 characters)")
    return secret


def encode_secret(secret: bytes) -> str:
    """Return a secret in Base32 without padding, as apps read it."""
    return base64.b32encode(secret).decode().rstrip("=")


def parse_code(text: str) -> str:
    """Parse a code of an authenticator app, as `codes.parse`.

    Returns:
        6 to 8 digits, in ASCII.

    Raises:
        InvalidCode: The text cannot be such a code.
    """
    code = parsing.normalize_typed(text)
    if not _CODE.fullmatch(code):
        raise InvalidCode(
            "A code of an authenticator app is 6 to 8 digits. This was not counted as"
            " an attempt."
        )
    return code


def find_time(
    code: str, secret: bytes, config: TotpConfig, *, at: datetime, after: int
) -> int | None:
    """Return the start of the time step of a right code.

    Every code of the window is computed and compared, so that the time depends on
    neither the code nor the step that matches.

    Args:
        code: The code that a person typed.
        secret: The secret of the factor.
        config: How its codes are computed.
        at: The time by the store's clock.
        after: Start of the last accepted time step, in seconds since 1970. Earlier and
            equal ones match nothing (RFC 6238, section 5.2).

    Returns:
        The start of the first time step that matches, in seconds since 1970. A start
        grows also when the length of a step changes. None if the code is wrong.
    """
    totp = pyotp.TOTP(
        encode_secret(secret),
        digits=config.code_length,
        digest=_DIGESTS[config.algorithm],
        interval=config.time_step,
    )
    current, typed = int(at.timestamp()) // config.time_step, code.encode()
    steps = range(max(0, current - config.skew), current + config.skew + 1)
    # A list, so that a match of the first step takes as long as one of the last.
    matches = [
        hmac.compare_digest(totp.generate_otp(step).encode(), typed) for step in steps
    ]
    starts = [
        step * config.time_step
        for step, is_match in zip(steps, matches, strict=True)
        if is_match and step * config.time_step > after
    ]
    return starts[0] if starts else None


def to_uri(secret: bytes, config: TotpConfig, *, issuer: str, name: str) -> str:
    """Return the URI that an authenticator app reads from a QR code.

    All parameters are written, because apps differ in their defaults. A colon in a name
    is encoded, because the first one separates issuer and name.

    Args:
        secret: The secret.
        config: How the codes are computed.
        issuer: The name of the application.
        name: The name of the account.
    """
    quoted = quote(issuer, safe="")
    return (
        f"otpauth://totp/{quoted}:{quote(name, safe='')}"
        f"?secret={encode_secret(secret)}&issuer={quoted}"
        f"&algorithm={config.algorithm.upper()}&digits={config.code_length}"
        f"&period={config.time_step}"
    )
