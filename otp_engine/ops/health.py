"""`/healthz`: the process responds. `/readyz`: it can serve a send."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint
from flask.typing import ResponseReturnValue

from otp_engine.errors import Unavailable


def blueprint(
    ping_store: Callable[[], None], draining: Callable[[], bool]
) -> Blueprint:
    """Build the two views.

    Readiness does not depend on the provider: codes that were sent can be checked
    while it is down, so the instance should keep its traffic.

    Args:
        ping_store: Raises `StoreUnavailable` when Redis does not reply.
        draining: Whether the process is about to stop. It still serves requests, but
            a load balancer should send new ones to another instance.

    Returns:
        The blueprint `health`.
    """
    bp = Blueprint("health", __name__)

    @bp.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return {"status": "alive"}, HTTPStatus.OK

    @bp.get("/readyz")
    def readyz() -> ResponseReturnValue:
        if draining():
            raise Unavailable
        ping_store()
        return {"status": "ready"}, HTTPStatus.OK

    return bp
