"""Signatures of webhooks by Standard Webhooks 1.0.0, with symmetric secrets.

https://github.com/standard-webhooks/standard-webhooks is the specification. A message
has one signature for each secret, so that a receiver accepts the old or the new secret
during a rotation.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as random_bytes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=5)
"""The largest difference between the time of a message and that of its receiver."""

_PREFIX = "whsec_"
_LENGTHS = range(24, 65)  # bytes
_NEW_BYTES = 32
_SCHEME = "v1"
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
# A dot separates the id, the time and the body, so an id with a dot could also be read
# as a shorter id with another time.
_MESSAGE_ID = re.compile(r"[!-\-/-~]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """A secret that signs webhooks, of 24 to 64 bytes."""

    key: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> WebhookSecret:
        """Parse `whsec_` and the secret in base64.

        Raises:
            ValueError: The text has another form; the message does not repeat it.
        """
        key = b""
        if text.startswith(_PREFIX):
            try:
                key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
            except (binascii.Error, ValueError):
                key = b""
        if len(key) not in _LENGTHS:
            raise ValueError(f"must be {_PREFIX} and 24 to 64 bytes in base64")
        return cls(key)

    @classmethod
    def generate(cls) -> WebhookSecret:
        """Return a new random secret."""
        return cls(random_bytes.token_bytes(_NEW_BYTES))

    def to_text(self) -> str:
        """Return the text that `parse` accepts."""
        return f"{_PREFIX}{base64.b64encode(self.key).decode()}"


def sign(
    secrets: Sequence[WebhookSecret], *, message_id: str, at: datetime, body: bytes
) -> dict[str, str]:
    """Return the headers of a signed message.

    Args:
        secrets: At least one secret; the message has a signature for each.
        message_id: Identifies the message over all its retries: printable ASCII
            characters without a dot.
        at: Time of this attempt, with a time zone.
        body: The body, as it is sent.

    Raises:
        ValueError: The id has another form, or there is no secret.
    """
    if not secrets or not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("a signed message needs a secret and an id without a dot")
    timestamp = str(int(at.timestamp()))
    signatures = _signatures(secrets, message_id, timestamp, body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def is_recent(headers: Mapping[str, str], now: datetime) -> bool:
    """Return whether the headers have the three of a signed message, with a valid time.

    A receiver can reject a message by its headers, before it reads the body.

    Args:
        headers: The headers of the request, with names in any case.
        now: The current time, with a time zone.
    """
    _, timestamp, signature = _fields(headers)
    if not (signature and _TIMESTAMP.fullmatch(timestamp)):
        return False
    return abs(int(timestamp) - now.timestamp()) <= TOLERANCE.total_seconds()


def is_valid(
    secrets: Sequence[WebhookSecret],
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> bool:
    """Return whether one of *secrets* signed the message within the tolerance.

    A signature stays valid for the whole tolerance, so the effect of a repeated message
    must be that of one message.

    Args:
        secrets: The secrets; without one, no message is valid.
        headers: The headers of the request, with names in any case.
        body: The body, as it was received.
        now: The current time, with a time zone.

    Returns:
        The result; missing and malformed headers are not valid.
    """
    message_id, timestamp, signature = _fields(headers)
    if not _MESSAGE_ID.fullmatch(message_id) or not is_recent(headers, now):
        return False
    received = [value.encode(errors="replace") for value in signature.split(" ")]
    expected = _signatures(secrets, message_id, timestamp, body)
    # All pairs are compared, each in constant time.
    matches = [
        hmac.compare_digest(value, ours.encode())
        for ours in expected
        for value in received
    ]
    return any(matches)


def _signatures(
    secrets: Sequence[WebhookSecret], message_id: str, timestamp: str, body: bytes
) -> Iterator[str]:
    content = f"{message_id}.{timestamp}.".encode() + body
    for secret in secrets:
        mac = hmac.digest(secret.key, content, hashlib.sha256)
        yield f"{_SCHEME},{base64.b64encode(mac).decode()}"


def _fields(headers: Mapping[str, str]) -> tuple[str, str, str]:
    """Return the id, the time and the signatures; an empty text for a missing one."""
    values = {name.lower(): value for name, value in headers.items()}
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    first, second, third = (values.get(name, "") for name in names)
    return first, second, third
