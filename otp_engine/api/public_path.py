"""The path of `OTP_PUBLIC_URL`, under which a proxy publishes the service."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class PublicPath:
    """WSGI middleware that sets `SCRIPT_NAME`, so that every link has the path.

    The proxy may remove the path from its requests or keep it. A path that starts like
    one of the service's own, such as `/auth`, is never removed here: `/auth/send_otp`
    would be ambiguous.
    """

    def __init__(
        self, app: WSGIApplication, path: str, own_paths: Collection[str]
    ) -> None:
        """Wrap a WSGI application.

        Args:
            app: The application.
            path: The path, such as `/otp`, without a trailing slash.
            own_paths: The first segments of the paths of the application.
        """
        self._app = app
        self._path = path
        self._ambiguous = path.split("/")[1] in own_paths

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Call the application below the public path."""
        environ["SCRIPT_NAME"] = self._path
        path = environ.get("PATH_INFO", "")
        if not self._ambiguous and f"{path}/".startswith(f"{self._path}/"):
            environ["PATH_INFO"] = path.removeprefix(self._path) or "/"
        return self._app(environ, start_response)
