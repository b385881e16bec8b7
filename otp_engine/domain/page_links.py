"""Page links: URLs of the hosted page that name an identity.

An application requests a link with its API key, and sends the person there. The token
in the link is encrypted with the data key of factors. So a log contains no identity,
and a stolen pepper makes no link.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from otp_engine.crypto.secret_keys import SecretKey
from otp_engine.errors import PageLinkExpired

LINK_TTL = timedelta(minutes=10)
"""How long a link can be opened."""

_CONTEXT = b"page link"
_TEXT = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class LinkedPage(StrEnum):
    """What a link leads to."""

    ENROLL = "enroll"
    VERIFY = "verify"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLink:
    """What an application lets a person do on the page.

    Attributes:
        id: 16 random bytes in hexadecimal.
        page: What the link leads to.
        service: SID of the service.
        identity: The identity of the person.
        expires_at: Until when it can be opened, in seconds since 1970.
        client_name: Name of the API key; None for an anonymous client.
        name: The name of the account in the authenticator app.
        phone: A number in E.164 that the page may send a code to instead.
        return_url: Where the person returns to; empty without an application.
        state: A value that the application chose; it becomes the proof's `nonce`.
    """

    id: str
    page: LinkedPage
    service: str
    identity: str = field(repr=False)
    expires_at: int
    client_name: str | None = None
    name: str = field(default="", repr=False)
    phone: str | None = field(default=None, repr=False)
    return_url: str = ""
    state: str = field(default="", repr=False)

    def encode(self, key: SecretKey) -> str:
        """Return the token of the link as URL-safe text."""
        return seal(asdict(self), key, context=_CONTEXT)

    def remaining(self, now: datetime) -> timedelta:
        """Return how long the link can still be opened at *now*."""
        return datetime.fromtimestamp(self.expires_at, UTC) - now


def parse(text: str, key: SecretKey, *, now: datetime) -> PageLink:
    """Parse the token of a link.

    Args:
        text: The token, as `PageLink.encode` returns it.
        key: The data key.
        now: The time in UTC.

    Raises:
        PageLinkExpired: The text is no token of the *key*, or has expired.
    """
    values = unseal(text, key, context=_CONTEXT)
    if values is None:
        raise PageLinkExpired
    link = from_values(values)
    if link.remaining(now) <= timedelta():
        raise PageLinkExpired
    return link


def from_values(values: dict[str, Any]) -> PageLink:
    """Return the link of the values that `unseal` returned."""
    return PageLink(**values | {"page": LinkedPage(values["page"])})


def seal(values: dict[str, Any], key: SecretKey, *, context: bytes) -> str:
    """Encrypt *values* for a URL or a cookie.

    Args:
        values: What JSON can represent.
        key: The data key.
        context: What the text is for; only the same context opens it.

    Returns:
        URL-safe text.
    """
    data = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
    encrypted = key.encrypt(data, context=context)
    return base64.urlsafe_b64encode(encrypted).decode().rstrip("=")


def unseal(text: str, key: SecretKey, *, context: bytes) -> dict[str, Any] | None:
    """Decrypt a text of `seal`.

    Args:
        text: The text.
        key: The data key.
        context: The context that it was encrypted for.

    Returns:
        The values; None if the text has another key or context, or was changed.
    """
    if not _TEXT.fullmatch(text):
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        encrypted = base64.b64decode(padded, altchars=b"-_", validate=True)
        values: dict[str, Any] = json.loads(key.decrypt(encrypted, context=context))
    except (binascii.Error, ValueError):
        return None
    return values


class PageLinkStore(Protocol):
    """Stores which links were opened."""

    def open(self, link_id: str, *, idempotency_key: bytes, ttl: timedelta) -> bool:
        """Open a link, or return False if it was opened before.

        Args:
            link_id: Id of the link.
            idempotency_key: Identifies the request: a repetition with the same key
                returns True again.
            ttl: How long the link can still be opened.

        Raises:
            StoreUnavailable: The store did not answer.
        """
