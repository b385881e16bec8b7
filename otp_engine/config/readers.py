"""How each setting is read from text; a `ValueError` says what is wrong with it.

The phrase of an error stands behind the name of the variable. Where the variable
holds a secret, the phrase does not repeat what was given.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import date, timedelta
from urllib.parse import urlsplit

from otp_engine.config import keys, sids
from otp_engine.config.keys import ApiKey
from otp_engine.crypto.pepper import MIN_BYTES, Pepper
from otp_engine.domain import codes, durations, phone
from otp_engine.domain.rehearsal import TestNumber
from otp_engine.errors import OTPError

_REDIS_SCHEMES = (
    *("redis", "redis+sentinel", "redis+cluster"),
    *("rediss", "rediss+sentinel", "rediss+cluster"),
    "unix",
)
_SENDERS = ("twilio", "console")
_SECRET = re.compile(r"[!-~]+", re.ASCII)
_KEY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_LONGEST_BRAND = 40
_TIMEOUTS = range(150, 10_001)
_LONGEST_DRAIN = timedelta(seconds=60)


def text(given: str) -> str:
    """Anything."""
    return given.strip()


def brand(given: str) -> str:
    """The name in the message: one line, short enough to leave room for the code."""
    name = given.strip()
    if not name.isprintable() or len(name) > _LONGEST_BRAND:
        raise ValueError(f"must be one line of at most {_LONGEST_BRAND} characters")
    return name


def switch(given: str) -> bool:
    """`1` or `0`, or a word that means one of them."""
    match given.strip().lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
        case _:
            raise ValueError(f"must be 1 or 0: {given!r}")


def count(most: int) -> Callable[[str], int]:
    """A whole number from 0 to *most*."""

    def read(given: str) -> int:
        digits = given.strip()
        if not (digits.isascii() and digits.isdigit()) or int(digits) > most:
            raise ValueError(f"must be a whole number up to {most}: {given!r}")
        return int(digits)

    return read


def milliseconds(given: str) -> timedelta:
    """A time from 150 to 10,000 ms; less is how long replicas may take."""
    number = given.strip().removesuffix("ms").strip()
    if not (number.isascii() and number.isdigit() and int(number) in _TIMEOUTS):
        raise ValueError(f"must be from 150 to 10000 (milliseconds): {given!r}")
    return timedelta(milliseconds=int(number))


def drain(given: str) -> timedelta:
    """A time from none to a minute."""
    duration = durations.parse(given)
    if duration > _LONGEST_DRAIN:
        raise ValueError(f"must be from 0s to 60s: {given!r}")
    return duration


def pepper(given: str) -> Pepper:
    """At least 32 bytes in base64."""
    try:
        secret = base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64: `otp-engine keygen` makes one") from None
    if len(secret) < MIN_BYTES:
        raise ValueError(
            f"must hold at least {MIN_BYTES} bytes, and holds {len(secret)}:"
            " `otp-engine keygen` makes one"
        )
    return Pepper(secret)


def redis_url(given: str) -> str:
    """The URL of a Redis, of its Sentinels or of a Cluster; `rediss` is with TLS."""
    parts = urlsplit(given.strip())
    if parts.scheme not in _REDIS_SCHEMES:
        raise ValueError(f"must begin with one of {', '.join(_REDIS_SCHEMES)}, and ://")
    if parts.scheme == "unix":
        return given.strip()
    if not all(map(_is_host, parts.netloc.rpartition("@")[-1].split(","))):
        raise ValueError("must name each host as HOST or HOST:PORT")
    if parts.scheme.endswith("+sentinel") and not parts.path.strip("/"):
        raise ValueError("must end with the name of the service: .../NAME")
    return given.strip()


def http_url(given: str) -> str:
    """An absolute http or https URL, without the slash at its end."""
    parts = urlsplit(given.strip())
    if parts.scheme not in {"http", "https"} or not _is_host(parts.netloc):
        raise ValueError(f"must be an http or https URL: {given!r}")
    if parts.query or parts.fragment:
        raise ValueError(f"must end with its path: {given!r}")
    if "@" in parts.netloc or not given.strip().isprintable() or " " in given.strip():
        raise ValueError("must hold no user, and no space")
    return given.strip().rstrip("/")


def region(given: str) -> str:
    """The ISO 3166 code of a country with phone numbers."""
    code = given.strip().upper()
    if not phone.is_region(code):
        raise ValueError(f"must be an ISO 3166 country code, such as IN: {given!r}")
    return code


def countries(given: str) -> frozenset[str]:
    """ISO 3166 codes with commas between them, or `*`."""
    if given.strip() == phone.EVERYWHERE:
        return frozenset({phone.EVERYWHERE})
    codes = frozenset(map(region, parts(given)))
    if not codes:
        raise ValueError("names no country")
    return codes


def senders(given: str) -> tuple[str, ...]:
    """Names of senders, in order of preference."""
    names = parts(given.lower())
    if unknown := [name for name in names if name not in _SENDERS]:
        raise ValueError(f"must be of {', '.join(_SENDERS)}: {', '.join(unknown)!r}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"must name each sender once: {given!r}")
    return names


def api_keys(given: str) -> tuple[ApiKey, ...]:
    """`name:secret` or `name:sha256:DIGEST`, with commas between them."""
    pairs = [pair.partition(":") for pair in parts(given)]
    if not pairs:
        raise ValueError("holds no key")
    if not all(
        _KEY_NAME.fullmatch(name) and _SECRET.fullmatch(secret)
        for name, _, secret in pairs
    ):
        raise ValueError("must be name:secret pairs with commas between them, in ASCII")
    if any("sha256:" in secret.removeprefix("sha256:") for _, _, secret in pairs):
        raise ValueError("must have sha256: right behind the name and its colon")
    if keys.ANYBODY in {name for name, _, _ in pairs}:
        raise ValueError(f"must call no program {keys.ANYBODY!r}")
    return tuple(keys.read(name, secret) for name, _, secret in pairs)


def test_numbers(today: date) -> Callable[[str], tuple[TestNumber, ...]]:
    """`+NUMBER:CODE@LAST-DAY`, with commas between them, and none of them over."""

    def read(given: str) -> tuple[TestNumber, ...]:
        return tuple(map(_test_number, parts(given)))

    def _test_number(given: str) -> TestNumber:
        number, _, rest = given.partition(":")
        code, _, day = rest.partition("@")
        try:
            found = TestNumber(
                phone.for_tests(number), codes.read(code), date.fromisoformat(day)
            )
        except (ValueError, OTPError):
            raise ValueError(
                "must be like +15550100001:123456@2027-01-31, with commas"
            ) from None
        if found.until < today:
            raise ValueError(f"has an entry that ended on {day}: remove or renew it")
        return found

    return read


def sid(prefix: str) -> Callable[[str], str]:
    """One of Twilio's identifiers."""

    def read(given: str) -> str:
        if not sids.is_one(given.strip(), prefix):
            raise ValueError(f"must be {prefix} and 32 hexadecimal digits")
        return given.strip()

    return read


def _is_host(netloc: str) -> bool:
    parts = urlsplit(f"//{netloc}")
    try:
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def parts(given: str) -> tuple[str, ...]:
    """What stands between commas, and is something."""
    return tuple(part.strip() for part in given.split(",") if part.strip())
