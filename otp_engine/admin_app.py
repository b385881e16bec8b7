"""The application of the admin listener: health and metrics, in the parent process."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from otp_engine.api import error_handlers
from otp_engine.composition.engine import policy_versions
from otp_engine.composition.flask_app import build_flask
from otp_engine.composition.metrics import add_store_gauges, build_metrics
from otp_engine.config import Settings
from otp_engine.domain.policy.live import LivePolicy
from otp_engine.errors import Unavailable
from otp_engine.fork_gate import ForkGate
from otp_engine.ops import health, request_log
from otp_engine.store.redis_store import build_store


def create_admin_app(
    settings: Settings,
    *,
    gate: ForkGate,
    alive: Callable[[], bool],
    draining: Callable[[], bool],
    metrics_dir: str | None = None,
) -> Flask:
    """Build the application that the admin listener serves.

    Args:
        settings: The settings of the operator.
        gate: A background call of Redis holds it.
        alive: Returns whether a worker is alive.
        draining: Returns whether the service is about to stop.
        metrics_dir: The directory of the metrics that the workers share.

    Returns:
        The WSGI application.
    """
    metrics = build_metrics(settings, metrics_dir)
    store = build_store(settings, metrics.timings)
    app = build_flask()
    request_log.init_app(
        app, metrics.timings.observe_request, metrics.timings.unauthorized
    )
    error_handlers.register(app, {})
    app.register_blueprint(health.blueprint(store.ping, draining, alive))
    if settings.has_metrics:
        live = LivePolicy(
            settings.policy,
            policy_versions(settings, store, store.events.add),
            lambda policy: policy,
            gauges=metrics.events,
        )
        read_gauges = add_store_gauges(settings, store, metrics, live.current)

        def refresh() -> None:
            with gate:
                read_gauges()
                # The thread that writes the event is not in a call during a fork.
                store.events.flush()

        blueprint = metrics.blueprint(settings.metrics_key, refresh)

        @blueprint.before_request
        def require_worker() -> None:
            # A scrape that fails reports an instance that is down.
            if not alive():
                raise Unavailable

        app.register_blueprint(blueprint)
    return app
