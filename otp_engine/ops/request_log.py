"""A request id for every request, and one log line for most responses.

Successful responses of health checks, scrapes, assets and the inbox have no line: they
repeat every few seconds, and would hide the others. Their errors have one.

The line contains the route and not the path, because a client can put anything into a
path, such as a number or a code. Views add more fields through `flask.g`: `phone`,
already masked; `client_name`, the name of the API key; `error`, the error code; and
`limit`, the name of the rule that refused the request.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter

from flask import Flask, Response, g, has_request_context, request

log = logging.getLogger("otp_engine.access")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNMEASURED = frozenset({"health", "metrics"})
_REPEATED = _UNMEASURED | {"assets", "inbox"}
_CONTEXT_FIELDS = ("phone", "client_name", "error", "limit")
_HEADER = "X-Request-Id"
# A UUID, or the ids of tracing systems. An accepted id is logged, so no id may contain
# a run of digits that could be a code or a phone number.
_VALID_REQUEST_ID = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{16}",
    re.ASCII | re.IGNORECASE,
)
_POSSIBLE_CODE = re.compile(r"[0-9]{6}", re.ASCII)

RequestObserver = Callable[[str, str, int, float], None]
"""Receives the method, the route, the status and the duration in seconds."""

UnauthorizedObserver = Callable[[str], None]
"""Receives the name of the API that returned 401."""


class RequestIdFilter(logging.Filter):
    """Add `request_id` to every record that is logged during a request.

    A thread pool loses the request unless it runs its work in a copy of the context:
    `executor.submit(contextvars.copy_context().run, function)`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True always, with `request_id` set on *record*."""
        if has_request_context() and not hasattr(record, "request_id"):
            record.request_id = g.get("request_id")
        return True


def init_app(
    app: Flask, observe: RequestObserver, unauthorized: UnauthorizedObserver
) -> None:
    """Give every request of *app* an id, and log every response.

    Args:
        app: The application.
        observe: Called for every response except those of health and metrics.
        unauthorized: Called for every 401, including those of metrics.
    """

    def finish(response: Response) -> Response:
        response.headers[_HEADER] = g.request_id
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            unauthorized((request.blueprint or "other").partition(".")[0])
        seconds = perf_counter() - g.started_at
        method = request.method if request.method in _METHODS else ""
        route = request.url_rule.rule if request.url_rule else ""
        if request.blueprint not in _UNMEASURED:
            observe(method, route, response.status_code, seconds)
        failed = response.status_code >= HTTPStatus.BAD_REQUEST
        if failed or request.blueprint not in _REPEATED:
            log.info(
                "request",
                extra={
                    "request_id": g.request_id,
                    "method": method or None,
                    "route": route or None,
                    "status": response.status_code,
                    "ms": round(seconds * 1000, 1),
                    **{name: g.get(name) for name in _CONTEXT_FIELDS},
                },
            )
        return response

    app.before_request(_start)
    app.after_request(finish)


def _start() -> None:
    request_id = request.headers.get(_HEADER)
    if request_id is None or not _is_loggable(request_id):
        request_id = secrets.token_hex(8)
    g.request_id = request_id
    g.started_at = perf_counter()


def _is_loggable(request_id: str) -> bool:
    # The hyphens of a UUID do not end a run: a client chooses the digits around them.
    digits = request_id.replace("-", "")
    return bool(_VALID_REQUEST_ID.fullmatch(request_id)) and not _POSSIBLE_CODE.search(
        digits
    )
