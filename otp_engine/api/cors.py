"""Cross-origin rules of `/auth`: which web pages may call it from a browser.

Without API keys, any page could make its visitors' browsers send forms, which would use
up the limits of each visitor's IP address. Browsers send the origin of a request
(`Origin`, and `Sec-Fetch-Site` of Fetch Metadata), and pages cannot change these
headers. Clients other than browsers send neither.

Origins in `OTP_CORS_ORIGINS` are accepted, and all their responses have CORS headers,
errors included. No response has `*`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import MethodNotAllowed

from otp_engine.errors import OriginNotAllowed

_PATH_PREFIX = "/auth/"
_OTHER_SITES = frozenset({"cross-site", "same-site"})
_ALLOWED_HEADERS = "Authorization, Content-Type, X-Request-Id"
_EXPOSED_HEADERS = (
    "OTP-Attempts-Left, OTP-Expires-In, OTP-Proof, OTP-Resend-After,"
    " OTP-Verification, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}  # browsers omit them
_PREFLIGHT_SECONDS = "600"


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginPolicy:
    """Accepts or rejects requests to `/auth` by their origin.

    Attributes:
        allowed: Origins of pages that may call `/auth`.
        public_url: The URL of this service; None uses the `Host` of each request.
        anonymous: Whether clients without an API key are accepted.
    """

    allowed: Sequence[str]
    public_url: str | None
    anonymous: bool

    def init_app(self, app: Flask) -> None:
        """Check the requests of *app*, and add CORS headers to its responses."""
        app.before_request(self._check)
        if self.allowed:
            app.after_request(self._add_headers)

    def _check(self) -> ResponseReturnValue | None:
        if not request.path.startswith(_PATH_PREFIX):
            return None
        headers = request.headers
        if "Origin" not in headers and "Sec-Fetch-Site" not in headers:
            return None  # the client is no page in a browser
        if _is_preflight():
            if not self._is_allowed():
                raise OriginNotAllowed
            return "", HTTPStatus.NO_CONTENT, _preflight_headers()
        if self.anonymous and self._is_cross_origin():
            raise OriginNotAllowed
        return None

    def _is_allowed(self) -> bool:
        return request.headers.get("Origin") in self.allowed

    def _is_cross_origin(self) -> bool:
        """Return whether a page of an origin that is not allowed sent the request."""
        if self._is_allowed():
            return False
        if request.headers.get("Sec-Fetch-Site") in _OTHER_SITES:
            return True
        origin = request.headers.get("Origin")
        return origin is not None and not self._is_own(origin)

    def _is_own(self, origin: str) -> bool:
        if self.public_url is None:
            return origin.partition("://")[2] == request.host
        own = urlsplit(self.public_url)
        host = own.netloc.removesuffix(_DEFAULT_PORTS[own.scheme])
        return origin == f"{own.scheme}://{host}".lower()

    def _add_headers(self, response: Response) -> Response:
        if request.path.startswith(_PATH_PREFIX):
            response.vary.add("Origin")
            if self._is_allowed():
                origin = request.headers["Origin"]
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
        return response


def _is_preflight() -> bool:
    """Return whether the request is a CORS preflight of a path that exists."""
    return (
        request.method == "OPTIONS"
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
