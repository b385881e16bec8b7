"""One parser for each kind of setting.

Each takes the stripped text of a variable, returns the value, and raises a `ValueError`
if the text is not valid. The message of the error follows the name of the variable. For
secret settings, it does not contain the value.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

from otp_engine import parsing
from otp_engine.config import redis_urls
from otp_engine.crypto import api_keys as key_scheme
from otp_engine.crypto.api_keys import ApiKey
from otp_engine.crypto.pepper import Pepper
from otp_engine.crypto.secret_keys import MIN_BYTES, SecretKey
from otp_engine.domain import codes
from otp_engine.domain.limits import durations
from otp_engine.domain.messages import country_languages
from otp_engine.domain.phones import numbers
from otp_engine.domain.sandbox_numbers import SandboxNumber
from otp_engine.errors import OTPError

GENERATE_PEPPER = "`otp-engine keys pepper`"
GENERATE_API_KEY = "`otp-engine keys new NAME`"
GENERATE_METRICS_KEY = "`otp-engine keys metrics`"
_GENERATE_PROOF_KEY = "`otp-engine keys proof`"

PROOF_KEY_BYTES = 32
"""Length of a key that signs proof tokens (Ed25519, RFC 8032)."""

BUILT_IN_SENDERS = ("twilio", "console", "aws", "telegram", "smtp", "apprise")
"""The names of the providers of this package, without webhooks and plug-ins."""

_LANGUAGE_TABLES = {
    "own": country_languages.BY_COUNTRY,
    "verify": country_languages.VERIFY,
}
_SECRET = re.compile(r"[!-~]+", re.ASCII)
# What precedes a digest, without the name of its key.
_DIGEST_NAME = re.compile(r"sha[-_]?256", re.ASCII | re.IGNORECASE)
_MAX_BRAND_LENGTH = 40
_TIMEOUT = re.compile(r"([0-9]{1,5}) ?(ms|s)?", re.ASCII)
_REDIS_TIMEOUTS = range(150, 10_001)  # milliseconds
# Milliseconds. A request waits for twice as long at most, and a code lives for 30 s at
# least.
_HASH_WAITS = range(100, 10_001)
_MAX_DRAIN = timedelta(seconds=60)
_KEEP_ALIVE = (timedelta(seconds=1), timedelta(hours=1))
_COLOR = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)
_IMAGE_TYPES = frozenset({".svg", ".png", ".jpg", ".jpeg", ".webp"})
_MAX_LOGO_BYTES = 256 * 1024

boolean = parsing.boolean(("1", "true", "yes", "on"), ("0", "false", "no", "off"))

port = parsing.integer(0, 65535)

_Key = TypeVar("_Key", bound=SecretKey)


def default_languages(text: str) -> Mapping[str, str]:
    """Parse the name of a table of the languages of countries.

    Raises:
        ValueError: There is no such table.
    """
    return _LANGUAGE_TABLES[parsing.choice(_LANGUAGE_TABLES)(text)]


def non_negative_int(maximum: int) -> Callable[[str], int]:
    """Return a parser of a whole number from 0 to *maximum*."""
    return parsing.integer(0, maximum)


def shared_slots(text: str) -> int:
    """Parse the number of Cluster slots of shared limits."""
    return parsing.integer(1, 64)(text)


def brand(text: str) -> str:
    """Parse the name in messages, short enough to leave room for the code."""
    if not text.isprintable() or len(text) > _MAX_BRAND_LENGTH:
        raise ValueError(f"must be one line of at most {_MAX_BRAND_LENGTH} characters")
    return text


def redis_timeout(text: str) -> timedelta:
    """Parse a timeout from 150 ms to 10 s; a number without a unit is milliseconds.

    The minimum is the time that replicas may take to confirm a write.
    """
    if duration := _short_duration(text, _REDIS_TIMEOUTS):
        return duration
    raise ValueError(f"must be from 150ms to 10s: {text!r}")


def hash_wait(text: str) -> timedelta:
    """Parse a duration from 100 ms to 10 s; a number without a unit is milliseconds."""
    if duration := _short_duration(text, _HASH_WAITS):
        return duration
    raise ValueError(f"must be from 100ms to 10s: {text!r}")


def _short_duration(text: str, allowed: range) -> timedelta | None:
    """Parse a duration of *allowed* milliseconds; None for any other text."""
    if match := _TIMEOUT.fullmatch(text):
        milliseconds = int(match[1]) * (1000 if match[2] == "s" else 1)
        if milliseconds in allowed:
            return timedelta(milliseconds=milliseconds)
    return None


def drain_duration(text: str) -> timedelta:
    """Parse a duration from 0 to 60 s."""
    duration = durations.parse(text)
    if duration > _MAX_DRAIN:
        raise ValueError(f"must be from 0s to 60s: {text!r}")
    return duration


def keep_alive(text: str) -> timedelta:
    """Parse a duration from 1 s to 1 h."""
    duration = durations.parse(text)
    shortest, longest = _KEEP_ALIVE
    if not shortest <= duration <= longest:
        raise ValueError(f"must be from 1s to 1h: {text!r}")
    return duration


def secret_key(kind: type[_Key], noun: str, generate: str) -> Callable[[str], _Key]:
    """Return a parser of a secret key: at least 32 bytes in base64.

    Args:
        kind: The class of the key.
        noun: What the key is, for errors.
        generate: The command that generates one, for errors.
    """

    def parse(text: str) -> _Key:
        try:
            secret = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"must be base64: {generate} generates a {noun}") from None
        if len(secret) < MIN_BYTES:
            raise ValueError(
                f"must have at least {MIN_BYTES} bytes, and has {len(secret)}:"
                f" {generate} generates a {noun}"
            )
        return kind(secret)

    return parse


pepper = secret_key(Pepper, "pepper", GENERATE_PEPPER)
"""Parses a pepper: at least 32 bytes in base64."""


def redis_url(text: str) -> str:
    """Check the URL of Redis; see `redis_urls.parse`."""
    redis_urls.parse(text)
    return text


def senders(
    webhooks: Collection[str],
    find_plugins: Callable[[], Collection[str]],
    invalid: Collection[str] = (),
) -> Callable[[str], tuple[str, ...]]:
    """Return a parser of comma-separated names of senders, in order of preference.

    Args:
        webhooks: Names of the webhooks.
        find_plugins: Returns the names of the plug-ins, for a name that is none of the
            others: the search takes some milliseconds.
        invalid: Names of webhooks that have a problem of their own; left out.
    """
    known = (*BUILT_IN_SENDERS, *webhooks)

    def parse(text: str) -> tuple[str, ...]:
        names = parsing.comma_separated(text.lower())
        unknown = [name for name in names if name not in {*known, *invalid}]
        plugins = find_plugins() if unknown else ()
        if unknown := [name for name in unknown if name not in plugins]:
            raise ValueError(
                f"must list only {', '.join(known)}, names in OTP_WEBHOOKS and"
                f" installed plug-ins: {', '.join(unknown)!r}"
            )
        if not names or len(set(names)) < len(names):
            raise ValueError(f"must name each sender once: {text!r}")
        return tuple(name for name in names if name not in invalid)

    return parse


def secret(text: str) -> str:
    """Parse a secret of another service, which this service only passes on."""
    if not _SECRET.fullmatch(text):
        raise ValueError("must be ASCII characters without spaces")
    return text


def metrics_key(text: str) -> ApiKey:
    """Parse a key for `/metrics`: a secret, or its digest."""
    if "sha256:" in text.lower()[1:]:
        raise ValueError("must start with sha256:, and has no name before it")
    if key_scheme.checksum_valid(text.rpartition(":")[2]) and ":" in text:
        raise ValueError("must be a key without a name before it")
    # A header could not contain another key.
    return key_scheme.parse("metrics", secret(text))


def api_keys(text: str) -> tuple[ApiKey, ...]:
    """Parse comma-separated `name:secret` or `name:sha256:DIGEST` pairs."""
    pairs = [pair.partition(":") for pair in parsing.comma_separated(text)]
    if not pairs:
        raise ValueError("must have at least one name:secret pair")
    if not all(
        key_scheme.NAME.fullmatch(name) and _SECRET.fullmatch(secret)
        for name, _, secret in pairs
    ):
        raise ValueError("must be comma-separated name:secret pairs in ASCII")
    if any("sha256:" in secret.lower()[1:] for _, _, secret in pairs):
        raise ValueError("must have sha256: directly after the name and its colon")
    if any(_DIGEST_NAME.fullmatch(name) for name, _, _ in pairs):
        raise ValueError("must have a name and a colon before sha256:")
    if any(parsing.is_quoted(secret) for _, _, secret in pairs):
        raise ValueError("must have no quotes around a secret")
    if key_scheme.ANONYMOUS_NAME in {name for name, _, _ in pairs}:
        raise ValueError(
            f"must not use the reserved name {key_scheme.ANONYMOUS_NAME!r}"
        )
    return tuple(key_scheme.parse(name, secret) for name, _, secret in pairs)


def test_numbers(today: date) -> Callable[[str], tuple[SandboxNumber, ...]]:
    """Return a parser of comma-separated `+NUMBER:CODE@LAST-DAY` entries.

    A number can have one entry that is valid, beside those that have expired.

    Args:
        today: The date in UTC.
    """

    def parse(text: str) -> tuple[SandboxNumber, ...]:
        entries = tuple(map(_test_number, parsing.comma_separated(text)))
        valid = [entry.number.e164 for entry in entries if today <= entry.valid_through]
        if len(set(valid)) < len(valid):
            raise ValueError("must have one valid entry for each number")
        return entries

    return parse


def _test_number(text: str) -> SandboxNumber:
    number, _, rest = text.partition(":")
    code, _, day = rest.partition("@")
    try:
        return SandboxNumber(
            numbers.parse_unassigned(number),
            codes.parse(code),
            date.fromisoformat(day),
        )
    except (ValueError, OTPError):
        raise ValueError(
            "must be comma-separated entries such as +15550100001:123456@2027-01-31"
        ) from None


def sid(prefix: str) -> Callable[[str], str]:
    """Return a parser of Twilio SIDs with that *prefix*."""

    def parse(text: str) -> str:
        if not parsing.is_sid(text, prefix):
            raise ValueError(f"must be {prefix} and 32 hexadecimal digits")
        return text

    return parse


def proof_key(text: str) -> bytes:
    """Parse a key that signs proof tokens: 32 bytes in base64."""
    try:
        seed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        seed = b""
    if len(seed) != PROOF_KEY_BYTES:
        raise ValueError(
            f"must be {PROOF_KEY_BYTES} bytes in base64: {_GENERATE_PROOF_KEY}"
            " generates a key"
        )
    return seed


def color(text: str) -> str:
    """Parse a color as `#rrggbb`."""
    if not _COLOR.fullmatch(text):
        raise ValueError(f"must be a color, such as #3147d6: {text!r}")
    return text


def logo(text: str) -> Path:
    """Parse the path of an image file of at most 256 KiB; return it absolute."""
    path = Path(text)
    if path.suffix.lower() not in _IMAGE_TYPES:
        types = ", ".join(sorted(_IMAGE_TYPES))
        raise ValueError(f"must be a file of type {types}: {text!r}")
    try:
        with path.open("rb") as file:
            size = len(file.read(_MAX_LOGO_BYTES + 1))
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if size > _MAX_LOGO_BYTES:
        raise ValueError(f"must be a file of at most 256 KiB: {text!r}")
    return path.resolve()
