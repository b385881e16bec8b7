"""`/healthz`: the service responds. `/readyz`: it can serve a send."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from time import monotonic

from flask import Blueprint
from flask.typing import ResponseReturnValue

from otp_engine.errors import Unavailable

_REUSED_FOR = 1.0  # seconds; shorter than the interval of a load balancer


def blueprint(
    ping_store: Callable[[], None],
    draining: Callable[[], bool],
    alive: Callable[[], bool] = lambda: True,
    *,
    now: Callable[[], float] = monotonic,
) -> Blueprint:
    """Build the two views.

    Readiness does not depend on the provider: codes that were sent can be checked
    while it is down, so the instance should keep its traffic.

    A positive result counts for a second. Readiness needs no key and no limit counts
    it, and each check of the store writes, so a flood of requests would write as much.

    Args:
        ping_store: Raises `StoreUnavailable` when Redis does not reply.
        draining: Whether the process is about to stop. It still serves requests, but
            a load balancer should send new ones to another instance.
        alive: Whether a process that serves requests is alive; by default this one,
            which is.
        now: Returns a time in seconds that never goes back.

    Returns:
        The blueprint `health`.
    """
    bp = Blueprint("health", __name__)
    valid_until = now()

    @bp.get("/healthz")
    def healthz() -> ResponseReturnValue:
        if not alive():
            raise Unavailable
        return {"status": "alive"}, HTTPStatus.OK

    @bp.get("/readyz")
    def readyz() -> ResponseReturnValue:
        if draining() or not alive():
            raise Unavailable
        nonlocal valid_until
        if now() >= valid_until:
            ping_store()
            valid_until = now() + _REUSED_FOR
        return {"status": "ready"}, HTTPStatus.OK

    return bp
