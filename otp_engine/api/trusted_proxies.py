"""The connection of a client as a trusted proxy reports it, in the WSGI environment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from otp_engine.api.forwarded import client_address
from otp_engine.api.forwarded_proto import client_scheme

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class TrustedProxies:
    """WSGI middleware that sets the client's IP address and the client's scheme."""

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
        """Call the application with what the outermost proxy reports."""
        # Removed, because it would be reported as one that no proxy has read.
        header = environ.pop("HTTP_X_FORWARDED_FOR", "")
        environ["REMOTE_ADDR"] = client_address(header, self._proxies)
        header = environ.get("HTTP_X_FORWARDED_PROTO", "")
        if scheme := client_scheme(header, self._proxies):
            environ["wsgi.url_scheme"] = scheme
        return self._app(environ, start_response)
