"""One line a request, and a request id to find it by.

The line names the route and not the path, because a stranger may write anything into
a path, a number or a code included. What else may be said is left on `flask.g`:
`phone`, already masked, `caller`, the name of the API key, `error`, the name of what
went wrong, and `limit`, the name of the limit that refused.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter

from flask import Flask, Response, g, request

log = logging.getLogger("otp_engine.access")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNHEARD = frozenset({"health", "metrics"})
_LEFT_BEHIND = ("phone", "caller", "error", "limit")
_HEADER = "X-Request-Id"
# A UUID, or the ids of tracing systems. Whatever is accepted is logged, so none of them
# may hold a run of digits that could be a code or a phone number.
_SHAPE = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{16}",
    re.ASCII | re.IGNORECASE,
)
_LIKE_A_CODE = re.compile(r"[0-9]{6}", re.ASCII)


Answered = Callable[[str, str, int, float], None]
"""Is told method, route, status and seconds of a request."""


Unauthorized = Callable[[str], None]
"""Is called with the name of the API that answered 401."""


def install(app: Flask, answered: Answered, unauthorized: Unauthorized) -> None:
    """Give every request of *app* an id, and every answer a line in the log.

    *answered* is told how long each took. Of those that look after the service,
    health and metrics, nobody hears. Every 401 is counted, also one of the metrics.
    """

    def end(response: Response) -> Response:
        response.headers[_HEADER] = g.request_id
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            unauthorized((request.blueprint or "other").partition(".")[0])
        if request.blueprint not in _UNHEARD:
            took = perf_counter() - g.began
            method = request.method if request.method in _METHODS else ""
            route = request.url_rule.rule if request.url_rule else ""
            answered(method, route, response.status_code, took)
            _log(method, route, response.status_code, took)
        return response

    app.before_request(_begin)
    app.after_request(end)


def _begin() -> None:
    given = request.headers.get(_HEADER, "")
    g.request_id = given if _is_loggable(given) else secrets.token_hex(8)
    g.began = perf_counter()


def _is_loggable(request_id: str) -> bool:
    # The hyphens of a UUID do not end a run: they stand where anything may.
    digits = request_id.replace("-", "")
    return bool(_SHAPE.fullmatch(request_id)) and not _LIKE_A_CODE.search(digits)


def _log(method: str, route: str, status: int, took: float) -> None:
    log.info(
        "request",
        extra={
            "request_id": g.request_id,
            "method": method or None,
            "route": route or None,
            "status": status,
            "ms": round(took * 1000, 1),
            **{name: g.get(name) for name in _LEFT_BEHIND},
        },
    )
