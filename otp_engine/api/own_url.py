"""The URL of this service, as its clients reach it."""

from __future__ import annotations

from flask import request
from werkzeug.sansio.utils import get_host


def of_request(public_url: str | None) -> str:
    """Return the URL of this service without a trailing slash.

    Args:
        public_url: The URL that the operator set; None takes scheme and host of the
            request.
    """
    if public_url:
        return public_url
    # A forged `Host` only appears in the forger's own response, which is not cached.
    # `request.host_url` would decode the name, and raises an error for some.
    host = request.host or get_host(request.scheme, None, request.server)
    return f"{request.scheme}://{host}"
