"""Cross-origin rules of the APIs: which web pages may call them from a browser.

Without API keys, any page could make its visitors' browsers send forms, which would use
up the limits of each visitor's IP address. With Basic authentication, a browser adds
the credentials that a person once entered. Browsers send the origin of a request
(`Origin`, and `Sec-Fetch-Site` of Fetch Metadata), and pages cannot change these
headers. Clients other than browsers send neither.

Origins in `OTP_CORS_ORIGINS` may call `/auth`, and all their responses have CORS
headers, errors included. No response has `*`. `/v2` has no CORS.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NoReturn
from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import MethodNotAllowed

from otp_engine import api
from otp_engine.errors import OriginNotAllowed

log = logging.getLogger(__name__)

_PATH_PREFIX = "/auth/"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # of /v2; /auth has none
# A person opened the page itself, or the page has the origin of the service.
_OWN_SITES = frozenset({"none", "same-origin"})
_ALLOWED_HEADERS = "Authorization, Content-Type, X-Request-Id"
_EXPOSED_HEADERS = (
    "OTP-Attempts-Left, OTP-Channel, OTP-Expires-In, OTP-Proof,"
    " OTP-Recovery-Codes-Left, OTP-Resend-After, OTP-Verification, RateLimit,"
    " RateLimit-Policy, Retry-After, X-Request-Id"
)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}  # browsers omit them
_PREFLIGHT_SECONDS = "600"
# An origin is logged if it can contain no code and no phone number.
_LOGGABLE = re.compile(r"(?!.*[0-9]{6})https?://[a-z0-9._\[\]:-]{1,100}", re.ASCII)
_MAX_LOGGED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginPolicy:
    """Accepts or rejects requests to the APIs by their origin.

    Attributes:
        allowed: Origins of pages that may call `/auth`.
        public_url: The URL of this service; None uses the `Host` of each request.
        anonymous: Whether clients without an API key are accepted.
        dev: Whether the log has a hint for the developer of a rejected page, because
            the browser shows the page no response.
    """

    allowed: Sequence[str]
    public_url: str | None
    anonymous: bool
    dev: bool
    _logged: set[str] = field(default_factory=set)

    def init_app(self, app: Flask) -> None:
        """Check the requests of *app*, and add CORS headers to its responses."""
        app.before_request(self._check)
        if self.allowed:
            app.after_request(self._add_headers)

    def _check(self) -> ResponseReturnValue | None:
        environ = request_ctx.request.environ
        if "HTTP_ORIGIN" not in environ and "HTTP_SEC_FETCH_SITE" not in environ:
            return None  # the client is no page in a browser
        if not request.path.startswith(api.PATHS):
            return None
        if _is_preflight():
            if not self._is_allowed():
                self._reject()
            return "", HTTPStatus.NO_CONTENT, _preflight_headers()
        if self._needs_own_origin() and self._is_cross_origin():
            self._reject()
        return None

    def _is_allowed(self) -> bool:
        is_auth = request.path.startswith(_PATH_PREFIX)
        return is_auth and request.headers.get("Origin") in self.allowed

    def _needs_own_origin(self) -> bool:
        """Return whether a page could send the request without a key of its own."""
        if request.method in _SAFE_METHODS and not request.path.startswith(
            _PATH_PREFIX
        ):
            return False
        scheme = request.headers.get("Authorization", "").partition(" ")[0]
        return self.anonymous or scheme.lower() == "basic"

    def _reject(self) -> NoReturn:
        origin = request.headers.get("Origin", "")
        is_new = origin not in self._logged and len(self._logged) < _MAX_LOGGED
        if self.dev and is_new and _LOGGABLE.fullmatch(origin):
            self._logged.add(origin)
            log.warning(
                "a page of %s called %s, which OTP_CORS_ORIGINS does not allow: call it"
                " from your server, or set OTP_CORS_ORIGINS=%s",
                origin,
                request.url_rule.rule if request.url_rule else _PATH_PREFIX,
                origin,
            )
        raise OriginNotAllowed

    def _is_cross_origin(self) -> bool:
        """Return whether a page of an origin that is not allowed sent the request."""
        if self._is_allowed():
            return False
        if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES:
            return True
        origin = request.headers.get("Origin")
        return origin is not None and not self._is_own(origin)

    def _is_own(self, origin: str) -> bool:
        return is_own_origin(origin, self.public_url)

    def _add_headers(self, response: Response) -> Response:
        if request.path.startswith(_PATH_PREFIX):
            response.vary.add("Origin")
            if self._is_allowed():
                origin = request.headers["Origin"]
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
        return response


def is_own_origin(origin: str, public_url: str | None) -> bool:
    """Return whether an origin is that of this service.

    Args:
        origin: The value of `Origin`.
        public_url: The URL of this service; None uses the `Host` of the request.
    """
    if public_url is None:
        return origin.partition("://")[2] == request.host
    own = urlsplit(public_url)
    host = own.netloc.removesuffix(_DEFAULT_PORTS[own.scheme])
    return origin == f"{own.scheme}://{host}".lower()


def _is_preflight() -> bool:
    """Return whether the request is a CORS preflight of a path of `/auth`."""
    return (
        request.method == "OPTIONS"
        and request.path.startswith(_PATH_PREFIX)
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
        and isinstance(request.routing_exception, MethodNotAllowed)
    )


def _preflight_headers() -> dict[str, str]:
    error = request.routing_exception
    methods = error.valid_methods if isinstance(error, MethodNotAllowed) else None
    return {
        "Access-Control-Allow-Methods": ", ".join(sorted(methods or ())),
        "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
    }
