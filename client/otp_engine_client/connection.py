"""What both clients have in common: URL, headers, timeouts, errors of the network."""

from __future__ import annotations

import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from otp_engine_client.errors import OutcomeUnknown, ServiceUnreachable
from otp_engine_client.version import __version__

CONNECTIONS_TRIED = 1
"""Repetitions of a failed connection. A request is never sent again."""
DEFAULT_TIMEOUT = 15.0
"""Seconds. The service waits for a provider at most 12 seconds."""
_CONNECT_TIMEOUT = 3.0
_KEY_CHARACTERS = frozenset(string.ascii_letters + string.digits + string.punctuation)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a service.

    Attributes:
        base_url: The URL of the service, with a path if a proxy adds one.
        api_key: The secret of an API key; None in dev mode.
        timeout: Seconds for a request and its response.
    """

    base_url: str
    api_key: str | None = field(repr=False)
    timeout: float

    def __post_init__(self) -> None:
        try:
            url = httpx.URL(self.base_url)
        except httpx.InvalidURL as error:
            raise ValueError(f"the base URL is invalid: {error}") from None
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError("the base URL must start with https:// or http://")
        if url.userinfo or url.query or url.fragment:
            raise ValueError("the base URL must have no user, query or fragment")
        if self.api_key is not None and not (
            self.api_key and _KEY_CHARACTERS.issuperset(self.api_key)
        ):
            raise ValueError("the API key must be visible ASCII characters")

    def options(self) -> dict[str, Any]:
        """Return the options of the HTTP client.

        It follows no redirect, which could take the API key to another host, and uses
        no proxy and no `.netrc` of the environment.
        """
        headers = {
            "User-Agent": f"otp-engine-client/{__version__}",
            "Accept": "application/json",
        }
        if self.api_key is not None:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return {
            "base_url": self.base_url,
            "headers": headers,
            "timeout": httpx.Timeout(
                self.timeout, connect=min(_CONNECT_TIMEOUT, self.timeout)
            ),
            "follow_redirects": False,
            "trust_env": False,
        }


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise the errors of the network as those of this package.

    Raises:
        ServiceUnreachable: The request was not sent.
        OutcomeUnknown: It was sent, at least in part.
    """
    try:
        yield
    except _NEVER_SENT as error:
        raise ServiceUnreachable(_describe(error)) from error
    except httpx.RequestError as error:
        raise OutcomeUnknown(_describe(error)) from error


def _describe(error: httpx.RequestError) -> str:
    return str(error) or type(error).__name__
