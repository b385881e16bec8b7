"""The client's IP address from `X-Forwarded-For`, for a service with trusted proxies.

Each proxy appends the address of its peer, so the outermost of N trusted proxies wrote
the Nth entry from the end. The client wrote the entries before it. They can contain any
text, quotes and commas included, and are never parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

UNKNOWN = "unknown"
"""The address of a client without an entry."""

_WITH_PORT = re.compile(
    r"\[(?P<v6>[0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?"
    r"|(?P<v4>[0-9]{1,3}(?:\.[0-9]{1,3}){3}):[0-9]{1,5}",
    re.ASCII,
)


class ForwardedFor:
    """WSGI middleware that sets `REMOTE_ADDR` to the client's IP address."""

    def __init__(self, app: WSGIApplication, proxies: int) -> None:
        """Wrap a WSGI application.

        Args:
            app: The application.
            proxies: Number of trusted proxies in front of the service, at least 1.
        """
        self._app = app
        self._proxies = proxies

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Call the application with the client's address instead of the proxy's."""
        header = environ.get("HTTP_X_FORWARDED_FOR", "")
        environ["REMOTE_ADDR"] = client_address(header, self._proxies)
        return self._app(environ, start_response)


def client_address(header: str, proxies: int) -> str:
    """Return the address that the outermost trusted proxy appended, without its port.

    Args:
        header: The value of `X-Forwarded-For`.
        proxies: Number of trusted proxies.

    Returns:
        The text of the address, which `ip_networks.normalize` validates, or `UNKNOWN`
        if the header has fewer entries than *proxies* or the entry is empty.
    """
    entries = header.rsplit(",", proxies)
    if len(entries) < proxies:
        return UNKNOWN
    entry = entries[-proxies].strip()
    if match := _WITH_PORT.fullmatch(entry):
        return match["v6"] or match["v4"]
    return entry or UNKNOWN
