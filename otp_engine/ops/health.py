"""`/healthz`: this process answers. `/readyz`: it can serve."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint
from flask.typing import ResponseReturnValue


def blueprint(ping_store: Callable[[], None]) -> Blueprint:
    """Build the two views; *ping_store* raises when Redis does not answer.

    Readiness does not ask the carrier: while it is away, codes that are out can
    still be checked, so traffic should still come.
    """
    bp = Blueprint("health", __name__)

    @bp.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return {"status": "alive"}, HTTPStatus.OK

    @bp.get("/readyz")
    def readyz() -> ResponseReturnValue:
        ping_store()
        return {"status": "ready"}, HTTPStatus.OK

    return bp
