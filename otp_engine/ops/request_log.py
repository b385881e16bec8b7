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
import os
import re
from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter, time

from flask import Flask, Response, g, has_request_context
from flask.globals import app_ctx, request_ctx

log = logging.getLogger("otp_engine.access")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNMEASURED = frozenset({"health", "metrics"})
_REPEATED = _UNMEASURED | {"assets", "drop_in", "inbox"}
_CONTEXT_FIELDS = ("phone", "client_name", "error", "limit")
_HEADER = "X-Request-Id"
_RECORD = vars(
    logging.makeLogRecord(
        {
            "name": log.name,
            "msg": "request",
            "levelno": logging.INFO,
            "levelname": "INFO",
        }
    )
)
_VARIABLE = "HTTP_X_REQUEST_ID"  # of the header, in the WSGI environment
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
        if not hasattr(record, "request_id") and has_request_context():
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
        # Each use of `g` or of `request` would look up the context again.
        context, request = app_ctx.g, request_ctx.request
        status, blueprint = response.status_code, request.blueprint
        response.headers.add(_HEADER, context.request_id)
        if status == HTTPStatus.UNAUTHORIZED:
            unauthorized((blueprint or "other").partition(".")[0])
        seconds = perf_counter() - context.started_at
        method = request.method if request.method in _METHODS else ""
        route = request.url_rule.rule if request.url_rule else ""
        if blueprint not in _UNMEASURED:
            observe(method, route, status, seconds)
        failed = status >= HTTPStatus.BAD_REQUEST
        if log.isEnabledFor(logging.INFO) and (failed or blueprint not in _REPEATED):
            # `log.info` would also search the stack for its caller, and read the path
            # of the file, the thread and the process again for each record.
            record = object.__new__(logging.LogRecord)
            record.__dict__ = {
                **_RECORD,
                "created": time(),
                "request_id": context.request_id,
                "method": method or None,
                "route": route or None,
                "status": status,
                "ms": round(seconds * 1000, 1),
                **{name: context.get(name) for name in _CONTEXT_FIELDS},
            }
            log.handle(record)
        return response

    app.before_request(_start)
    app.after_request(finish)


def _start() -> None:
    request_id = request_ctx.request.environ.get(_VARIABLE)
    if request_id is None or not _is_loggable(request_id):
        request_id = os.urandom(8).hex()
    context = app_ctx.g
    context.request_id = request_id
    context.started_at = perf_counter()


def _is_loggable(request_id: str) -> bool:
    # The hyphens of a UUID do not end a run: a client chooses the digits around them.
    digits = request_id.replace("-", "")
    return bool(_VALID_REQUEST_ID.fullmatch(request_id)) and not _POSSIBLE_CODE.search(
        digits
    )
