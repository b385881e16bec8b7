"""Which pages of other sites may call `/auth` from a browser.

Where no API key is needed, any page could have its visitors' browsers send forms: each
visitor would spend the limits of their own address for the page. Browsers tell where a
request comes from (`Origin`, and `Sec-Fetch-Site` of the Fetch Metadata standard), and
pages cannot change these headers. Requests of programs have neither.

The origins that an operator lists are let in, and get the headers of CORS on every
answer, errors included. No answer has `*`.
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

_PATHS = "/auth/"
_OTHER_SITES = frozenset({"cross-site", "same-site"})
_ALLOWED_HEADERS = "Authorization, Content-Type, X-Request-Id"
_EXPOSED_HEADERS = (
    "OTP-Attempts-Left, OTP-Expires-In, OTP-Proof, OTP-Resend-After,"
    " OTP-Verification, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}  # which browsers leave out
_PREFLIGHT_SECONDS = "600"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossOrigin:
    """Decides by the origin of a request to `/auth`.

    Attributes:
        allowed: Origins whose pages may call.
        public_url: The URL of this service; None takes the `Host` of each request.
        anonymous: Whether clients without an API key may call.
    """

    allowed: Sequence[str]
    public_url: str | None
    anonymous: bool

    def install(self, app: Flask) -> None:
        """Check the requests of *app*, and add the headers to its answers."""
        app.before_request(self._check)
        app.after_request(self._add_headers)

    def _check(self) -> ResponseReturnValue | None:
        if not request.path.startswith(_PATHS):
            return None
        if _is_preflight():
            if not self._is_allowed():
                raise OriginNotAllowed
            return "", HTTPStatus.NO_CONTENT, _preflight_headers()
        if self.anonymous and self._is_from_elsewhere():
            raise OriginNotAllowed
        return None

    def _is_allowed(self) -> bool:
        return request.headers.get("Origin") in self.allowed

    def _is_from_elsewhere(self) -> bool:
        """Whether a browser sent the request for a page that is not let in."""
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
        if self.allowed and request.path.startswith(_PATHS):
            response.vary.add("Origin")
            if self._is_allowed():
                origin = request.headers["Origin"]
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
        return response


def _is_preflight() -> bool:
    """Whether a browser asks for leave to call a path that exists."""
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
