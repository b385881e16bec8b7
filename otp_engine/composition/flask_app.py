"""Flask, as the service and its admin listener use it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response
from flask.globals import request_ctx
from flask.sessions import (
    NullSession,
    SecureCookieSession,
    SecureCookieSessionInterface,
)
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound
from werkzeug.routing import MapAdapter

from otp_engine import api
from otp_engine.api import (
    body,
)
from otp_engine.api.json_responses import JSONResponse
from otp_engine.web import embedding

if TYPE_CHECKING:
    # For the type checker only, for the reason in `build_metrics`.
    pass


log = logging.getLogger(__name__)


class _PageSessions(SecureCookieSessionInterface):
    """Sessions of the pages, in a cookie. Requests to the APIs have none."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of *request*; see `SessionInterface.open_session`."""
        if request.path.startswith(api.PATHS):
            # To prepare the signature of a cookie would cost as much as 15 µs.
            return self._none
        return super().open_session(app, request)

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name of the cookie; embedded pages have one of their own."""
        name = super().get_cookie_name(app)
        if embedding.is_requested(request_ctx.request):
            return name + embedding.COOKIE_SUFFIX
        return name

    def get_cookie_samesite(self, app: Flask) -> str | None:
        """Return which requests of other sites have the cookie.

        A browser sends the cookie of a frame of another site only with `None`, and
        accepts that only over TLS.
        """
        if self.get_cookie_partitioned(app):
            return "None"
        return super().get_cookie_samesite(app)

    def get_cookie_partitioned(self, app: Flask) -> bool:
        """Return whether each site that embeds the page has a cookie of its own."""
        is_embedded = embedding.is_requested(request_ctx.request)
        return is_embedded and self.get_cookie_secure(app)

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether browsers send the cookie over TLS only.

        Also without `OTP_PUBLIC_URL`, if this request came over TLS: the cookie is
        enough to enroll an authenticator app.
        """
        return super().get_cookie_secure(app) or request_ctx.request.is_secure


class _App(Flask):
    """Flask with a log that contains nothing of a request."""

    session_interface = _PageSessions()

    def log_exception(self, exc_info: Any) -> None:  # noqa: ANN401 - Flask's signature
        """Log the error; the line of Flask contains the path."""
        log.error("unexpected error", exc_info=exc_info)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return the router of *request*.

        Overrides the method of Flask, which reads the host twice.

        Raises:
            BadHost: The name in `Host` is not valid.
        """
        if request is None:
            return super().create_url_adapter(request)
        return self.url_map.bind(
            request.host,
            script_name=request.root_path,
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
        )

    def make_response(self, rv: ResponseReturnValue) -> Response:
        """Build the response from what a view returned.

        Overrides the method of Flask, for bodies in JSON.
        """
        match rv:
            case dict():
                return JSONResponse(rv)
            case (dict() as body, int() as status):
                return JSONResponse(body, status)
            case (dict() as body, int() as status, dict() as headers):
                return JSONResponse(body, status, headers)
            case _:
                return super().make_response(rv)

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """Do nothing: no function runs at the end of a request.

        Overrides the method of Flask, which searches every blueprint for one.
        """

    def do_teardown_appcontext(self, exc: BaseException | None = None) -> None:
        """Do nothing, as `do_teardown_request`."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return *func*: no view and no hook is a coroutine.

        Overrides the method of Flask, which looks for one at each call of a hook.
        """
        return func


def build_flask() -> Flask:
    """Return an application without views that answers and logs as the service."""
    app = _App("otp_engine", static_folder=None)
    # One byte more distinguishes a body that was cut off from one that just fits.
    app.config["MAX_CONTENT_LENGTH"] = body.MAX_BYTES + 1
    # Flask's own response to OPTIONS is HTML.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # The response to a wrong path is a 404 and no redirect.
    app.url_map.merge_slashes = False
    return app


def reject_double_slash() -> None:
    """Reject `//auth`, which Werkzeug routes as `/auth` past the rules of a proxy."""
    if request_ctx.request.environ.get("PATH_INFO", "").startswith("//"):
        raise NotFound
