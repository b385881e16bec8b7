"""`/healthz`: this process answers. `/readyz`: it can serve."""

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

    Readiness does not ask the carrier: while it is away, codes that are out can
    still be checked, so traffic should still come.

    Args:
        ping_store: Raises when Redis does not answer.
        draining: Whether traffic should go elsewhere, though it is still served.
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
