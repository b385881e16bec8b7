"""The client's address behind proxies, read from `X-Forwarded-For`.

Each proxy appends the address of its peer, so of N trusted proxies the outermost one
wrote the Nth entry from the end. Entries before it come from the client and can hold
anything, quotes and commas included; they are never parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

UNKNOWN = "unknown"
"""The address of a client whose entry is missing or malformed."""

_WITH_PORT = re.compile(
    r"\[(?P<v6>[0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?"
    r"|(?P<v4>[0-9]{1,3}(?:\.[0-9]{1,3}){3}):[0-9]{1,5}",
    re.ASCII,
)


class Forwarded:
    """WSGI middleware that sets `REMOTE_ADDR` to the client's address."""

    def __init__(self, app: WSGIApplication, proxies: int) -> None:
        """Wrap *app*.

        Args:
            app: The WSGI application.
            proxies: Number of trusted proxies in front of it, at least 1.
        """
        self._app = app
        self._proxies = proxies

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Pass the request on with the client's address in place of the proxy's."""
        header = environ.get("HTTP_X_FORWARDED_FOR", "")
        environ["REMOTE_ADDR"] = client_address(header, self._proxies)
        return self._app(environ, start_response)


def client_address(header: str, proxies: int) -> str:
    """Return the address that the outermost of *proxies* added, without its port.

    The text is not checked further; `domain.addresses.read` does that.

    Returns:
        The address, or `UNKNOWN` where the header has fewer entries than proxies.
    """
    entries = header.rsplit(",", proxies)
    if len(entries) < proxies:
        return UNKNOWN
    entry = entries[-proxies].strip()
    if found := _WITH_PORT.fullmatch(entry):
        return found["v6"] or found["v4"]
    return entry or UNKNOWN
