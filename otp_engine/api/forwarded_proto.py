"""The scheme of a request from `X-Forwarded-Proto`, for a service with trusted proxies.

`/v2` builds absolute URLs from the scheme and from `Host`, unless `OTP_PUBLIC_URL` is
set. A proxy with TLS forwards plain HTTP, and reports the client's scheme in this
header. `X-Forwarded-Host`, `-Port` and `-Prefix` are never read: proxies forward the
client's own values of them, and can forward `Host` itself.

Werkzeug's `ProxyFix` reads the header too, but accepts any text as the scheme, parses
quotes that a client may have written, and ignores the only entry of two proxies.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SCHEMES = frozenset({"http", "https"})


class ForwardedProto:
    """WSGI middleware that sets the scheme to that of the client's connection."""

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
        """Call the application with the client's scheme instead of the proxy's."""
        header = environ.get("HTTP_X_FORWARDED_PROTO", "")
        if scheme := client_scheme(header, self._proxies):
            environ["wsgi.url_scheme"] = scheme
        return self._app(environ, start_response)


def client_scheme(header: str, proxies: int) -> str | None:
    """Return the scheme that the outermost trusted proxy wrote.

    Proxies append to this header, replace it or forward it. At most *proxies* entries
    from the end are theirs, and the first of these is that of the outermost one.

    Args:
        header: The value of `X-Forwarded-Proto`.
        proxies: Number of trusted proxies.

    Returns:
        `http` or `https`; None if the entry is something else.
    """
    entry = header.split(",")[-proxies:][0].strip().lower()
    return entry if entry in _SCHEMES else None
